"""Rebuilding Redis from Postgres after it was emptied, or bringing it up to date after it was found
to be an older copy of itself; until that is done nobody is let in.

Only what is lasting comes back: members, the names they log in by, their devices. Sessions do not:
into an emptied Redis everybody logs in again, in an older copy those live on that did not end.
It may be broken off and begun again at any point, by any process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg

from store.attendance.restoring import restore_attendance
from store.continuity import HistoryBroken
from store.database import Connection, Row, statement
from store.devices import restore_devices
from store.durability import NONE
from store.errors import Unavailable
from store.hotspot.restoring import restore_hotspot
from store.locks import Lock, locked
from store.members import fold
from store.opening import Store, open_store
from store.payments.restoring import restore_licences
from store.reconciling import reconcile
from store.scripts import text_of

BATCH = 500
"""Members per round trip: some ten milliseconds of Redis's time."""

WAIT_SECONDS = 60.0
"""How long another process's rebuilding is waited for: enough for a million members."""

LOOK_SECONDS = 0.2

SLACK_MS = 60_000
"""How much earlier than it says an older copy may have been made: clocks differ, and what was
written in its last seconds may have come to Postgres after it."""

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
                return await _make_whole(store, ours, log.info) > 0
        if time.monotonic() >= deadline:
            raise Unavailable()
        await asyncio.sleep(LOOK_SECONDS)
    return False


async def restore(store: Store, say: Say, *, is_right: bool = False) -> int:
    """Put back every member that Redis lacks or knows less of, whether it is whole or not.

    Takes a function that is told the progress in a line, and whether Postgres is right where the
    histories have parted. Returns how many were put back. Raises as `restore_if_needed` does;
    Unavailable also when another process is at it; HistoryBroken where they have parted and it is
    not clear which is newer.
    """
    async with locked(store.database, Lock.RESTORE, store.keys.prefix) as ours:
        if ours is None:
            raise Unavailable()
        async with _transaction(ours):
            kind = await store.continuity.kind(ours)
        if kind and not (kind.heals or is_right):
            raise HistoryBroken(kind)
        if kind is None and await _is_built(store):
            return await _restore(store, ours, say, since=None)
        return await _make_whole(store, ours, say)


async def _make_whole(store: Store, connection: Connection, say: Say) -> int:
    """Bring everything back, and begin a new epoch; returns how many members were put back."""
    if await store.continuity.is_emptied():
        await _end_lost(connection)
        restored = await _restore(store, connection, say, since=None)
    else:
        since = await store.continuity.common_ms() - SLACK_MS
        restored = await _restore(store, connection, say, since=since)
        # nobody waits for these acts to be kept: Postgres has them, and takes nothing meanwhile
        async with open_store(replace(store.settings, durability=NONE)) as quiet:
            await reconcile(quiet, connection, since, say)
    await store.continuity.turn(connection)
    return restored


async def _end_lost(connection: Connection) -> None:
    """Say in the history what became of sessions that went with Redis; none is opened by now."""
    async with _transaction(connection):
        await connection.execute(statement("restoring", "end_lost"))


async def _restore(store: Store, connection: Connection, say: Say, *, since: int | None) -> int:
    """Batch after batch. Begins again when Redis is emptied meanwhile.

    `since` (ms) is when an older copy was made: what changed in Postgres after that is newer.
    """
    while True:
        members, restored, first = 0, 0, ""
        began = told = time.monotonic()
        sha = await store.redis.script_load(text_of("member_restore"))
        async for rows in _pages(connection):
            restored += await _put_back(store, sha, rows, is_older=since is not None)
            members += len(rows)
            first = first or str(rows[0]["id"])
            if time.monotonic() - told >= SAY_SECONDS:
                say(f"restoring: {members} members read, {restored} put back")
                told = time.monotonic()
        await restore_devices(store.redis, store.keys, connection)
        await restore_attendance(store.redis, store.keys, connection, since)
        await restore_hotspot(store.redis, store.keys, connection, since)
        await restore_licences(store.payments.licences, connection)
        if first and not await store.redis.exists(store.keys.member(first)):
            say("restoring: Redis was emptied meanwhile, beginning again")
            continue
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
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        log.error("Postgres has not been migrated: run python -m scripts.migrate")
        raise Unavailable() from error


async def _put_back(store: Store, sha: str, rows: Sequence[Row], *, is_older: bool) -> int:
    keys = store.keys
    former = await _names_here(store, rows) if is_older else {}
    async with store.redis.pipeline(transaction=False) as pipe:
        for row in rows:
            names = (
                keys.member(row["id"]),
                keys.login(fold(row["email"])),
                keys.login(fold(row["username"])),
                keys.events(),
            )
            more = (row["id"], row["updated_at"], int(is_older), *_fields_of(row))
            pipe.evalsha(sha, len(names), *names, *more)
        done = [int(done) for done in await pipe.execute()]
    for row, was_put in zip(rows, done, strict=True):
        for name in former.get(row["id"], set()) - _folded(row) if was_put else ():
            if await store.redis.get(keys.login(name)) == row["id"]:
                await store.redis.delete(keys.login(name))
    return sum(done)


async def _names_here(store: Store, rows: Sequence[Row]) -> dict[str, set[str]]:
    """By which names an older copy lets each member log in."""
    async with store.redis.pipeline(transaction=False) as pipe:
        for row in rows:
            pipe.hmget(store.keys.member(row["id"]), ["email", "username"])
        found = await pipe.execute()
    return {
        row["id"]: {fold(name) for name in names if name}
        for row, names in zip(rows, found, strict=True)
    }


def _folded(row: Row) -> set[str]:
    return {fold(row["email"]), fold(row["username"])}


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
