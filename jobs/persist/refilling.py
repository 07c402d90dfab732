"""Filling an older Postgres from Redis, where that is what is newer; then the epoch turns.

Each thing that Redis holds becomes the event that would tell of it, and is applied as the persist
job applies events, so nothing newer in Postgres is undone. What never was in Redis does not come
back: reports of days gone by, and orders, which come back with their deliveries.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from jobs.persist import attendance, hotspot, members, sessions
from jobs.persist.effects import Effect
from store.attendance.meetings import Meeting
from store.clock import redis_ms
from store.database import Connection, statement
from store.errors import Unavailable
from store.events import BEGINNING, Event
from store.locks import Lock, locked
from store.opening import Store
from store.payments.licences import digest_of

PAGE = 500

Say = Callable[[str], object]


async def refill(store: Store, say: Say) -> None:
    """Put what Redis knows into Postgres, and have the log read again from its start.

    Takes a function that is told what was done in a line. May be run again. Raises Unavailable,
    redis.RedisError and psycopg's errors.
    """
    if await store.continuity.is_emptied():
        raise Unavailable()
    async with locked(store.database, Lock.RESTORE, store.keys.prefix) as ours:
        if ours is None:
            raise Unavailable()
        for name, effects in (
            ("members and sessions", _members(store)),
            ("meetings and attendances", _meetings(store)),
            ("hotspot accounts, devices and packages", _hotspot(store)),
        ):
            say(f"refilling: {await _apply(ours, effects)} rows of {name}")
        held, missing = await _licences(store, ours)
        say(f"refilling: {held} licences; {missing} are known to Redis alone")
        if missing:
            say("refilling: they come back, with the same keys, as their deliveries are sent again")
        await _forget_deliveries(store)
        await store.continuity.turn(ours)
    store.queue.wake_persist()
    say("refilling: done; the log is read again from its start")


async def _apply(connection: Connection, effects: AsyncIterator[Effect]) -> int:
    """All of them in one transaction, as one batch."""
    count = 0
    async with connection.transaction():
        async for effect in effects:
            await connection.execute(effect.statement, effect.params)
            count += 1
    return count


async def _members(store: Store) -> AsyncIterator[Effect]:
    async for name in store.redis.scan_iter(match=store.keys.member("*"), count=PAGE):
        row: dict[Any, Any] = await store.redis.hgetall(name)
        if not row.get("id"):
            continue
        member = str(row["id"])
        yield members.saved(row, _event("member.changed"))
        tombs = await store.redis.hvals(store.keys.ended(member))
        for tomb in sorted(map(json.loads, tombs), key=lambda one: int(one["ended_at"])):
            yield _opened(tomb, is_primary=False)
            yield sessions.ended(_event("session.ended", **tomb | {"at": tomb["ended_at"]}))
        for effect in _living(await store.redis.hgetall(store.keys.sessions(member))):
            yield effect


def _living(held: Mapping[Any, Any]) -> Iterator[Effect]:
    """The sessions that live, from a member's hash; the phone that came first is the primary."""
    records = [
        json.loads(text)
        for name, text in held.items()
        if ":" not in name and name not in ("web", "epoch")
    ]
    phones = [one for one in records if one["kind"] == "mobile"]
    first = min(phones, key=lambda one: one.get("since", one["epoch"]), default=None)
    for record in sorted(records, key=lambda one: int(one["epoch"])):
        yield _opened(record, is_primary=record is first)


def _opened(record: Mapping[str, Any], *, is_primary: bool) -> Effect:
    data = {**record, "at": record["opened_at"], "is_primary": is_primary}
    return sessions.opened(_event("session.opened", **data), is_news=False)


