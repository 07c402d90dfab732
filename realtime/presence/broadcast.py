"""Writing to many: a batch, then a turn of the loop, so that one logout overtakes ten thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from realtime.transport.connection import Connection

BATCH = 250
"""Connections written to between two turns of the loop: about 2 ms."""


async def broadcast(
    connections: Iterable[Connection], write: Callable[[Connection], object]
) -> None:
    """Write to each connection that is open when its turn comes.

    Takes a collection that does not change meanwhile, as the hub returns them.
    """
    for number, connection in enumerate(connections, 1):
        if connection.is_open:
            write(connection)
        if number % BATCH == 0:
            await asyncio.sleep(0)
