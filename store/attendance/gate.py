"""The gate: who was there, once per student and once per device, meeting and day.

A meeting's day is two Redis hashes, student → record and device → student, so that one script
decides over both, keeps the record and announces it. The record in the gate *is* the attendance;
Postgres gets it from the log. What was refused is kept for the teacher.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.attendance.days import Day, as_text, day_of, day_on, status_at
from store.attendance.meetings import By, Meeting, audit, valid_meeting_id
from store.attendance.proofs import Proofs, device_label, valid_device
from store.attendance.students import REQUIRED, Student, seen, valid_student
from store.database import Database, statement
from store.errors import (
    AttendanceClosed,
    AttendanceDuplicate,
    Conflict,
    InvalidDevice,
    InvalidRequest,
    MeetingNotFound,
    NotFound,
    RateLimited,
    Unavailable,
)
from store.keys import Keys
from store.limits import Limit
from store.members import valid_choice
from store.queue import Queue
from store.scripts import Script
from store.sessions import new_id

STATUSES = ("HADIR", "TERLAMBAT", "IZIN", "TIDAK_HADIR")

TURNS = Limit(5, 60)
"""Attendance requests of one device (CONTRACT §3)."""

SHORTEST_REASON, LONGEST_REASON = 10, 500

KEEP_MS = 48 * 3600 * 1000
"""How long a day stays in Redis after its end: garbage collection only, so that yesterday can be
shown and corrected without Postgres. The gate's day is in its name."""

FAMILIAR_MS = 60 * 86_400_000
"""How long a device is remembered as a student's: two months of lessons."""

TRIES = 5
"""Attempts at a step that others keep changing under us; each fails only when somebody won."""

MOST_MARKED = 1_000
"""Students marked in one request: more than any class, a second of Redis at worst."""

DUPLICATES = frozenset({"COOKIE_DUPLICATE", "USER_DUPLICATE", "DEVICE_DUPLICATE"})


