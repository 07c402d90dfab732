"""The teacher's pages: meetings, one meeting, its board, and what is printed."""

from __future__ import annotations

from typing import Any

from store import indonesian
from store.attendance.days import local
from store.attendance.record import STATUSES
from web.attendance.student import period_of
from web.attendance.teacher import TeacherHandler, counts_of, owner_of


class MeetingsPage(TeacherHandler):
    """`/admin/meetings`: the list, and a new one."""

    async def get(self) -> None:
        current = await self.teacher()
        self.member_page(
            "meetings.html",
            current,
            timezone=self.store.settings.timezone,
        )


class _MeetingPage(TeacherHandler):
    """A page about one meeting."""

    template = ""

    async def get(self, meeting_id: str) -> None:
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        now = await self.store.attendance.meetings.now()
        self.member_page(
            self.template,
            current,
            meeting=self.meeting_json(meeting, now),
            period=period_of(meeting),
            statuses=STATUSES,
        )


class MeetingPage(_MeetingPage):
    """`/admin/meetings/{id}`: settings, students, records, files."""

    template = "meeting.html"


class BoardPage(_MeetingPage):
    """`/board/{id}`: projected in class; fills itself."""

    template = "board.html"


class QrPage(_MeetingPage):
    """`/admin/meetings/{id}/qr`: one sheet of A4 for the door."""

    template = "meeting_qr.html"


class ListPage(TeacherHandler):
    """`/admin/meetings/{id}/print`: the list of a day, on paper."""

    async def get(self, meeting_id: str) -> None:
        day = await self.day(meeting_id)
        zone = day.meeting.timezone
        self.page(
            "meeting_print.html",
            meeting=self.meeting_json(day.meeting, day.now),
            date=indonesian.day(day.on),
            printed=indonesian.moment(local(day.now, zone)),
            counts=counts_of(day.rows),
            rows=[row.row(zone) for row in sorted(day.rows, key=_by_class)],
            missing=list(day.missing.values()),
        )


def _by_class(row: Any) -> tuple[str, str]:
    return row.class_, row.name


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/admin/meetings", MeetingsPage),
        (r"/admin/meetings/([^/]+)", MeetingPage),
        (r"/admin/meetings/([^/]+)/qr", QrPage),
        (r"/admin/meetings/([^/]+)/print", ListPage),
        (r"/board/([^/]+)", BoardPage),
    ]
