"""The student's side: the form, and the addresses it sends to. Nobody logs in here.

The page decides nothing. Opened from a chat or a QR scanner it may have no cookies, so all is
decided when the form arrives (CONTRACT §7).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import field

from store.attendance.days import local
from store.attendance.meetings import Meeting
from store.attendance.proofs import TICKET_MS
from store.attendance.record import LONGEST_REASON
from store.attendance.students import LONGEST_CLASS, LONGEST_NAME
from store.attendance.submissions import Accepted, Form
from store.errors import MeetingNotFound
from store.indonesian import period
from web import fields
from web.fields import as_sent
from web.handler import Handler

DEVICE_COOKIE = "attendance_device"
"""The cookie that names the device also when its localStorage was cleared."""

DEVICE_SECONDS = 365 * 86_400

MOST_REVOKED = 500
"""Most ids of revoked attendances that a page sends: 8 KB, more than a teacher revokes a day."""


Word = Annotated[Any, as_sent(type="string")]


class AttendancePage(Handler):
    """`/attendance/{meeting_id}`: the form, or why there is none now."""

    async def get(self, meeting_id: str) -> None:
        meeting = await self.store.attendance.meetings.get(meeting_id)
        now = await self.store.attendance.meetings.now()
        day = meeting.today(now)
        revoked = await self.store.attendance.records.revoked(meeting.id, day.name)
        listed = (await self.store.attendance.meetings.count_students([meeting.id]))[0]
        self.page(
            "attendance.html",
            meeting=meeting,
            state=meeting.state(now),
            leave_open=not meeting.problem_with_leave(now),
            period=period_of(meeting),
            day=day,
            now=now,
            listed=listed > 0,
            revoked=" ".join(revoked[:MOST_REVOKED]),
            device=self.store.attendance.submissions.proofs.device_of(self.cookie(DEVICE_COOKIE)),
        )


class _Sending(Handler):
    """What the two forms share."""

    done = ""
    """What the student reads when it is recorded."""

    asks_leave = False

    class Body(fields.Body):
        """Let the store decide, in the order of CONTRACT §7: limits are counted first."""

        meeting_id: Word = None
        name: Annotated[Any, as_sent(type="string", maxLength=LONGEST_NAME)] = None
        class_: Annotated[Any, as_sent(type="string", maxLength=LONGEST_CLASS)] = field(
            name="class", default=None
        )
        device_id: Word = field(name="deviceId", default=None)
        ticket: Word = None
        """Of who scanned the code on show (`presence`)."""
        reason: Annotated[Any, as_sent(type="string", maxLength=LONGEST_REASON)] = None
        """Why to be excused; only that form is asked for it."""

    async def post(self) -> None:
        body = self.body(self.Body)
        accepted = await self.store.attendance.submissions.submit(
            Form(
                meeting=body.meeting_id,
                name=body.name,
                class_=body.class_,
                device=body.device_id,
                cookie=self.cookie,
                reason=(body.reason or "") if self.asks_leave else None,
                ticket=body.ticket,
                retry_key=self.request.headers.get("Idempotency-Key", "")[:64],
                remembered=self.cookie(DEVICE_COOKIE),
                address=self.address,
                user_agent=self.request.headers.get("User-Agent", ""),
            )
        )
        self._remember(accepted)
        self.respond(
            {
                "success": True,
                "message": self.done,
                "attendance": accepted.attendance.public(accepted.meeting.timezone),
                "day": accepted.day.name,
            },
            201,
        )

    def _remember(self, accepted: Accepted) -> None:
        """Until the end of the meeting's day. Max-Age, because a phone's clock may be wrong."""
        left = (accepted.day.ends_at - accepted.now + 999) // 1000
        self.set_cookie(
            self.door.cookie_name(accepted.cookie),
            accepted.value,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self.store.settings.secure_cookies,
            expires=datetime.fromtimestamp(accepted.day.ends_at // 1000 - 1, UTC),
            max_age=max(1, left),
        )
        self._set(
            DEVICE_COOKIE,
            self.store.attendance.submissions.proofs.device_mark(accepted.attendance.device),
            seconds=DEVICE_SECONDS,
        )


class Submit(_Sending):
    """`POST /api/attendance/submit`."""

    done = "Absensi berhasil dicatat"


class Permission(_Sending):
    """`POST /api/attendance/permission`: to be excused, with a reason."""

    done = "Izin berhasil dicatat"
    asks_leave = True


class Presence(Handler):
    """`POST /api/attendance/presence`: a ticket of two minutes for a code that was scanned."""

    class Body(fields.Body):
        meeting_id: Word = None
        device_id: Word = field(name="deviceId", default=None)
        code: Word = None

    async def post(self) -> None:
        body = self.body(self.Body)
        ticket, _ = await self.store.attendance.submissions.admit(
            body.meeting_id, body.device_id, body.code, address=self.address
        )
        self.respond({"success": True, "ticket": ticket, "valid_seconds": TICKET_MS // 1000})


class Suggestions(Handler):
    """`GET /api/attendance/{meeting_id}/students?q=`: listed names that begin with the text."""

    async def get(self, meeting_id: str) -> None:
        try:
            meeting = await self.store.attendance.meetings.get(meeting_id)
        except MeetingNotFound:
            self.respond({"success": True, "students": []})
            return
        typed = self.get_query_argument("q", "")[:100]
        found = await self.store.attendance.meetings.find_students(meeting, typed)
        students = [{"name": one.name, "class": one.class_} for one in found]
        self.respond({"success": True, "students": students})


def period_of(meeting: Meeting) -> str:
    """Return from when to when a meeting is held, in words."""
    zone = meeting.timezone
    return period(local(meeting.starts_at, zone), local(meeting.ends_at, zone))


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/attendance/([^/]+)", AttendancePage),
        (r"/api/attendance/submit", Submit),
        (r"/api/attendance/permission", Permission),
        (r"/api/attendance/presence", Presence),
        (r"/api/attendance/([^/]+)/students", Suggestions),
    ]
