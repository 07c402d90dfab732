"""Advisory locks of Postgres: of one kind of work, one run at a time.

A lock belongs to a transaction that stays open beside the work, so that it goes with a process that
dies, and is never left behind where connections are lent for a transaction each (pgbouncer). Where
its connection goes alone, the work's is cut: another run may have the lock by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum

from store.database import Connection, Database, cut, statement


class Lock(IntEnum):
    """The first half of a lock's name; the second is a Redis name, for several sites may share one
    Postgres."""

    RESTORE = 5_243_003
    PAYMENTS = 5_243_030


@asynccontextmanager
async def locked(database: Database, lock: Lock, name: str) -> AsyncIterator[Connection | None]:
    """Give a connection to work with, while this process has the lock; None when another has it.

    What the caller does has transactions of its own. Raises Unavailable.
    """
    async with database.connection() as guard, guard.transaction():
        params = {"lock": int(lock), "name": name}
        row = await (await guard.execute(statement("locks", "try_lock"), params)).fetchone()
        if not (row and row["taken"]):
            yield None
            return
        async with database.connection() as connection:
            with _cut_with(guard, connection):
                yield connection


@contextmanager
def _cut_with(guard: Connection, connection: Connection) -> Iterator[None]:
    """Cut the connection when the guard, of which nothing is asked meanwhile, has word for us: it
    was ended."""
    loop, line = asyncio.get_running_loop(), guard.fileno()

    def end() -> None:
        loop.remove_reader(line)
        cut(connection)

    loop.add_reader(line, end)
    try:
        yield
    finally:
        loop.remove_reader(line)
