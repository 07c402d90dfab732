"""Rules of time in a meeting's own zone: which day it is, until when, and who is late. Pure.

A day is the half-open interval from one local midnight to the next, so that no millisecond belongs
to two days or to none, and a day of 23 or 25 hours is one day all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from store.errors import InvalidRequest

LATE_AFTER_MS = 15 * 60 * 1000
"""TERLAMBAT begins more than 15 minutes after the day's start (CONTRACT §7)."""

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""Moments that a meeting may have: far from where calendars and zones have no rules."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in a zone: from `starts_at` up to, not including, `ends_at` (unix ms)."""

    on: date
    starts_at: int
    ends_at: int

    @property
    def name(self) -> str:
        """The date as it stands in keys, rows and pages: `2026-11-21`."""
        return self.on.isoformat()


def day_of(now: int, zone: str) -> Day:
    """Return the day that a moment (unix ms) belongs to in an IANA zone."""
    return day_on(local(now, zone).date(), zone)


@lru_cache(maxsize=1024)  # a few days of every zone; asked for at every submission
def day_on(on: date, zone: str) -> Day:
    """Return a calendar day in a zone."""
    return Day(on, _midnight(on, zone), _midnight(on + timedelta(days=1), zone))


def _midnight(on: date, zone: str) -> int:
    """Where midnight is skipped by the clocks going forward, the moment they do."""
    return moment_of(datetime.combine(on, time.min, tzinfo=ZoneInfo(zone)))


def local(now: int, zone: str) -> datetime:
    """Return a moment (unix ms) as the clocks of a zone show it."""
    return (_EPOCH + now * _MS).astimezone(ZoneInfo(zone))


def moment_of(moment: datetime) -> int:
    """Return an aware datetime as unix milliseconds."""
    return (moment - _EPOCH) // _MS


def status_at(now: int, starts_at: int, zone: str) -> str:
    """Return HADIR or TERLAMBAT for a moment, by the start of that day.

    A meeting that goes on for days begins each day at the hour at which it began on the first.
    """
    hour = local(starts_at, zone).time()
    start = datetime.combine(local(now, zone).date(), hour, tzinfo=ZoneInfo(zone))
    return "TERLAMBAT" if now - moment_of(start) > LATE_AFTER_MS else "HADIR"


def as_text(now: int, zone: str) -> str:
    """Return a moment as ISO 8601 in a zone, to the millisecond."""
    return local(now, zone).isoformat(timespec="milliseconds")


def valid_moment(field: str, value: object) -> int:
    """Read ISO 8601 with a zone; returns unix ms. Raises InvalidRequest naming the field."""
    if not isinstance(value, str) or len(value) > 64:
        raise InvalidRequest(field)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest(field, f"Isian '{field}' bukan waktu ISO 8601.") from None
    if moment.utcoffset() is None:
        raise InvalidRequest(field, f"Isian '{field}' harus menyebut zona waktu, misalnya +07:00.")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidRequest(field)
    return moment_of(moment)


def valid_zone(value: object) -> str:
    """Return an IANA zone's name. Raises InvalidRequest."""
    if isinstance(value, str) and 0 < len(value) <= 64:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            pass
        else:
            return value
    raise InvalidRequest("timezone", "Zona waktu tidak dikenal. Contoh: Asia/Jakarta.")


def valid_day(value: object) -> date:
    """Return the date that `2026-11-21` says. Raises InvalidRequest."""
    try:
        is_date = isinstance(value, str) and _DATE.fullmatch(value)
        on = date.fromisoformat(str(value)) if is_date else None
    except ValueError:
        on = None
    if on is None or not FIRST_YEAR <= on.year <= LAST_YEAR:
        raise InvalidRequest("day", "Tanggal harus berbentuk 2026-11-21.")
    return on
