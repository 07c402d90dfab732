"""The records of attendance: what a teacher sees of them, and corrects by hand.

Fresh days are in the gate, older ones in Postgres; a correction of either goes into the log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from store.attendance.days import day_of, day_on
from store.attendance.meetings import By, Meeting, audit
from store.attendance.record import (
    STATUSES,
    TRIES,
    Attendance,
    as_json,
    day_before,
    day_keys,
    is_fresh,
    left_ms,
    valid_reason,
)
from store.attendance.students import Student
from store.changes import Changes, Part, only
from store.clock import redis_ms
from store.database import Database, statement
from store.errors import Conflict, InvalidRequest, MeetingNotFound, NotFound
from store.members import valid_choice
from store.sessions import new_id

MOST_MARKED = 1_000
"""Students marked in one request: more than any class, a second of Redis at worst."""


class AttendanceRecords(Part):
    """Looks and corrections."""

    def __init__(self, changes: Changes, database: Database) -> None:
        super().__init__(changes)
        self._database = database
        self._mark = changes.script(
            "attendance_mark", {"gone": MeetingNotFound}, wrote=only("marked", "changed")
        )
        self._revoke = changes.script("attendance_revoke", {"moved": Conflict})

    # Looking

    async def rows(self, meeting: Meeting, first: date, last: date, now: int) -> list[Attendance]:
        """Return the attendances of days, in the order they came.

        Fresh days come from the gate, older ones from Postgres. Raises Unavailable.
        """
        fresh = day_of(now, meeting.timezone).on - timedelta(days=1)
        found: list[Attendance] = []
        if first < fresh:
            params = {"meeting": meeting.id, "first": first, "last": min(last, day_before(fresh))}
            rows = await self._database.fetch(statement("attendance", "read_day"), params)
            found = [Attendance.from_record(row) for row in rows]
        # a day that has not come has no rows
        on = max(first, fresh)
        while on <= min(last, fresh + timedelta(days=2)):
            found += await self._of_gate(meeting.id, on)
            on += timedelta(days=1)
        return found

    async def _of_gate(self, meeting_id: str, on: date) -> list[Attendance]:
        texts = await self._redis.hvals(self._keys.attendances(meeting_id, on.isoformat()))
        rows = [Attendance.from_record(json.loads(text)) for text in texts]
        return sorted(rows, key=lambda row: (row.at, row.id))

    async def counts(self, places: Sequence[tuple[str, str]]) -> list[int]:
        """Return how many attendances each `(meeting, day)` has in its gate."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for meeting_id, day in places:
                pipe.hlen(self._keys.attendances(meeting_id, day))
            return [int(count) for count in await pipe.execute()]

    async def attempts(self, meeting_id: str, day: str) -> list[dict[str, Any]]:
        """Return the refused attempts of a day as the scripts keep them, oldest first."""
        key = self._keys.attendance_attempts(meeting_id, day)
        return [json.loads(text) for text in await self._redis.lrange(key, 0, -1)]

    async def revoked(self, meeting_id: str, day: str) -> list[str]:
        """Return the ids of attendances that were taken back on a day."""
        ids = await self._redis.smembers(self._keys.attendances_revoked(meeting_id, day))
        return sorted(str(one) for one in ids)

    async def find(self, attendance_id: str) -> Attendance:
        """Return an attendance by its id, of the gate or of Postgres. Raises NotFound."""
        place = await self._redis.get(self._keys.attendance(attendance_id))
        if place:
            meeting_id, day, student = str(place).split(" ")
            text = await self._redis.hget(self._keys.attendances(meeting_id, day), student)
            if text and (record := json.loads(text))["id"] == attendance_id:
                return Attendance.from_record(record)
            raise NotFound()
        row = await self._database.fetch_one(
            statement("attendance", "read_one"), {"id": attendance_id}
        )
        if row is None:
            raise NotFound()
        return Attendance.from_record(row)

    # Writing

    async def mark(
        self, meeting: Meeting, on: date, student: Student, status: object, reason: object, by: By
    ) -> Attendance:
        """Give a student a status by hand; a new record has no device, so it blocks none.

        Raises InvalidRequest, Conflict, MeetingNotFound, Unavailable.
        """
        status = valid_choice("status", status, STATUSES)
        reason = valid_reason(reason, shortest=0)
        if not meeting.has_day(on):
            raise InvalidRequest("day", "Pertemuan ini tidak berlangsung pada tanggal itu.")
        for _ in range(TRIES):
            now = await redis_ms(self._redis)
            known, here = await self._here(meeting, on, student, now)
            reply = await self._write_mark(
                meeting, on, student, known, status, reason, by, here, now
            )
            if reply[0] != "moved":
                return Attendance.from_record(json.loads(reply[1]))
        raise Conflict()

    async def _here(
        self, meeting: Meeting, on: date, student: Student, now: int
    ) -> tuple[str, str]:
        """The id that a student has on a day, and the JSON of what is there, "" for nothing."""
        ids = [student.id, *student.former_ids]
        if is_fresh(meeting, on, now):
            key = self._keys.attendances(meeting.id, on.isoformat())
            texts = dict(zip(ids, await self._redis.hmget(key, ids), strict=True))
        else:
            params = {"meeting": meeting.id, "first": on, "last": on}
            rows = await self._database.fetch(statement("attendance", "read_day"), params)
            texts = {row["student"]: as_json(row) for row in rows}
        for one in ids:
            if text := texts.get(one):
                return one, str(text)
        listed = await self._redis.hmget(self._keys.roster(meeting.id), ids)
        return next((one for one, text in zip(ids, listed, strict=True) if text), student.id), ""

    async def _write_mark(
        self,
        meeting: Meeting,
        on: date,
        student: Student,
        known: str,
        status: str,
        reason: str,
        by: By,
        here: str,
        now: int,
    ) -> list[Any]:
        keys = self._keys
        day = on.isoformat()
        record: dict[str, Any] = {
            "id": new_id(),
            "meeting": meeting.id,
            "student": known,
            "name": student.name,
            "class": student.class_,
            "device": "",
            "status": status,
            "day": day,
            "at": now,
            "source": "manual",
            "reason": reason,
            "by": by.member,
            "changed_at": now,
            "flags": "",
            "trace": "",
            "key": "",
        }
        there = json.loads(here)["id"] if here else record["id"]
        before = json.loads(here)["status"] if here else None
        detail: dict[str, Any] = {"meeting": meeting.id, "day": day, "status": status}
        detail |= {"student": student.name, "class": student.class_}
        detail |= {"before": before, "reason": reason}
        ttl = left_ms(day_on(on, meeting.timezone), now) if is_fresh(meeting, on, now) else 0
        reply: list[Any] = await self._mark(
            [
                keys.attendances(meeting.id, day),
                keys.meeting(meeting.id),
                keys.events(),
                keys.built(),
                keys.attendance(record["id"]),
                keys.attendance(there),
            ],
            [as_json(record), ttl, here, audit(by, "attendance.mark", there, detail, now)],
        )
        return reply

    async def revoke(self, meeting: Meeting, attendance: Attendance, by: By) -> None:
        """Take an attendance back; the student and the device may fill in again at once.

        Raises Conflict when it was taken back or replaced meanwhile, Unavailable.
        """
        keys = self._keys
        now = await redis_ms(self._redis)
        on = date.fromisoformat(attendance.day)
        fresh = is_fresh(meeting, on, now)
        place = {"id": attendance.id, "meeting": meeting.id, "student": attendance.student}
        place |= {"day": attendance.day}
        detail = place | {"name": attendance.name, "class": attendance.class_}
        detail |= {"status": attendance.status, "recorded_at": str(attendance.at)}
        await self._revoke(
            [
                *day_keys(keys, meeting.id, attendance.day),
                keys.events(),
                keys.built(),
                keys.attendance(attendance.id),
                keys.familiar_devices(meeting.id),
            ],
            [
                as_json(place | {"device": attendance.device}),
                left_ms(day_on(on, meeting.timezone), now) if fresh else 0,
                as_json(place | {"by": by.member, "at": now}),
                audit(by, "attendance.revoke", attendance.id, detail, now),
            ],
        )
