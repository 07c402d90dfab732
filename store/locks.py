"""Advisory locks of Postgres: of one kind of work, one run at a time.

A lock belongs to its connection, so that it goes with a process that dies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from store.database import Connection, Database, statement


class Lock(IntEnum):
    """The first half of a lock's name; the second is a Redis name, for several sites may share one
    Postgres."""

    PERSIST = 5_243_002
    RESTORE = 5_243_003
    PAYMENTS = 5_243_030


@asynccontextmanager
async def locked(database: Database, lock: Lock, name: str) -> AsyncIterator[Connection | None]:
    """Give a connection that holds the lock, None while another one does. Raises Unavailable.

    The lock is taken in a transaction of its own and outlives it: what the caller does has its own.
    """
    params = {"lock": int(lock), "name": name}
    async with database.connection() as connection:
        async with connection.transaction():
            found = await connection.execute(statement("locks", "try_lock"), params)
            row = await found.fetchone()
        if not (row and row["taken"]):
            yield None
            return
        try:
            yield connection
        finally:
            # the lock of a connection that broke went with it
            if not (connection.broken or connection.closed):
                async with connection.transaction():
                    await connection.execute(statement("locks", "unlock"), params)
