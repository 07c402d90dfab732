"""The base of the teacher's handlers: whose meeting it is, and how one is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from msgspec import field

from store.attendance.days import as_text, valid_day
from store.attendance.meetings import By, Meeting
from store.attendance.record import STATUSES, Attendance
from store.attendance.students import (
    LONGEST_CLASS,
    LONGEST_NAME,
    Student,
    missing_of,
    valid_student,
)
from store.errors import Forbidden
from store.sessions import CurrentSession
from web import fields
from web.fields import as_sent
from web.handler import Handler

ROLES = ("teacher", "admin")


class StudentBody(fields.Body):
    """A student, as a teacher writes one down."""

    name: Annotated[Any, as_sent(type="string", maxLength=LONGEST_NAME)]
    class_: Annotated[Any, as_sent(type="string", maxLength=LONGEST_CLASS)] = field(name="class")

    @property
    def student(self) -> Student:
        """The student who is meant. Raises InvalidRequest naming `name` or `class`."""
        return valid_student(self.name, self.class_)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a meeting: who was there, in the order they came, who is on the meeting's list, and
    who of it is missing. `now` is the server's clock (unix ms)."""

    meeting: Meeting
    now: int
    on: date
    rows: list[Attendance]
    listed: dict[str, Student]
    missing: dict[str, Student]


class TeacherHandler(Handler):
    """Teachers see their own meetings, administrators all; others' are answered as unknown."""

    async def teacher(self) -> CurrentSession:
        """Return who asks. Raises Forbidden for members."""
        current = await self.current_session()
        if current.role not in ROLES:
            raise Forbidden()
        return current

    async def meeting(self, meeting_id: str) -> Meeting:
        """Return a meeting of whoever asks. Raises MeetingNotFound."""
        current = await self.teacher()
        return await self.store.attendance.meetings.get(meeting_id, owner_of(current))

    def by(self, current: CurrentSession) -> By:
        """Return who acts, for the audit."""
        return By(current.member, self.address)

    async def day(self, meeting_id: str) -> Day:
        """Return the day of a meeting that is asked for. Raises MeetingNotFound, InvalidRequest
        and Unavailable."""
        meeting = await self.meeting(meeting_id)
        now = await self.store.attendance.meetings.now()
        on = self.asked_day(meeting, now)
        rows = await self.store.attendance.records.rows(meeting, on, on, now)
        listed = await self.store.attendance.meetings.students(meeting.id)
        missing = missing_of(listed, ((row.student, row.person) for row in rows))
        return Day(meeting, now, on, rows, listed, missing)

    def asked_day(self, meeting: Meeting, now: int) -> date:
        """Return the day that `?day=` names; else today, or the last day of an ended meeting."""
        text = self.get_query_argument("day", "")
        if text:
            return valid_day(text)
        return meeting.today(min(max(now, meeting.starts_at), meeting.ends_at - 1)).on

    def meeting_json(self, meeting: Meeting, now: int, **more: Any) -> dict[str, Any]:
        """Return a meeting as the API shows it."""
        base = self.store.settings.public_url
        return {
            "id": meeting.id,
            "title": meeting.title,
            "starts_at": as_text(meeting.starts_at, meeting.timezone),
            "ends_at": as_text(meeting.ends_at, meeting.timezone),
            "is_active": meeting.is_active,
            "timezone": meeting.timezone,
            "rotating": meeting.rotating,
            "per_address": meeting.per_address,
            "state": meeting.state(now),
            "today": meeting.today(now).name,
            "url": f"{base}/attendance/{meeting.id}",
            "board_url": f"{base}/board/{meeting.id}",
            "created_at": as_text(meeting.created_at, meeting.timezone),
            **more,
        }


def owner_of(current: CurrentSession) -> str:
    """Return whose meetings somebody may see; "" for all (administrators)."""
    return "" if current.role == "admin" else current.member


def counts_of(rows: list[Attendance]) -> dict[str, int]:
    """Return how many there are of each status, and in all."""
    counts = dict.fromkeys(STATUSES, 0)
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    return {"total": len(rows), **counts}
