"""An attendance as it is kept, and the rules that submissions and corrections share. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from store.attendance.days import Day, as_text, day_of
from store.attendance.meetings import Meeting
from store.attendance.proofs import device_label
from store.attendance.students import Student
from store.errors import InvalidRequest
from store.folding import seen
from store.keys import Keys

STATUSES = ("HADIR", "TERLAMBAT", "IZIN", "TIDAK_HADIR")

SHORTEST_REASON, LONGEST_REASON = 10, 500

KEEP_MS = 48 * 3600 * 1000
"""How long a day stays in Redis after its end: garbage collection only, so that yesterday can be
shown and corrected without Postgres. The gate's day is in its name."""

TRIES = 5
"""Attempts at a step that others keep changing under us; each fails only when somebody won."""


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

    @property
    def person(self) -> Student:
        """Whose it is, as typed."""
        return Student(self.name, self.class_)

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


def day_keys(keys: Keys, meeting_id: str, day: str) -> list[str]:
    """Return the names of a day's gate: students, devices, and what was taken back."""
    return [
        keys.attendances(meeting_id, day),
        keys.attendance_devices(meeting_id, day),
        keys.attendances_revoked(meeting_id, day),
    ]


def left_ms(day: Day, now: int) -> int:
    """Return how long a day's gate is to be kept from now on."""
    return day.ends_at - now + KEEP_MS


def is_fresh(meeting: Meeting, on: date, now: int) -> bool:
    """Whether a day's gate is in Redis: today's, yesterday's, and one that is still to come."""
    return on >= day_before(day_of(now, meeting.timezone).on)


def day_before(on: date) -> date:
    """Return the day before."""
    return on - timedelta(days=1)


def as_json(record: Any) -> str:
    """Return a record as the scripts keep it."""
    return json.dumps(record, ensure_ascii=False)
