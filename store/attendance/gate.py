"""The gate: who was there, once per student and once per device, meeting and day.

A meeting's day is two Redis hashes, student → record and device → student, so that one script
decides over both, keeps the record and announces it. The record in the gate *is* the attendance;
Postgres gets it from the log. What was refused is kept for the teacher.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.attendance.days import Day, status_at
from store.attendance.meetings import Meeting, valid_meeting_id
from store.attendance.proofs import Proofs, valid_device
from store.attendance.records import (
    TRIES,
    Attendance,
    as_json,
    day_keys,
    left_ms,
    valid_reason,
)
from store.attendance.students import REQUIRED, Student, valid_student
from store.errors import (
    AttendanceClosed,
    AttendanceDuplicate,
    Conflict,
    InvalidDevice,
    InvalidRequest,
    MeetingNotFound,
    RateLimited,
    Unavailable,
)
from store.keys import Keys
from store.limits import Limit
from store.queue import Queue
from store.scripts import Script
from store.sessions import new_id

TURNS = Limit("attendance", 5, 60)
"""Attendance requests of one device (CONTRACT §3)."""

FAMILIAR_MS = 60 * 86_400_000
"""How long a device is remembered as a student's: two months of lessons."""

DUPLICATES = frozenset({"COOKIE_DUPLICATE", "USER_DUPLICATE", "DEVICE_DUPLICATE"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a student's browser sends, unchecked, and what is known of the browser."""

    meeting: object
    name: object
    class_: object
    device: object
    cookie: Callable[[str], str]
    """The value of a cookie by its name, "" when there is none."""
    reason: object = None
    """Why the student is to be excused; None for a presence."""
    ticket: object = None
    retry_key: str = ""
    """Names one filling in of the form, so that it may be sent again."""
    remembered: str = ""
    """The long-lived device cookie."""
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An attendance that holds, and the cookie that says so."""

    attendance: Attendance
    meeting: Meeting
    day: Day
    cookie: str
    """The cookie's name."""
    value: str
    now: int


@dataclass(frozen=True, slots=True)
class _Wish:
    """A form whose fields are in order."""

    meeting: str
    student: Student
    device: str
    reason: str | None


class Gate:
    """Every way an attendance may come to be, or change."""

    def __init__(self, redis: Redis, keys: Keys, queue: Queue, proofs: Proofs) -> None:
        self._redis = redis
        self._keys = keys
        self._queue = queue
        self.proofs = proofs
        self._begin = Script(redis, "attendance_begin")
        self._take = Script(redis, "attendance_take")
        self._refuse = Script(redis, "attendance_refuse")
        self._give_back = Script(redis, "limit_give_back")

    # A student fills in

    async def submit(self, form: Form, now: int = 0) -> Accepted:
        """Record a student's presence, or their request to be excused.

        `now` (unix ms) decides the day; 0 asks Redis's clock. Checks in the order of CONTRACT §7.
        Raises RateLimited, InvalidRequest, InvalidDevice, MeetingNotFound, AttendanceClosed,
        AttendanceDuplicate, Unavailable.
        """
        turns = self._turns(form.device)
        wait, count, clock, meeting = await self._begun(form.meeting, turns)
        now = now or clock
        if wait:
            if count == TURNS.most + 1 and meeting:
                await self._note_flood(form, meeting, now)
            raise RateLimited(wait / 1000)
        wish = _valid_wish(form)
        try:
            return await self._decide(form, wish, meeting, now)
        except (Unavailable, RedisError):
            await self._refund(turns)
            raise

    async def _decide(self, form: Form, wish: _Wish, meeting: Meeting | None, now: int) -> Accepted:
        for _ in range(TRIES):
            if meeting is None:
                raise MeetingNotFound()
            reply = await self._try(form, wish, meeting, now)
            if reply[0] != "moved":
                return self._accepted(reply, wish, meeting, now)
            _, _, _, meeting = await self._begun(wish.meeting, "")
        raise Conflict()

    async def _begun(self, meeting: object, turns: str) -> tuple[int, int, int, Meeting | None]:
        """Take a turn (none for an unnamed device); returns wait, turns taken, clock, meeting."""
        keys = self._keys
        meeting_id = valid_meeting_id(meeting)
        reply = await self._begin(
            [keys.turns(turns or "attendance"), keys.meeting(meeting_id), keys.built()],
            [TURNS.most if turns else 0, TURNS.seconds * 1000],
        )
        if reply[0] == "unbuilt":
            raise Unavailable()
        wait, count, clock, flat = reply
        row = dict(zip(flat[::2], flat[1::2], strict=True))
        return int(wait), int(count), int(clock), Meeting.from_hash(row) if row else None

    def _turns(self, device: object) -> str:
        """The limit's subject: the device as it names itself, valid or not."""
        if not isinstance(device, str) or not device:
            return ""
        name = device.lower().encode("utf-8", "surrogatepass")
        return TURNS.of(hashlib.sha256(name).hexdigest()[:32]).subject

    async def _refund(self, turns: str) -> None:
        """Our failure costs the student no turn; while Redis is away there is none to give."""
        if turns:
            try:
                await self._give_back([self._keys.turns(turns)], [])
            except RedisError:
                return

    async def _try(self, form: Form, wish: _Wish, meeting: Meeting, now: int) -> list[Any]:
        keys = self._keys
        day = meeting.today(now)
        name = cookie_name(meeting.id, wish.device)
        marked = self.proofs.marked(form.cookie(name), meeting.id, wish.device, day.name)
        record = self._record(form, wish, meeting, day, now)
        reply: list[Any] = await self._take(
            [
                *day_keys(keys, meeting.id, day.name),
                keys.attendance_attempts(meeting.id, day.name),
                keys.roster(meeting.id),
                keys.meeting(meeting.id),
                keys.events(),
                keys.built(),
                keys.attendance(record["id"]),
                keys.familiar_devices(meeting.id),
            ],
            [
                as_json(record),
                meeting.version,
                left_ms(day, now),
                marked,
                self._problem(form, wish, meeting, day, now),
                as_json(_attempt(form, wish, meeting, day, now)),
                FAMILIAR_MS,
                *wish.student.former_ids,
            ],
        )
        return reply

    def _problem(self, form: Form, wish: _Wish, meeting: Meeting, day: Day, now: int) -> str:
        """What speaks against the meeting taking this now, "" when nothing does."""
        if wish.reason is not None:
            return meeting.problem_with_leave(now)
        if problem := meeting.problem(now):
            return problem
        if not meeting.rotating:
            return ""
        ticket = form.ticket if isinstance(form.ticket, str) else ""
        present = self.proofs.is_present(ticket, meeting.id, wish.device, day.name, now)
        return "" if present else "PRESENCE_REQUIRED"

    def _record(
        self, form: Form, wish: _Wish, meeting: Meeting, day: Day, now: int
    ) -> dict[str, Any]:
        leave = wish.reason is not None
        remembered = self.proofs.device_of(form.remembered)
        return {
            "id": new_id(),
            "meeting": meeting.id,
            "student": wish.student.id,
            "name": wish.student.name,
            "class": wish.student.class_,
            "device": wish.device,
            "status": "IZIN" if leave else status_at(now, meeting.starts_at, meeting.timezone),
            "day": day.name,
            "at": now,
            "source": "permission" if leave else "student",
            "reason": wish.reason or "",
            "by": "",
            "changed_at": now,
            "flags": "device_renamed" if remembered not in ("", wish.device) else "",
            "trace": _trace(form),
            "key": _retry_digest(form.retry_key),
        }

    def _accepted(self, reply: list[Any], wish: _Wish, meeting: Meeting, now: int) -> Accepted:
        if reply[0] == "unbuilt":
            raise Unavailable()
        self._queue.wake_persist()
        if reply[0] == "refused":
            raise _refusal(reply[1], reply[2])
        attendance = Attendance.from_record(json.loads(reply[1]))
        return Accepted(
            attendance=attendance,
            meeting=meeting,
            day=meeting.today(now),
            cookie=cookie_name(meeting.id, wish.device),
            value=self.proofs.mark(meeting.id, wish.device, attendance.id, attendance.day),
            now=now,
        )

    async def _note_flood(self, form: Form, meeting: Meeting, now: int) -> None:
        """The first request too many of a window is shown to the teacher, if it named somebody."""
        try:
            wish = _valid_wish(form)
        except InvalidRequest:
            return
        day = meeting.today(now)
        keys = [self._keys.attendance_attempts(meeting.id, day.name), self._keys.events()]
        attempt = as_json(_attempt(form, wish, meeting, day, now))
        await self._refuse(keys, [attempt, "RATE_LIMIT", left_ms(day, now)])

    # The rotating code

    async def admit(
        self, meeting_id: object, device: object, code: object, now: int = 0
    ) -> tuple[str, int]:
        """Give a presence ticket for the code on show; returns it with the moment it was given.

        Raises RateLimited, InvalidRequest, InvalidDevice, MeetingNotFound, AttendanceClosed.
        """
        known = valid_device(device)
        # apart from the form's own turns: each of a student's tries scans once
        turns = f"{self._turns(known)}:scan" if known else ""
        wait, _, clock, meeting = await self._begun(meeting_id, turns)
        if wait:
            raise RateLimited(wait / 1000)
        if not isinstance(meeting_id, str) or not isinstance(code, str):
            raise InvalidRequest("code" if isinstance(meeting_id, str) else "meeting_id")
        if not known:
            raise InvalidDevice()
        if meeting is None:
            raise MeetingNotFound()
        now = now or clock
        if not self.proofs.is_shown(code.upper(), meeting.id, now):
            raise AttendanceClosed("PRESENCE_REQUIRED")
        return self.proofs.ticket(meeting.id, known, meeting.today(now).name, now), now


def cookie_name(meeting_id: str, device: str) -> str:
    """Return the name of the cookie that remembers a device's attendance (CONTRACT §7)."""
    return f"attendance_{meeting_id}_{device}"


def _valid_wish(form: Form) -> _Wish:
    """Fields first, then the device id (CONTRACT §7)."""
    if not isinstance(form.meeting, str) or not form.meeting.strip():
        raise InvalidRequest("meeting_id", REQUIRED)
    student = valid_student(form.name, form.class_)
    if form.device is None or (isinstance(form.device, str) and not form.device.strip()):
        raise InvalidRequest("deviceId", REQUIRED)
    reason = None if form.reason is None else valid_reason(form.reason)
    device = valid_device(form.device)
    if not device:
        raise InvalidDevice()
    return _Wish(form.meeting, student, device, reason)


def _attempt(form: Form, wish: _Wish, meeting: Meeting, day: Day, now: int) -> dict[str, Any]:
    """What is kept of an attempt, should it be refused."""
    return {
        "meeting": meeting.id,
        "name": wish.student.name,
        "class": wish.student.class_,
        "student": wish.student.id,
        "device": wish.device,
        "day": day.name,
        "at": now,
        "ip": form.address[:64],
        "agent": form.user_agent[:200],
    }


def _refusal(kind: str, winner: str) -> AttendanceDuplicate | AttendanceClosed:
    if kind not in DUPLICATES:
        return AttendanceClosed(kind)
    record = json.loads(winner) if winner else None
    return AttendanceDuplicate(kind, (record["name"], record["class"]) if record else None)


def _trace(form: Form) -> str:
    """A soft mark of phone and line: two alike within a minute are shown, never blocked."""
    words = f"{form.address}|{form.user_agent}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(words).hexdigest()[:12]


def _retry_digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24] if key else ""
