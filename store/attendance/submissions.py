"""Submissions pass the gate: who was there, once per student and once per device, meeting and day.

A meeting's day is two Redis hashes, student → record and device → student, so that one script
decides over both, keeps the record and announces it. The record in the gate *is* the attendance;
Postgres gets it from the log. What was refused is kept for the teacher.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import RedisError

from store.attendance.days import Day, status_at
from store.attendance.meetings import PER_ADDRESS, Meeting, valid_meeting_id
from store.attendance.proofs import Proofs, valid_device
from store.attendance.record import (
    TRIES,
    Attendance,
    as_json,
    day_keys,
    left_ms,
    valid_reason,
)
from store.attendance.students import REQUIRED, Student, valid_student
from store.changes import Changes, Part, but
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
from store.limits import AddressLimit, Bound, Limit, Limits
from store.scripts import Script
from store.sessions import new_id

TURNS = Limit("attendance", 5, 60)
"""Attendance requests of one device (CONTRACT §3)."""

TURNS_PER_ADDRESS = AddressLimit("attendance:address", PER_ADDRESS, 600)
"""And of one address at one meeting, whatever its devices call themselves; a meeting may have a
bound of its own."""

SCANS_PER_ADDRESS = AddressLimit("attendance:scans", PER_ADDRESS, 600)

UNKNOWN_PER_ADDRESS = AddressLimit("attendance:unknown", 60, 60)
"""Requests of one address that name a meeting which is not there: names that it makes up must not
give it turns."""

PACE = AddressLimit("attendance:pace", 30, 10)
"""A class of forty that starts together sends some two a second for a while; who sends more than
three for ten seconds, from one address and as one make of browser, looks like a script."""

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
    hurried: bool = False
    """Whether it comes in a row that no class sends; found out by the gate."""


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


@dataclass(frozen=True, slots=True)
class _Turns:
    """What a request takes a turn of."""

    device: Bound
    address: Bound
    pace: Bound


@dataclass(frozen=True, slots=True)
class _Begun:
    """A request that took its turns: how long it has to wait, and what was read with it."""

    wait: int
    is_first: bool
    """Whether it is the first turn too many."""
    pace: int
    clock: int
    meeting: Meeting | None


class AttendanceSubmissions(Part):
    """Every way an attendance may come to be, or change."""

    def __init__(self, changes: Changes, limits: Limits, proofs: Proofs) -> None:
        super().__init__(changes)
        self._limits = limits
        self.proofs = proofs
        self._begin = Script(changes.redis, "attendance_begin")
        self._take = changes.script("attendance_take", wrote=but("moved"), lasting=True)
        self._refuse = changes.script("attendance_refuse", wrote=but())

    # A student fills in

    async def submit(self, form: Form, now: int = 0) -> Accepted:
        """Record a student's presence, or their request to be excused.

        `now` (unix ms) decides the day; 0 asks Redis's clock. Checks in the order of CONTRACT §7.
        Raises RateLimited, InvalidRequest, InvalidDevice, MeetingNotFound, AttendanceClosed,
        AttendanceDuplicate, Unavailable.
        """
        turns = self._turns(form)
        begun = await self._begun(form.meeting, turns)
        now = now or begun.clock
        form = replace(form, hurried=begun.pace > PACE.most)
        if begun.wait:
            if begun.is_first and begun.meeting:
                await self._note_flood(form, begun.meeting, now)
            raise RateLimited(begun.wait / 1000)
        if begun.meeting is None:
            await self._limits.take(UNKNOWN_PER_ADDRESS.of(form.address))
        wish = _valid_wish(form)
        try:
            return await self._decide(form, wish, begun.meeting, now)
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
            row = await self._redis.hgetall(self._keys.meeting(wish.meeting))
            meeting = Meeting.from_hash(row) if row else None
        raise Conflict()

    async def _begun(self, meeting: object, turns: _Turns) -> _Begun:
        """Take a turn of each, and read the meeting."""
        keys = self._keys
        reply = await self._begin(
            [
                keys.turns(turns.device.subject),
                keys.turns(turns.address.subject),
                keys.turns(turns.pace.subject),
                keys.meeting(valid_meeting_id(meeting)),
                keys.built(),
            ],
            [
                turns.device.most,
                turns.device.seconds * 1000,
                turns.address.most,
                turns.address.seconds * 1000,
                turns.pace.seconds * 1000,
            ],
        )
        wait, first, pace, clock, flat = reply
        row = dict(zip(flat[::2], flat[1::2], strict=True))
        known = Meeting.from_hash(row) if row else None
        return _Begun(int(wait), bool(first), int(pace), int(clock), known)

    def _turns(self, form: Form) -> _Turns:
        meeting = valid_meeting_id(form.meeting)
        return _Turns(
            _device_turns(form.device),
            TURNS_PER_ADDRESS.of(form.address, meeting),
            PACE.of(form.address, meeting, _trace(form)),
        )

    async def _refund(self, turns: _Turns) -> None:
        """Our failure costs the student no turn; while Redis is away there is none to give."""
        try:
            await self._limits.give_back(turns.device, turns.address)
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
            "flags": _flags(form, remembered, wish.device),
            "trace": _trace(form),
            "key": _retry_digest(form.retry_key),
        }

    def _accepted(self, reply: list[Any], wish: _Wish, meeting: Meeting, now: int) -> Accepted:
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
        self, meeting_id: object, device: object, code: object, now: int = 0, address: str = ""
    ) -> tuple[str, int]:
        """Give a presence ticket for the code on show; returns it with the moment it was given.

        Raises RateLimited, InvalidRequest, InvalidDevice, MeetingNotFound, AttendanceClosed.
        """
        known = valid_device(device)
        # apart from the form's own turns: each of a student's tries scans once
        asked = valid_meeting_id(meeting_id)
        turns = _Turns(
            _device_turns(f"{known}:scan" if known else ""),
            SCANS_PER_ADDRESS.of(address, asked),
            PACE.of(address, asked, "scan"),
        )
        begun = await self._begun(meeting_id, turns)
        meeting = begun.meeting
        if begun.wait:
            raise RateLimited(begun.wait / 1000)
        if meeting is None:
            await self._limits.take(UNKNOWN_PER_ADDRESS.of(address))
        if not isinstance(meeting_id, str) or not isinstance(code, str):
            raise InvalidRequest("code" if isinstance(meeting_id, str) else "meeting_id")
        if not known:
            raise InvalidDevice()
        if meeting is None:
            raise MeetingNotFound()
        now = now or begun.clock
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
        "hurried": form.hurried,
    }


def _device_turns(device: object) -> Bound:
    """The device's turns, as it names itself, valid or not; none for one without a name."""
    if not isinstance(device, str) or not device:
        return replace(TURNS.of("nobody"), most=0)
    name = device.lower().encode("utf-8", "surrogatepass")
    return TURNS.of(hashlib.sha256(name).hexdigest()[:32])


def _flags(form: Form, remembered: str, device: str) -> str:
    flags = ["device_renamed"] if remembered not in ("", device) else []
    return ",".join([*flags, "like_a_script"] if form.hurried else flags)


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
