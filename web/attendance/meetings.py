"""Meetings by API: list, create, change, delete, the list of students, the QR code."""

from __future__ import annotations

import io
from typing import Annotated, Any

import segno
from msgspec import UNSET

from store.attendance.meetings import LONGEST_TITLE
from store.attendance.students import read_roster
from store.errors import InvalidRequest
from store.folding import folded
from web import fields
from web.attendance.teacher import TeacherHandler, owner_of
from web.fields import as_sent
from web.lists import FIRST_SHOWN, ListHandler, skipped_json

Moment = Annotated[Any, as_sent(type="string", format="date-time")]


class MeetingBody(fields.Body):
    """The fields of a meeting; the store decides what is wrong with them."""

    title: Annotated[Any, as_sent(type="string", maxLength=LONGEST_TITLE)] = UNSET
    starts_at: Moment = UNSET
    ends_at: Moment = UNSET
    is_active: Annotated[Any, as_sent(type="boolean")] = UNSET
    timezone: Annotated[Any, as_sent(type="string", examples=["Asia/Jakarta"])] = UNSET
    rotating: Annotated[Any, as_sent(type="boolean")] = UNSET
    per_address: Annotated[Any, as_sent(type="integer", minimum=10, maximum=100_000)] = UNSET


class MeetingList(TeacherHandler):
    """`/api/admin/meetings`."""

    class Body(MeetingBody, kw_only=True):
        starts_at: Moment
        ends_at: Moment

    async def get(self) -> None:
        current = await self.teacher()
        meetings = self.store.attendance.meetings
        now = await meetings.now()
        found = await meetings.newest(owner_of(current), self._before())
        listed = await meetings.count_students([one.id for one in found])
        counts = await self.store.attendance.records.counts(
            [(one.id, one.today(now).name) for one in found]
        )
        shown = [
            self.meeting_json(one, now, students=students, today_count=count)
            for one, students, count in zip(found, listed, counts, strict=True)
        ]
        self.respond({"success": True, "meetings": shown, "count": len(shown)})

    def _before(self) -> int:
        """Where the next page goes on: a start in unix milliseconds."""
        text = self.get_query_argument("before", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise InvalidRequest("before")
        return int(text)

    async def post(self) -> None:
        current = await self.teacher()
        wish = self.body(self.Body).given()
        meeting = await self.store.attendance.meetings.create(wish, self.by(current))
        shown = self.meeting_json(meeting, await self.store.attendance.meetings.now(), students=0)
        self.respond({"success": True, "meeting": shown}, 201)


class OneMeeting(TeacherHandler):
    """`/api/admin/meetings/{id}`."""

    Body = MeetingBody

    async def get(self, meeting_id: str) -> None:
        meeting = await self.meeting(meeting_id)
        listed = (await self.store.attendance.meetings.count_students([meeting.id]))[0]
        shown = self.meeting_json(
            meeting, await self.store.attendance.meetings.now(), students=listed
        )
        self.respond({"success": True, "meeting": shown})

    async def patch(self, meeting_id: str) -> None:
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        wish = self.body(self.Body).given()
        changed = await self.store.attendance.meetings.change(meeting, wish, self.by(current))
        shown = self.meeting_json(changed, await self.store.attendance.meetings.now())
        self.respond({"success": True, "meeting": shown})

    async def delete(self, meeting_id: str) -> None:
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        await self.store.attendance.meetings.delete(meeting, self.by(current))
        self.respond({"success": True})


class Students(TeacherHandler, ListHandler):
    """`/api/admin/meetings/{id}/students`: who may fill in; without a list, everybody."""

    async def get(self, meeting_id: str) -> None:
        meeting = await self.meeting(meeting_id)
        listed = await self.store.attendance.meetings.students(meeting.id)
        students = [
            {"id": student_id, "name": one.name, "class": one.class_}
            for student_id, one in listed.items()
        ]
        students.sort(key=lambda one: (one["class"], one["name"]))
        self.respond({"success": True, "students": students, "count": len(students)})

    async def post(self, meeting_id: str) -> None:
        """Set the list of students; with `dry_run`, only show how it was understood."""
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        replace = self._replaces()
        roster = await self.store.lists.read(read_roster, self.sent_list())
        if dry_run := self.is_dry_run():
            count = len(roster.students)
        else:
            count = await self.store.attendance.meetings.list_students(
                meeting, roster, self.by(current), replace=replace
            )
        self.respond(
            {
                "success": True,
                "dry_run": dry_run,
                "imported": len(roster.students),
                "count": count,
                "columns": roster.columns,
                "first": [
                    {"name": one.name, "class": one.class_} for one in roster.students[:FIRST_SHOWN]
                ],
                "classes": len({folded(one.class_) for one in roster.students}),
                **skipped_json(roster.skipped),
            }
        )

    async def delete(self, meeting_id: str) -> None:
        """Open the meeting to everybody again."""
        current = await self.teacher()
        meeting = await self.store.attendance.meetings.get(meeting_id, owner_of(current))
        await self.store.attendance.meetings.list_students(
            meeting, None, self.by(current), replace=True
        )
        self.respond({"success": True, "count": 0})

    def _replaces(self) -> bool:
        mode = self.get_query_argument("mode", "replace")
        if mode not in ("replace", "add"):
            raise InvalidRequest("mode", "mode harus 'replace' atau 'add'.")
        return mode == "replace"


class QrImage(TeacherHandler):
    """`/api/admin/meetings/{id}/qr.svg`: the link as a code; `?download=1` as a file."""

    is_activity = False

    async def get(self, meeting_id: str) -> None:
        meeting = await self.meeting(meeting_id)
        self.set_header("Content-Type", "image/svg+xml; charset=utf-8")
        if self.get_query_argument("download", "0") == "1":
            name = f"absensi-{meeting.id}.svg"
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(qr_svg(f"{self.store.settings.public_url}/attendance/{meeting.id}"))


def qr_svg(text: str) -> bytes:
    """Return a QR code of 400 pixels and error level H: readable with a third of it torn off."""
    code = segno.make(text, error="h", micro=False)
    width, _ = code.symbol_size(border=4)
    out = io.BytesIO()
    code.save(out, kind="svg", scale=round(400 / width, 4), border=4, light="#fff", svgclass=None)
    return out.getvalue()


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/meetings", MeetingList),
        (r"/api/admin/meetings/([^/]+)", OneMeeting),
        (r"/api/admin/meetings/([^/]+)/students", Students),
        (r"/api/admin/meetings/([^/]+)/qr\.svg", QrImage),
    ]
