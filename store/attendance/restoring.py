"""Puts meetings, their lists and the gates of running days back into a Redis that was emptied or is
an older copy.

Without it a student who was in already would be let in again; so it is done before traffic is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any

from redis.asyncio import Redis

from store.attendance.days import day_on
from store.attendance.meetings import Meeting
from store.attendance.record import KEEP_MS
from store.clock import redis_ms
from store.database import Connection, Row, statement
from store.keys import Keys
from store.scripts import Script

PAGE = 200
"""Meetings per round trip."""

CHUNK = 500
"""Records per script: some 200 KB, a few milliseconds of Redis's time."""


async def restore_attendance(
    redis: Redis, keys: Keys, connection: Connection, since: int | None = None
) -> int:
    """Put back every meeting, and yesterday's and today's attendances of each.

    Takes a connection to Postgres, and when an older copy was made (unix ms): lists of pupils that
    came after that replace those here. Returns how many attendances were put back. Raises
    redis.RedisError and psycopg's errors.
    """
    now = await redis_ms(redis)
    restored, after = 0, ""
    while rows := await _fetch(connection, "restore_meetings", after=after, count=PAGE):
        for row in rows:
            meeting = Meeting.from_hash({name: str(value) for name, value in row.items()})
            await _restore_meeting(redis, keys, connection, meeting, row, since)
            restored += await _restore_days(redis, keys, connection, meeting, now)
        after = str(rows[-1]["id"])
    return restored


async def _restore_meeting(
    redis: Redis,
    keys: Keys,
    connection: Connection,
    meeting: Meeting,
    row: Mapping[str, Any],
    since: int | None,
) -> None:
    is_newer = since is not None and row["listed_ms"] >= since
    fields = {name: value for name, value in row.items() if name != "listed_ms"}
    words = [word for name, value in fields.items() for word in (name, str(value))]
    listed = await _fetch(connection, "restore_roster", meeting=meeting.id)
    students = [
        word
        for one in listed
        for word in (one["id"], _json({"name": one["name"], "class": one["class"]}))
    ]
    await Script(redis, "meeting_restore")(
        [
            keys.meeting(meeting.id),
            keys.meetings(),
            keys.meeting_ends(),
            keys.roster(meeting.id),
        ],
        [meeting.id, int(is_newer), len(words), *words, *students],
    )


async def _restore_days(
    redis: Redis, keys: Keys, connection: Connection, meeting: Meeting, now: int
) -> int:
    """The days whose gate a living Redis would still have."""
    today = meeting.today(now).on
    first = today - timedelta(days=1)
    if not any(meeting.has_day(on) for on in (first, today)):
        return 0
    rows = await _fetch(connection, "read_day", meeting=meeting.id, first=first, last=today)
    restored = 0
    for name, records in groupby(rows, key=lambda row: str(row["day"])):
        ttl = day_on(first if name == first.isoformat() else today, meeting.timezone).ends_at
        for chunk in _chunks(list(records)):
            restored += await _restore_chunk(redis, keys, meeting.id, name, ttl - now, chunk)
    for on in (first, today):
        await _restore_revoked(redis, keys, connection, meeting, on.isoformat())
    return restored


async def _restore_chunk(
    redis: Redis, keys: Keys, meeting_id: str, day: str, left_ms: int, rows: list[Row]
) -> int:
    return int(
        await Script(redis, "attendance_restore")(
            [
                keys.attendances(meeting_id, day),
                keys.attendance_devices(meeting_id, day),
                *(keys.attendance(row["id"]) for row in rows),
            ],
            [left_ms + KEEP_MS, *(_json(row) for row in rows)],
        )
    )


async def _restore_revoked(
    redis: Redis, keys: Keys, connection: Connection, meeting: Meeting, day: str
) -> None:
    rows = await _fetch(connection, "restore_revoked", meeting=meeting.id, day=day)
    if rows:
        await _unseat(redis, keys, meeting.id, day, rows)
        name = keys.attendances_revoked(meeting.id, day)
        await redis.sadd(name, *(row["id"] for row in rows))
        await redis.pexpire(name, 2 * KEEP_MS)


async def _unseat(redis: Redis, keys: Keys, meeting_id: str, day: str, revoked: list[Row]) -> None:
    """Take out of the gate what an older copy still lets sit there."""
    students, devices = (
        keys.attendances(meeting_id, day),
        keys.attendance_devices(meeting_id, day),
    )
    for row in revoked:
        record = json.loads(await redis.hget(students, row["student"]) or "{}")
        if record.get("id") == row["id"]:
            await redis.hdel(students, row["student"])
            await redis.hdel(devices, record["device"])


async def _fetch(connection: Connection, name: str, **params: Any) -> list[Row]:
    """Each page is a transaction of its own."""
    async with connection.transaction():
        found = await connection.execute(statement("attendance", name), params)
        return await found.fetchall()


def _chunks(rows: list[Row]) -> Iterable[list[Row]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)
