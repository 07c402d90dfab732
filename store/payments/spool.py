"""The spool: a directory of fsynced files, where a delivery waits when nothing else could keep it.

One file for each delivery, written aside and renamed, so that a file under its name is whole. It
belongs to the machine of this process, which therefore drains it itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from store.errors import Unavailable

MOST_FILES = 20_000
"""Over a minute and a half of 200 deliveries a second, hours of a real shop's; at their usual two
kilobytes 40 MB. What comes then is refused, and Lynk.id keeps it."""

MOST_WAITING = 256
"""Writes that may wait for the disk: at a millisecond each they are within the deadline."""

BATCH = 100
"""Files read at a time when draining."""

log = logging.getLogger("jaga.payments")


class Spool:
    """Deliveries as files under `$JAGA_HOME/spool`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "spool"
        # one thread: a disk gains nothing by two, and the count needs no lock
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting = 0
        self._count: int | None = None

    def close(self) -> None:
        """Let the thread go; a write that hangs is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def keep(self, name: str, record: dict[str, Any]) -> None:
        """Write a record that survives a crash. Raises OSError, Unavailable when it is full."""
        await self._in_thread(self._write, name, json.dumps(record))

    async def drain(self, keep: Callable[[dict[str, Any]], Awaitable[bool]]) -> int:
        """Hand every record to `keep`, oldest first, and drop what it took; returns how many.

        Stops at the first that was not taken: its turn comes again. A file that is no record, or
        for which `keep` raises ValueError, is put aside under a hidden name.
        """
        drained = 0
        while names := await self._in_thread(self._oldest):
            for name in names:
                try:
                    record = await self._in_thread(self._read, name)
                    if record is not None and not await keep(record):
                        return drained
                except ValueError:
                    log.error("no delivery, put aside: %s", self._folder / f".odd-{name}")
                    await self._in_thread(self._put_aside, name)
                    continue
                await self._in_thread(self._drop, name)
                drained += 1
        return drained

    async def count(self) -> int:
        """Return how many wait."""
        return int(await self._in_thread(self._counted))

    async def room(self) -> int:
        """Return how many bytes its disk has left. Raises OSError."""
        return int(await self._in_thread(self._room))

    def _room(self) -> int:
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        return shutil.disk_usage(there).free

    async def _in_thread(self, call: Callable[..., Any], *words: Any) -> Any:
        if self._waiting >= MOST_WAITING:
            raise Unavailable()
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, call, *words)
        done.add_done_callback(self._one_less)
        return await asyncio.shield(done)

    def _one_less(self, done: asyncio.Future[Any]) -> None:
        """Counted when the disk is done, not when its caller has lost patience."""
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # heard here, in case nobody waits any more

    def _write(self, name: str, text: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._counted() >= MOST_FILES:
            raise Unavailable()
        final, aside = self._folder / f"{name}.json", self._folder / f".{name}"
        try:
            with open(aside, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, final)
        except OSError:
            aside.unlink(missing_ok=True)  # half a file on a full disk
            raise
        self._sync_folder()
        self._count = self._counted() + 1

    def _sync_folder(self) -> None:
        """The name must be on the disk as well as the bytes."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _counted(self) -> int:
        if self._count is None:
            self._count = len(self._names()) if self._folder.is_dir() else 0
        return self._count

    def _names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.name[0] != ".")

    def _oldest(self) -> list[str]:
        """Found by looking, because another process of this machine may write here too."""
        if not self._folder.is_dir():
            if self._count:
                log.error("%s is gone, with %d deliveries that waited", self._folder, self._count)
            self._count = None
            return []
        names = self._names()
        self._count = len(names)
        return names[:BATCH]

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            record = json.loads((self._folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None  # drained by another process
        if not isinstance(record, dict):
            raise ValueError("no object")
        return record

    def _put_aside(self, name: str) -> None:
        os.replace(self._folder / name, self._folder / f".odd-{name}")

    def _drop(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        self._count = max(0, self._counted() - 1)
