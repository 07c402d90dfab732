"""A misspelt pupil gets the right name, and keeps what was recorded.

A pupil is a name and a class, so another name is another id: whatever stands under the old one is
moved to the new one, in every meeting of whoever asks. Where both names are in on one day, a person
has to say first which of them counts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

from store.attendance.days import day_on
from store.attendance.meetings import MOST_LISTED, By, Meeting, Meetings, audit
from store.attendance.record import TRIES, as_json, day_before, left_ms
from store.attendance.students import Student
from store.changes import Changes, Part, only
from store.database import Database, statement
from store.errors import Conflict, NotFound
from store.indonesian import short_day


class Renaming(Part):
    """One act; every part of it may be repeated."""

    def __init__(self, changes: Changes, database: Database, meetings: Meetings) -> None:
        super().__init__(changes)
        self._changes = changes
        self._database = database
        self._meetings = meetings
        self._rename = changes.script("student_rename", wrote=only("renamed"))

    async def rename(self, student_id: str, wish: Student, by: By, owner: str = "") -> str:
        """Give a pupil another name and class; returns the id they have from now on.

        With `owner`, in that teacher's meetings only. Raises NotFound for a pupil nobody has
        listed or recorded there, Conflict where both names are in on one day, Unavailable.
        """
        student_id = _known(student_id)
        before = await self._before(student_id, wish, owner)
        places = [place async for place in self._places(student_id, owner)]
        if before is None and not places:
            raise NotFound()
        for place in places:
            await self._require_one(place, student_id, wish)
        await self._announce(student_id, wish, before, by, owner)
        for meeting, day in places:
            await self._move(meeting, day, student_id, wish, by)
        return wish.id

    async def _before(self, student_id: str, wish: Student, owner: str) -> dict[str, Any] | None:
        """The pupil as recorded, None when only Redis knows them. Raises Conflict."""
        params = {"student": student_id, "to": wish.id, "owner": owner}
        row = await self._database.fetch_one(statement("attendance", "read_renaming"), params)
        if row and row["both"] and student_id != wish.id:
            raise _both(str(row["both"]))
        return row if row and row["known"] else None

    async def _places(self, student_id: str, owner: str) -> AsyncIterator[tuple[Meeting, date]]:
        """Meetings and days whose gate, or list, has the pupil in Redis."""
        now = await self._meetings.now()
        before = 0
        while page := await self._meetings.newest(owner, before):
            days = [(one, day) for one in page for day in _fresh(one, now)]
            async with self._redis.pipeline(transaction=False) as pipe:
                for meeting, day in days:
                    pipe.hexists(self._keys.roster(meeting.id), student_id)
                    pipe.hexists(self._keys.attendances(meeting.id, day.isoformat()), student_id)
                found = await pipe.execute()
            for at, (meeting, day) in enumerate(days):
                is_listed, is_in = found[2 * at : 2 * at + 2]
                if is_in or (is_listed and day == meeting.today(now).on):
                    yield meeting, day
            if len(page) < MOST_LISTED:
                return
            before = page[-1].starts_at

    async def _require_one(
        self, place: tuple[Meeting, date], student_id: str, wish: Student
    ) -> None:
        meeting, day = place
        gate = self._keys.attendances(meeting.id, day.isoformat())
        both = await self._redis.hmget(gate, [student_id, wish.id])
        if student_id != wish.id and all(both):
            raise _both(f"{meeting.title}, {short_day(day)}")

    async def _announce(
        self, student_id: str, wish: Student, before: dict[str, Any] | None, by: By, owner: str
    ) -> None:
        """What Postgres moves in all meetings of whoever asks, and the line of the audit."""
        known = before or {"name": "", "class": ""}
        detail = {"from": f"{known['name']} ({known['class']})", "student": wish.id}
        detail |= {"to": f"{wish.name} ({wish.class_})"}
        now = await self._meetings.now()
        event = _event(student_id, wish, by, now, owner=owner)
        async with self._changes.in_redis() as pipe:
            pipe.xadd(self._keys.events(), {"type": "student.renamed", "data": event})
            said = audit(by, "attendance.rename", student_id, detail, now)
            pipe.xadd(self._keys.events(), {"type": "audit", "data": said})

    async def _move(
        self, meeting: Meeting, day: date, student_id: str, wish: Student, by: By
    ) -> None:
        keys, name = self._keys, day.isoformat()
        for _ in range(TRIES):
            now = await self._meetings.now()
            here = str(await self._redis.hget(keys.attendances(meeting.id, name), student_id) or "")
            verdict = await self._rename(
                [
                    keys.roster(meeting.id),
                    keys.attendances(meeting.id, name),
                    keys.attendance_devices(meeting.id, name),
                    keys.familiar_devices(meeting.id),
                    keys.attendance(json.loads(here)["id"] if here else ""),
                    keys.events(),
                    keys.built(),
                ],
                [
                    student_id,
                    wish.id,
                    as_json({"name": wish.name, "class": wish.class_}),
                    here,
                    left_ms(day_on(day, meeting.timezone), now),
                    _event(student_id, wish, by, now, meeting=meeting.id),
                ],
            )
            if verdict == "both":
                raise _both(f"{meeting.title}, {short_day(day)}")
            if verdict == "renamed":
                return
        raise Conflict()


def _known(student_id: str) -> str:
    try:
        return str(uuid.UUID(student_id))
    except ValueError:
        raise NotFound() from None


def _fresh(meeting: Meeting, now: int) -> Sequence[date]:
    """Days whose gate may be in Redis; today's also stands for the meeting's list."""
    today = meeting.today(now).on
    return day_before(today), today, today + timedelta(days=1)


def _event(
    student_id: str, wish: Student, by: By, now: int, *, meeting: str = "", owner: str = ""
) -> str:
    """Either one meeting's, or all of an owner's ("" for everybody's)."""
    named = {"student": student_id, "to": wish.id, "name": wish.name, "class": wish.class_}
    return as_json(named | {"meeting": meeting, "owner": owner, "by": by.member, "at": now})


def _both(where: str) -> Conflict:
    return Conflict(
        f"Kedua nama sama-sama tercatat ({where}). Batalkan dulu catatan yang keliru, "
        "lalu betulkan namanya."
    )
