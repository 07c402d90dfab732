"""Meetings: created, changed, listed and closed here only. The row lives in Redis."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from store.attendance.days import Day, day_of, valid_moment, valid_zone
from store.attendance.students import Roster, Student, known_as
from store.changes import Changes, Part, but
from store.clock import redis_ms
from store.errors import Conflict, InvalidRequest, MeetingNotFound, Unavailable
from store.folding import folded
from store.members import valid_text
from store.sessions import new_id

DEFAULT_TITLE = "Pertemuan baru"
LONGEST_TITLE = 150

LONGEST_MS = 366 * 86_400_000
"""A meeting that is held every day of a school year; more is a slip of the pen."""

MOST_LISTED = 200
"""Meetings on one page of the list."""

SHORTEST_SEARCH = 3
MOST_FOUND = 5
"""Names are offered to whoever types three letters of one, five at most: enough to save a student
the typing, too little to read off a list."""


PER_ADDRESS = 300
"""Requests of one address that a meeting takes in ten minutes, unless it says otherwise: several
classes behind one line, each pupil with a second try."""

FOLDED_SECONDS = 5.0
MOST_FOLDED = 16
"""Lists that are kept folded, for the names that are offered: some 1 MB each at the largest."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a member's id, and the address they act from; for the audit."""

    member: str
    ip: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting. Times are unix milliseconds."""

    id: str
    title: str
    starts_at: int
    ends_at: int
    is_active: bool
    closed: bool
    timezone: str
    rotating: bool
    owner: str
    version: int
    created_at: int
    updated_at: int
    per_address: int = PER_ADDRESS

    @classmethod
    def from_hash(cls, row: Mapping[Any, Any]) -> Meeting:
        """Read the Redis hash."""
        typed: dict[str, Any] = dict(row)
        for name in ("starts_at", "ends_at", "version", "created_at", "updated_at"):
            typed[name] = int(row.get(name, 0))
        typed["per_address"] = int(row.get("per_address", PER_ADDRESS))
        for name in ("is_active", "closed", "rotating"):
            typed[name] = row.get(name) == "1"
        return cls(**{name: typed.get(name, "") for name in cls.__slots__})

    def state(self, now: int) -> str:
        """Return `inactive`, `ended`, `upcoming` or `open`."""
        if not self.is_active and not self.closed:
            return "inactive"
        if self.closed or now >= self.ends_at:
            return "ended"
        return "upcoming" if now < self.starts_at else "open"

    def problem(self, now: int) -> str:
        """Return why it takes no attendance now, "" when it does (CONTRACT §7)."""
        return _PROBLEMS.get(self.state(now), "")

    def problem_with_leave(self, now: int) -> str:
        """The same for a request to be excused, which may come before the start on that day."""
        if self.state(now) == "upcoming" and now >= day_of(self.starts_at, self.timezone).starts_at:
            return ""
        return self.problem(now)

    def has_day(self, on: date) -> bool:
        """Whether the meeting goes on, or has an end, on a calendar day of its zone."""
        first, last = (day_of(at, self.timezone).on for at in (self.starts_at, self.ends_at))
        return first <= on <= last

    def today(self, now: int) -> Day:
        """Return the day it is in the meeting's zone."""
        return day_of(now, self.timezone)


_PROBLEMS = {
    "inactive": "MEETING_INACTIVE",
    "ended": "MEETING_ENDED",
    "upcoming": "MEETING_NOT_STARTED",
}


