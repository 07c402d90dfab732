"""Attendances by API: the teacher's list, marks by hand, corrections, history and reports."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import UNSET

from store.attendance import conflicts
from store.attendance.days import valid_day
from store.attendance.meetings import Meeting
from store.attendance.record import LONGEST_REASON, STATUSES, Attendance
from store.attendance.records import MOST_MARKED
from store.attendance.students import Student
from store.errors import Conflict, InvalidRequest, NotFound
from store.folding import folded
from store.sessions import CurrentSession
from web import fields
from web.attendance.teacher import StudentBody, TeacherHandler, counts_of, owner_of
from web.fields import as_sent


def _students(field: str, value: object) -> list[StudentBody]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_MARKED:
        raise InvalidRequest(field)
    if not all(isinstance(one, dict) for one in value):
        raise InvalidRequest(field)
    return [fields.read(StudentBody, one) for one in value]


def _day(field: str, value: object) -> date | None:
    return None if value == "" else valid_day(value)


Status = Annotated[Any, as_sent(enum=list(STATUSES))]
Reason = Annotated[Any, as_sent(type="string", maxLength=LONGEST_REASON)]


class MeetingAttendance(TeacherHandler):
    """`/api/admin/meetings/{id}/attendance`: who was there on a day, who is missing, what was
    refused. A board asks again and again by itself, so it is no activity."""

    is_activity = False

    class Body(fields.Body):
        students: Annotated[
            list[StudentBody], fields.read_by(_students, minItems=1, maxItems=MOST_MARKED)
        ]
        status: Status
        reason: Reason = None
        day: Annotated[date, fields.read_by(_day)] | None = None

    async def get(self, meeting_id: str) -> None:
        day = await self.day(meeting_id)
        meeting, on = day.meeting, day.on.isoformat()
        attempts = await self.store.attendance.records.attempts(meeting.id, on)
        self.respond(
            {
                "success": True,
                "meeting": self.meeting_json(meeting, day.now, students=len(day.listed)),
                "day": on,
                "server_now": day.now / 1000,
                "counts": counts_of(day.rows),
                "attendances": self._shown(
                    meeting, self._wanted(day.rows), conflicts.alike(day.rows)
                ),
                "missing": [
                    {"id": student_id, "name": one.name, "class": one.class_}
                    for student_id, one in day.missing.items()
                ],
                "refused": conflicts.refused(attempts, meeting.timezone),
            }
        )

    def _wanted(self, rows: list[Attendance]) -> list[Attendance]:
        """Those that `?status=` and `?q=` (a part of name or class) ask for."""
        status = self.get_query_argument("status", "")
        part = folded(self.get_query_argument("q", ""))
        return [
            row
            for row in rows
            if status in ("", row.status) and part in folded(f"{row.name} {row.class_}")
        ]

    def _shown(
        self, meeting: Meeting, rows: list[Attendance], alike: set[str]
    ) -> list[dict[str, Any]]:
        shown = [row.row(meeting.timezone) for row in rows]
        for row in shown:
            if row["id"] in alike:
                row["flags"].append("alike")
        return shown

    async def post(self, meeting_id: str) -> None:
        """Mark students by hand."""
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        body = self.body(self.Body)
        on = body.day or self.asked_day(meeting, await self.store.attendance.meetings.now())
        marked = []
        for student in [one.student for one in body.students]:
            attendance = await self.store.attendance.records.mark(
                meeting, on, student, body.status, body.reason, self.by(current)
            )
            marked.append(attendance.row(meeting.timezone))
        self.respond({"success": True, "attendances": marked, "count": len(marked)})


class OneAttendance(TeacherHandler):
    """`/api/admin/attendance/{id}`: correct it, or take it back."""

    class Body(fields.Body):
        status: Status = UNSET
        reason: Reason = UNSET

    async def patch(self, attendance_id: str) -> None:
        current, meeting, attendance = await self._found(attendance_id)
        wish = self.body(self.Body).given()
        if not wish:
            raise InvalidRequest("status")
        changed = await self.store.attendance.records.mark(
            meeting,
            date.fromisoformat(attendance.day),
            Student(attendance.name, attendance.class_),
            wish.get("status", attendance.status),
            wish.get("reason", attendance.reason),
            self.by(current),
        )
        if changed.id != attendance_id:
            raise Conflict()
        self.respond({"success": True, "attendance": changed.row(meeting.timezone)})

    async def delete(self, attendance_id: str) -> None:
        current, meeting, attendance = await self._found(attendance_id)
        await self.store.attendance.records.revoke(meeting, attendance, self.by(current))
        self.respond({"success": True})

    async def _found(self, attendance_id: str) -> tuple[CurrentSession, Meeting, Attendance]:
        current = await self.teacher()
        if not attendance_id.isalnum() or len(attendance_id) > 64:
            raise NotFound()
        attendance = await self.store.attendance.records.find(attendance_id)
        meeting = await self.store.attendance.meetings.get(attendance.meeting, owner_of(current))
        return current, meeting, attendance


class StudentHistory(TeacherHandler):
    """`/api/admin/students/{id}/attendance`: one student, in the meetings that one may see."""

    async def get(self, student_id: str) -> None:
        current = await self.teacher()
        history = await self.store.attendance.reports.history(student_id, owner_of(current))
        rows = history.pop("attendances")
        self.respond({"success": True, "student": history, "attendances": rows, "count": len(rows)})


class OneStudent(TeacherHandler):
    """`/api/admin/students/{id}`: corrects the spelling; what was recorded stays."""

    Body = StudentBody

    async def patch(self, student_id: str) -> None:
        current = await self.teacher()
        wish = self.body(self.Body).student
        renamed = await self.store.attendance.renaming.rename(
            student_id, wish, self.by(current), owner_of(current)
        )
        shown = {"id": renamed, "name": wish.name, "class": wish.class_}
        self.respond({"success": True, "student": shown})


class DayReports(TeacherHandler):
    """`/api/admin/meetings/{id}/reports`: the two reports of the attendance document."""

    async def get(self, meeting_id: str) -> None:
        meeting = await self.meeting(meeting_id)
        on = self.asked_day(meeting, await self.store.attendance.meetings.now())
        reports = await self.store.attendance.reports.of_day(meeting.id, on, meeting.timezone)
        self.respond({"success": True, "day": on.isoformat(), **reports})


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/meetings/([^/]+)/attendance", MeetingAttendance),
        (r"/api/admin/meetings/([^/]+)/reports", DayReports),
        (r"/api/admin/attendance/([^/]+)", OneAttendance),
        (r"/api/admin/students/([^/]+)", OneStudent),
        (r"/api/admin/students/([^/]+)/attendance", StudentHistory),
    ]