async def _meetings(store: Store) -> AsyncIterator[Effect]:
    now, last = await redis_ms(store.redis), await store.events.last_id()
    for name in await store.redis.zrange(store.keys.meetings(), 0, -1):
        row: dict[Any, Any] = await store.redis.hgetall(store.keys.meeting(str(name)))
        if not row:
            continue
        meeting = Meeting.from_hash(row)
        yield attendance.meeting_saved(_event("meeting.changed", **row | {"meeting": meeting.id}))
        listed = await store.redis.hgetall(store.keys.roster(meeting.id))
        students = [{"id": id_, **json.loads(text)} for id_, text in listed.items()]
        data = {"meeting": meeting.id, "replace": True, "students": students}
        yield attendance.students_listed(Event(last, "meeting.roster", data))
        today = meeting.today(now).on
        for on in (today - timedelta(days=1), today):
            gate = store.keys.attendances(meeting.id, on.isoformat())
            for text in await store.redis.hvals(gate):
                record = json.loads(text)
                event = Event(f"refill:{record['id']}", "attendance.recorded", record)
                yield attendance.recorded(event, place=BEGINNING)
                yield attendance.changed(event)
            revoked = store.keys.attendances_revoked(meeting.id, on.isoformat())
            if ids := [str(one) for one in await store.redis.smembers(revoked)]:
                yield Effect(statement("attendance", "forget_revoked"), {"ids": ids})


async def _hotspot(store: Store) -> AsyncIterator[Effect]:
    now = await redis_ms(store.redis)
    for text in await store.redis.hvals(store.keys.hotspot_packages()):
        yield hotspot.package(_event("hotspot.package", **json.loads(text) | {"at": now}))
    for member in map(str, await store.redis.smembers(store.keys.hotspot_accounts())):
        row: dict[Any, Any] = await store.redis.hgetall(store.keys.hotspot(member))
        place = {"member": member, "at": now}
        yield hotspot.changed(_event("hotspot.changed", **row | place))
        days = await store.redis.hgetall(store.keys.hotspot_days(member))
        for day, size in days.items():
            yield hotspot.changed(
                _event("hotspot.changed", **row | place | {"day": day, "day_bytes": size})
            )
        slots = await store.redis.hgetall(store.keys.hotspot_slots(member))
        for slot, text in slots.items():
            kept = json.loads(text)
            more = {"member": member, "slot": slot, "verdict": "added", "at": kept["seen_at"]}
            yield hotspot.device(_event("hotspot.device", **kept | more))


async def _licences(store: Store, connection: Connection) -> tuple[int, int]:
    """Say who holds which; returns how many are known to both, and to Redis alone. Numbers that
    Redis knows are given to no other licence."""
    known: dict[str, int] = {}
    after = 0
    while rows := await _page(connection, after):
        known |= {digest_of(row["key_license"]): int(row["id"]) for row in rows}
        after = int(rows[-1]["id"])
    held, highest = 0, 0
    digests = set()
    async for name in store.redis.scan_iter(match=store.keys.licence("*"), count=PAGE):
        digest = str(name).rpartition(":")[2]
        if ":id:" in str(name):
            continue
        digests.add(digest)
        row = await store.redis.hgetall(name)
        highest = max(highest, int(row["id"]))
        if digest in known:
            held += 1
            async with connection.transaction():
                await _hold(connection, known[digest], row)
    async with connection.transaction():
        await connection.execute(statement("payments", "pass_numbers"), {"highest": highest})
    return held, len(digests - known.keys())


async def _page(connection: Connection, after: int) -> list[dict[str, Any]]:
    async with connection.transaction():
        found = await connection.execute(
            statement("payments", "read_licences"), {"after": after, "count": PAGE}
        )
        return await found.fetchall()


async def _hold(connection: Connection, licence_id: int, row: Mapping[Any, Any]) -> None:
    params = {
        "id": licence_id,
        "instance": row.get("instance", ""),
        "fingerprint": row.get("device", ""),
        "name": row.get("device_name", ""),
        "status": row["status"],
        "policy": row["policy"],
        "version": int(row["version"]),
    }
    await connection.execute(statement("payments", "refill_licence"), params)


async def _forget_deliveries(store: Store) -> None:
    """A delivery that is sent again is kept whole, not counted as one that Postgres has."""
    pattern = store.keys.payment("*", "*")
    names = [name async for name in store.redis.scan_iter(match=pattern, count=PAGE)]
    kept = (store.keys.payment_order(""), store.keys.password_link(""))
    for name in names:
        if not str(name).startswith(kept):
            await store.redis.delete(name)


def _event(type: str, **data: Any) -> Event:
    return Event(BEGINNING, type, data)