@dataclass(frozen=True, slots=True)
class Attendance:
    """One record. Times are unix milliseconds; `device` is "" for what was entered by hand."""

    id: str
    meeting: str
    student: str
    name: str
    class_: str
    device: str
    status: str
    day: str
    at: int
    source: str
    reason: str
    by: str
    changed_at: int
    flags: str
    trace: str

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Attendance:
        """Read the JSON of the gate, the data of an event, or a row of Postgres."""
        fields = {name: record.get(name, "") for name in cls.__slots__}
        return cls(**fields | {"class_": record["class"]})

    def public(self, zone: str) -> dict[str, Any]:
        """Return what the student is answered."""
        return {
            "id": self.id,
            "student_name": self.name,
            "class": self.class_,
            "status": self.status,
            "recorded_at": as_text(int(self.at), zone),
        }

    def row(self, zone: str) -> dict[str, Any]:
        """Return what the teacher sees: the device only as a label."""
        return self.public(zone) | {
            "student_id": self.student,
            "day": self.day,
            "source": self.source,
            "reason": self.reason,
            "device": device_label(self.device),
            "flags": [flag for flag in self.flags.split(",") if flag],
            "changed_at": int(self.changed_at) / 1000,
        }


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

    def __init__(
        self, redis: Redis, keys: Keys, queue: Queue, database: Database, proofs: Proofs
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._queue = queue
        self._database = database
        self.proofs = proofs
        self._begin = Script(redis, "attendance_begin")
        self._take = Script(redis, "attendance_take")
        self._refuse = Script(redis, "attendance_refuse")
        self._mark = Script(redis, "attendance_mark")
        self._revoke = Script(redis, "attendance_revoke")

    # A student fills in

    async def submit(self, form: Form, now: int = 0) -> Accepted:
        """Record a student's presence, or their request to be excused.

        `now` (unix ms) decides the day; 0 asks Redis's clock. Checks in the order of CONTRACT §7.
        Raises RateLimited, InvalidRequest, InvalidDevice, MeetingNotFound, AttendanceClosed,
        AttendanceDuplicate, Unavailable.
        """
        turns = self._turns(form.device)
        try:
            return await self._submit(form, turns, now)
        except (Unavailable, RedisError):
            await self._refund(turns)
            raise

    async def _submit(self, form: Form, turns: str, now: int) -> Accepted:
        wait, count, clock, meeting = await self._begun(form.meeting, turns)
        now = now or clock
        if wait:
            if count == TURNS.most + 1 and meeting:
                await self._note_flood(form, meeting, now)
            raise RateLimited(wait / 1000)
        wish = _valid_wish(form)
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
            [keys.failures(turns or "attendance"), keys.meeting(meeting_id), keys.built()],
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
        return f"attendance:{hashlib.sha256(name).hexdigest()[:32]}"

    async def _refund(self, turns: str) -> None:
        """Our failure costs the student no turn; while Redis is away there is none to give."""
        if turns:
            try:
                await self._redis.decr(self._keys.failures(turns))
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
                *self._day_keys(meeting.id, day.name),
                keys.attendance_attempts(meeting.id, day.name),
                keys.roster(meeting.id),
                keys.meeting(meeting.id),
                keys.events(),
                keys.built(),
                keys.attendance(record["id"]),
                keys.familiar_devices(meeting.id),
            ],
            [
                _json(record),
                meeting.version,
                _ttl(day, now),
                marked,
                self._problem(form, wish, meeting, day, now),
                _json(_attempt(form, wish, meeting, day, now)),
                FAMILIAR_MS,
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
        attempt = _json(_attempt(form, wish, meeting, day, now))
        await self._refuse(keys, [attempt, "RATE_LIMIT", _ttl(day, now)])

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

    # A teacher looks

    async def rows(self, meeting: Meeting, first: date, last: date, now: int) -> list[Attendance]:
        """Return the attendances of days, in the order they came.

        Fresh days come from the gate, older ones from Postgres. Raises Unavailable.
        """
        fresh = day_of(now, meeting.timezone).on - timedelta(days=1)
        found: list[Attendance] = []
        if first < fresh:
            params = {"meeting": meeting.id, "first": first, "last": min(last, _before(fresh))}
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

    # A teacher writes

    async def mark(
        self, meeting: Meeting, on: date, student: Student, status: object, reason: object, by: By
    ) -> Attendance:
        """Give a student a status by hand; a new record has no device, so it blocks none.

        Raises InvalidRequest, Conflict, MeetingNotFound, Unavailable.
        """
        status = valid_choice("status", status, STATUSES)
        reason = valid_reason(reason, shortest=0)
        if not meeting.has_day(on):
            raise InvalidRequest("day", "Meeting ini tidak berlangsung pada tanggal itu.")
        for _ in range(TRIES):
            now = await self._now()
            [here] = await self._here(meeting, on, [student], now)
            reply = await self._write_mark(meeting, on, student, status, reason, by, here, now)
            if reply[0] in ("marked", "changed"):
                self._queue.wake_persist()
                return Attendance.from_record(json.loads(reply[1]))
            if reply[0] == "gone":
                raise MeetingNotFound()
            if reply[0] == "unbuilt":
                raise Unavailable()
        raise Conflict()

    async def _here(
        self, meeting: Meeting, on: date, students: Sequence[Student], now: int
    ) -> list[str]:
        """The JSON of what students have on a day already, "" for nothing."""
        if _is_fresh(meeting, on, now):
            key = self._keys.attendances(meeting.id, on.isoformat())
            texts = await self._redis.hmget(key, [student.id for student in students])
            return [str(text or "") for text in texts]
        params = {"meeting": meeting.id, "first": on, "last": on}
        rows = await self._database.fetch(statement("attendance", "read_day"), params)
        texts_of = {row["student"]: _json(row) for row in rows}
        return [texts_of.get(student.id, "") for student in students]

    async def _write_mark(
        self,
        meeting: Meeting,
        on: date,
        student: Student,
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
            "student": student.id,
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
        ttl = _ttl(day_on(on, meeting.timezone), now) if _is_fresh(meeting, on, now) else 0
        reply: list[Any] = await self._mark(
            [
                keys.attendances(meeting.id, day),
                keys.meeting(meeting.id),
                keys.events(),
                keys.built(),
                keys.attendance(record["id"]),
                keys.attendance(there),
            ],
            [_json(record), ttl, here, audit(by, "attendance.mark", there, detail, now)],
        )
        return reply

    async def revoke(self, meeting: Meeting, attendance: Attendance, by: By) -> None:
        """Take an attendance back; the student and the device may fill in again at once.

        Raises Conflict when it was taken back or replaced meanwhile, Unavailable.
        """
        keys = self._keys
        now = await self._now()
        on = date.fromisoformat(attendance.day)
        fresh = _is_fresh(meeting, on, now)
        place = {"id": attendance.id, "meeting": meeting.id, "student": attendance.student}
        place |= {"day": attendance.day}
        detail = place | {"name": attendance.name, "class": attendance.class_}
        detail |= {"status": attendance.status, "recorded_at": str(attendance.at)}
        verdict = await self._revoke(
            [
                *self._day_keys(meeting.id, attendance.day),
                keys.events(),
                keys.built(),
                keys.attendance(attendance.id),
                keys.familiar_devices(meeting.id),
            ],
            [
                _json(place | {"device": attendance.device}),
                _ttl(day_on(on, meeting.timezone), now) if fresh else 0,
                _json(place | {"by": by.member, "at": now}),
                audit(by, "attendance.revoke", attendance.id, detail, now),
            ],
        )
        if verdict == "unbuilt":
            raise Unavailable()
        if verdict == "moved":
            raise Conflict()
        self._queue.wake_persist()

    def _day_keys(self, meeting_id: str, day: str) -> list[str]:
        keys = self._keys
        return [
            keys.attendances(meeting_id, day),
            keys.attendance_devices(meeting_id, day),
            keys.attendances_revoked(meeting_id, day),
        ]

    async def _now(self) -> int:
        seconds, micros = await self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000


def cookie_name(meeting_id: str, device: str) -> str:
    """Return the name of the cookie that remembers a device's attendance (CONTRACT §7)."""
    return f"attendance_{meeting_id}_{device}"


def valid_reason(value: object, shortest: int = SHORTEST_REASON) -> str:
    """Return a reason of at least `shortest` characters. Raises InvalidRequest."""
    text = seen(value) if isinstance(value, str) else ""
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("reason")
    if not shortest <= len(text) <= LONGEST_REASON:
        words = f"Alasan harus {SHORTEST_REASON} sampai {LONGEST_REASON} karakter."
        raise InvalidRequest("reason", words)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("reason") from None
    if any(sign < " " and sign not in "\n\t" for sign in text) or "\x7f" in text:
        raise InvalidRequest("reason")
    return text


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


def _ttl(day: Day, now: int) -> int:
    return day.ends_at - now + KEEP_MS


def _is_fresh(meeting: Meeting, on: date, now: int) -> bool:
    """Whether a day's gate is in Redis: today's, yesterday's, and one that is still to come."""
    return on >= _before(day_of(now, meeting.timezone).on)


def _before(on: date) -> date:
    return on - timedelta(days=1)


def _json(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False)
