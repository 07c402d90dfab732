"""Where lists are read: one at a time, in a thread that nothing urgent waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from store.errors import Unavailable

MOST_WAITING = 8
"""Lists in the line; each takes a second at most, so the last is read before its page gives up."""

Read = TypeVar("Read")


class ListReader:
    """A thread for reading files that people bring."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lists")
        self._waiting = 0

    async def read(self, read: Callable[[bytes | str], Read], data: bytes | str) -> Read:
        """Return what a function makes of a file. Raises what it raises, and Unavailable."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, read, data)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