class Meetings(Part):
    """Every way a meeting may change."""

    def __init__(self, changes: Changes, timezone: str) -> None:
        """`timezone` is the zone of a meeting that names none."""
        super().__init__(changes)
        self._timezone = timezone
        self._save = changes.script("meeting_save", {"gone": MeetingNotFound, "moved": Conflict})
        self._close = changes.script("meeting_close")
        self._delete = changes.script("meeting_delete", {"gone": MeetingNotFound})
        self._roster = changes.script(
            "meeting_roster", {-1: MeetingNotFound, -2: Unavailable}, wrote=but(-1, -2)
        )
        self._folded: dict[str, tuple[float, list[tuple[str, Student]]]] = {}

    async def now(self) -> int:
        """Return Redis's clock (unix ms): the one by which meetings begin and end."""
        return await redis_ms(self._redis)

    async def get(self, meeting_id: str, owner: str = "") -> Meeting:
        """Return a meeting; with `owner`, only theirs. Raises MeetingNotFound."""
        row = await self._redis.hgetall(self._keys.meeting(valid_meeting_id(meeting_id)))
        if not row or (owner and row.get("owner") != owner):
            raise MeetingNotFound()
        return Meeting.from_hash(row)

    async def newest(self, owner: str = "", before: int = 0) -> list[Meeting]:
        """Return meetings, the latest start first; with `owner`, only theirs.

        `before` goes on below a start (unix ms); at most MOST_LISTED are returned.
        """
        highest = f"({before}" if before else "+inf"
        found: list[Meeting] = []
        at = 0
        while len(found) < MOST_LISTED:
            ids = await self._redis.zrevrangebyscore(
                self._keys.meetings(), highest, "-inf", start=at, num=MOST_LISTED
            )
            rows = await self._rows([str(one) for one in ids])
            found += [row for row in rows if not owner or row.owner == owner]
            at += MOST_LISTED
            if len(ids) < MOST_LISTED:
                break
        return found[:MOST_LISTED]

    async def _rows(self, ids: Sequence[str]) -> list[Meeting]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for meeting_id in ids:
                pipe.hgetall(self._keys.meeting(meeting_id))
            return [Meeting.from_hash(row) for row in await pipe.execute() if row]

    async def create(self, wish: Mapping[str, Any], by: By) -> Meeting:
        """Create a meeting of `{title, starts_at, ends_at, is_active, timezone, rotating,
        per_address}`.

        Raises InvalidRequest, Unavailable.
        """
        fields = {"title": DEFAULT_TITLE, "timezone": self._timezone, "is_active": "1"}
        fields |= {"rotating": "0", "closed": "0", "owner": by.member} | _valid(wish)
        for name in ("starts_at", "ends_at"):
            if name not in fields:
                raise InvalidRequest(name)
        meeting_id = new_id()
        fields["created_at"] = str(await self.now())
        await self._write(meeting_id, 0, fields, by, "meeting.create")
        return await self.get(meeting_id)

    async def change(self, meeting: Meeting, wish: Mapping[str, Any], by: By) -> Meeting:
        """Change fields of a meeting; returns it afterwards.

        Raises InvalidRequest, MeetingNotFound, Conflict (somebody else changed it just now).
        """
        fields = _valid(wish)
        if not fields:
            raise InvalidRequest("body", "Tidak ada yang diubah.")
        times = {"starts_at": str(meeting.starts_at), "ends_at": str(meeting.ends_at)} | fields
        _require_order(times)
        if {"is_active", "ends_at"} & fields.keys():
            fields["closed"] = "0"
            # closed by its end, and now given a later one: open again
            if meeting.closed and "is_active" not in fields:
                fields["is_active"] = "1"
        await self._write(meeting.id, meeting.version, fields, by, "meeting.change")
        return await self.get(meeting.id)

    async def _write(
        self, meeting_id: str, version: int, fields: Mapping[str, str], by: By, act: str
    ) -> None:
        if version == 0:
            _require_order(fields)
        keys = self._keys
        now = await self.now()
        words = [word for pair in fields.items() for word in pair]
        await self._save(
            [
                keys.meeting(meeting_id),
                keys.meetings(),
                keys.meeting_ends(),
                keys.events(),
                keys.built(),
            ],
            [
                meeting_id,
                version,
                audit(by, act, meeting_id, dict(fields), now),
                *words,
                "updated_at",
                now,
            ],
        )

    async def delete(self, meeting: Meeting, by: By) -> None:
        """Delete a meeting; what was filled in stays in Postgres. Raises MeetingNotFound."""
        keys = self._keys
        detail = {"title": meeting.title}
        await self._delete(
            [
                keys.meeting(meeting.id),
                keys.meetings(),
                keys.meeting_ends(),
                keys.roster(meeting.id),
                keys.familiar_devices(meeting.id),
                keys.events(),
            ],
            [meeting.id, audit(by, "meeting.delete", meeting.id, detail, await self.now())],
        )

    async def close_due(self, most: int = 500) -> int:
        """Switch off meetings whose end has come; returns how many."""
        ends = self._keys.meeting_ends()
        due = await self._redis.zrangebyscore(ends, 0, await self.now(), start=0, num=most)
        closed = 0
        for meeting_id in map(str, due):
            keys = [self._keys.meeting(meeting_id), ends, self._keys.events()]
            closed += int(await self._close(keys, [meeting_id]))
        return closed

    # The list of students

    async def list_students(
        self, meeting: Meeting, roster: Roster | None, by: By, *, replace: bool
    ) -> int:
        """Set or extend the list of those who may fill in; None opens the meeting to everybody.

        Returns how many are listed then. Raises MeetingNotFound, Unavailable.
        """
        keys = self._keys
        students = roster.students if roster else []
        listed = await self.students(meeting.id) if students else {}
        # the ids of a school take a quarter of a second
        words = await asyncio.to_thread(_as_words, students, listed)
        detail = {"students": len(students), "replace": replace}
        count = int(
            await self._roster(
                [
                    keys.roster(meeting.id),
                    keys.meeting(meeting.id),
                    keys.events(),
                    keys.built(),
                ],
                [
                    meeting.id,
                    int(replace),
                    audit(by, "meeting.students", meeting.id, detail, await self.now()),
                    *words,
                ],
            )
        )
        return count

    async def students(self, meeting_id: str) -> dict[str, Student]:
        """Return the list, by student id; empty when everybody may fill in."""
        rows = await self._redis.hgetall(self._keys.roster(meeting_id))
        return {str(student_id): _from_json(str(text)) for student_id, text in rows.items()}

    async def count_students(self, ids: Sequence[str]) -> list[int]:
        """Return how many students are listed for each of these meetings."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for meeting_id in ids:
                pipe.hlen(self._keys.roster(meeting_id))
            return [int(count) for count in await pipe.execute()]

    async def find_students(self, meeting: Meeting, typed: str) -> list[Student]:
        """Return listed students with a word that begins as typed, while the meeting is open."""
        begin = folded(typed)
        if len(begin) < SHORTEST_SEARCH or meeting.problem_with_leave(await self.now()):
            return []
        found = [
            (not name.startswith(begin), name, one.class_, one)
            for name, one in await self._folded_students(meeting.id)
            if name.startswith(begin) or f" {begin}" in name
        ]
        return [one for *_, one in sorted(found, key=lambda entry: entry[:3])[:MOST_FOUND]]

    async def _folded_students(self, meeting_id: str) -> list[tuple[str, Student]]:
        """The list with its names as they are compared; a few seconds old at most, because a
        class types at once and a school's list takes a while to fold."""
        age, names = self._folded.get(meeting_id, (0.0, []))
        if time.monotonic() - age > FOLDED_SECONDS or not age:
            listed = await self.students(meeting_id)
            names = [(folded(one.name), one) for one in listed.values()]
            self._folded.pop(meeting_id, None)
            self._folded[meeting_id] = (time.monotonic(), names)
            while len(self._folded) > MOST_FOLDED:
                del self._folded[next(iter(self._folded))]
        return names


