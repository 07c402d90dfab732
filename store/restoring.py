"""Rebuilding Redis from Postgres after it was emptied; until that is done nobody is let in.

Only what is lasting comes back: members, the names they log in by, their devices. Sessions do not,
so everybody logs in again. It may be broken off and begun again at any point, by any process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import psycopg

from store.attendance.restoring import restore_attendance
from store.database import Connection, Row, statement
from store.devices import restore_devices
from store.errors import Unavailable
from store.hotspot.restoring import restore_hotspot
from store.locks import Lock, locked
from store.members import fold
from store.opening import Store
from store.payments.restoring import restore_licences
from store.scripts import text_of

BATCH = 500
"""Members per round trip: some ten milliseconds of Redis's time."""

WAIT_SECONDS = 60.0
"""How long another process's rebuilding is waited for: enough for a million members."""

LOOK_SECONDS = 0.2

SAY_SECONDS = 2.0
"""How often progress is told."""

FIELDS = ("email", "username", "name", "phone", "role", "password", "status")

log = logging.getLogger("jaga.restoring")

Say = Callable[[str], object]


async def restore_if_needed(store: Store) -> bool:
    """Rebuild Redis unless it is whole; waits while another process does.

    Returns whether this call put anybody back, which a first start has nobody to. Raises
    Unavailable when Postgres is away, has no tables yet, or another process takes longer than
    WAIT_SECONDS; redis.RedisError.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not await _is_built(store):
        async with locked(store.database, Lock.RESTORE, store.keys.prefix) as ours:
            if ours is not None:
                if await _is_built(store):  # by whom we waited for
                    return False
                await _end_lost(ours)
                return await _restore(store, ours, log.info) > 0
        if time.monotonic() >= deadline:
            raise Unavailable()
        await asyncio.sleep(LOOK_SECONDS)
    return False


async def restore(store: Store, say: Say) -> int:
    """Put back every member that Redis lacks or knows less of, whether it is whole or not.

    Takes a function that is told the progress in a line. Returns how many were put back. Raises
    as `restore_if_needed` does; Unavailable also when another process is at it.
    """
    async with locked(store.database, Lock.RESTORE, store.keys.prefix) as ours:
        if ours is None:
            raise Unavailable()
        return await _restore(store, ours, say)


async def _end_lost(connection: Connection) -> None:
    """Say in the history what became of sessions that went with Redis; none is opened by now."""
    async with _transaction(connection):
        await connection.execute(statement("restoring", "end_lost"))


async def _restore(store: Store, connection: Connection, say: Say) -> int:
    """Batch after batch, and the mark last. Begins again when Redis is emptied meanwhile."""
    while True:
        members, restored, first = 0, 0, ""
        began = told = time.monotonic()
        sha = await store.redis.script_load(text_of("member_restore"))
        async for rows in _pages(connection):
            restored += await _put_back(store, sha, rows)
            members += len(rows)
            first = first or str(rows[0]["id"])
            if time.monotonic() - told >= SAY_SECONDS:
                say(f"restoring: {members} members read, {restored} put back")
                told = time.monotonic()
        await restore_devices(store.redis, store.keys, connection)
        await restore_attendance(store.redis, store.keys, connection)
        await restore_hotspot(store.redis, store.keys, connection)
        await restore_licences(store.payments.licences, connection)
        if first and not await store.redis.exists(store.keys.member(first)):
            say("restoring: Redis was emptied meanwhile, beginning again")
            continue
        await store.redis.set(store.keys.built(), "1")
        seconds = time.monotonic() - began
        say(f"restoring: done, {restored} of {members} members put back in {seconds:.1f} s")
        return restored


async def _pages(connection: Connection) -> AsyncIterator[list[Row]]:
    """Every member, by id; each page is a transaction of its own."""
    after = ""
    while True:
        async with _transaction(connection):
            found = await connection.execute(
                statement("members", "read_page"), {"after": after, "count": BATCH}
            )
            rows = await found.fetchall()
        if not rows:
            return
        yield rows
        after = str(rows[-1]["id"])


@asynccontextmanager
async def _transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction on tables that a deploy in the wrong order may not have made yet."""
    try:
        async with connection.transaction():
            yield
    except psycopg.errors.UndefinedTable as error:
        log.error("Postgres has no tables yet: run python -m scripts.migrate")
        raise Unavailable() from error


async def _put_back(store: Store, sha: str, rows: Sequence[Row]) -> int:
    keys = store.keys
    async with store.redis.pipeline(transaction=False) as pipe:
        for row in rows:
            names = (
                keys.member(row["id"]),
                keys.login(fold(row["email"])),
                keys.login(fold(row["username"])),
            )
            pipe.evalsha(sha, len(names), *names, row["id"], row["updated_at"], *_fields_of(row))
        return sum(int(done) for done in await pipe.execute())


def _fields_of(row: Mapping[str, object]) -> list[str]:
    """The hash as `store.members` writes it. No session came back, so no device holds one."""
    fields = {name: str(row[name]) for name in FIELDS} | {
        "must_change": "1" if row["must_change"] else "0",
        "fingerprint_device": "",
        "action": "",
        "created_at": str(row["created_at"]),
        "updated_at": str(row["updated_at"]),
    }
    return [word for pair in fields.items() for word in pair]


async def _is_built(store: Store) -> bool:
    return bool(await store.redis.exists(store.keys.built()))
