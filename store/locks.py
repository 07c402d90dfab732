"""Advisory locks of Postgres: of one kind of work, one run at a time.

A lock belongs to a transaction that stays open beside the work, so that it goes with a process that
dies, and is never left behind where connections are lent for a transaction each (pgbouncer).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from store.database import Connection, Database, statement


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
            yield connection