def valid_meeting_id(value: object) -> str:
    """Return an id that may stand in a key and in a cookie's name, "" for any other value."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def audit(by: By, act: str, subject: str, detail: Mapping[str, Any], now: int) -> str:
    """Return the data of an `audit` event."""
    entry = {"actor": by.member, "act": act, "subject": subject, "at": now, "ip": by.ip}
    return json.dumps(entry | {"detail": dict(detail)}, ensure_ascii=False)


def _valid(wish: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a meeting that were sent, as the hash holds them."""
    fields = {}
    if "title" in wish:
        fields["title"] = valid_text("title", wish["title"], LONGEST_TITLE) or DEFAULT_TITLE
    for name in ("starts_at", "ends_at"):
        if name in wish:
            fields[name] = str(valid_moment(name, wish[name]))
    for name in ("is_active", "rotating"):
        if name in wish:
            if not isinstance(wish[name], bool):
                raise InvalidRequest(name)
            fields[name] = "1" if wish[name] else "0"
    if "per_address" in wish:
        fields["per_address"] = str(_valid_bound(wish["per_address"]))
    if "timezone" in wish:
        fields["timezone"] = valid_zone(wish["timezone"])
    return fields


def _valid_bound(value: object) -> int:
    """Return how many requests of one address are taken. Raises InvalidRequest."""
    if isinstance(value, bool) or not isinstance(value, int) or not 10 <= value <= 100_000:
        raise InvalidRequest("per_address", "per_address harus bilangan 10 sampai 100000.")
    return value


def _require_order(times: Mapping[str, str]) -> None:
    length = int(times["ends_at"]) - int(times["starts_at"])
    if length <= 0:
        raise InvalidRequest("ends_at", "Waktu selesai harus sesudah waktu mulai.")
    if length > LONGEST_MS:
        raise InvalidRequest("ends_at", "Satu pertemuan paling lama satu tahun.")


def _as_words(students: Sequence[Student], listed: Mapping[str, Student]) -> list[str]:
    return [word for one in students for word in (known_as(one, listed), _as_json(one))]


def _as_json(student: Student) -> str:
    return json.dumps({"name": student.name, "class": student.class_}, ensure_ascii=False)


def _from_json(text: str) -> Student:
    record = json.loads(text)
    return Student(record["name"], record["class"])
