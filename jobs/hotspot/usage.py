"""How many bytes a member has used since the last look. Pure; never more than there were.

A router's counters belong to a host row, and rows come and go: with a reboot, an idle device, a
new MAC, a change of ours. A look keeps what each row of the member's devices showed. At the next
look a row that only went on counts by the difference; one that went back, or was not there, has
begun since and counts in full. A device's first look counts nothing: what it did before was not
this member's. No clock decides, so none can be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobs.mikrotik import Row

UPTIME_SLACK_SECONDS = 5
"""A row's uptime may seem to go back a little, because it is printed in whole seconds. By more
than this, it is another row."""

ROWS_KEPT = 32
"""Readings of a member that are kept, those of rows that vanished included, for they may come
back: ten devices with a few rows each."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A host row: whose MAC, its id, for how long it has been there (seconds), bytes both ways."""

    mac: str
    id: str
    uptime: int
    bytes: int

    @property
    def row(self) -> str:
        """What tells it from other rows."""
        return f"{self.mac}|{self.id}"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a member's devices: their MACs, and `row → (uptime, bytes)`."""

    macs: frozenset[str] = frozenset()
    rows: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Look:
        """Read what `text()` wrote; nothing is an empty look."""
        kept = json.loads(text or "{}")
        rows = {row: (int(up), int(count)) for row, (up, count) in kept.get("rows", {}).items()}
        return cls(frozenset(kept.get("macs", ())), rows)

    def is_like(self, other: Look) -> bool:
        """Whether it shows the same but for the time that passed: then it need not be kept, for an
        older uptime only makes a row that began anew harder to tell, and so counts less."""
        counts = {row: counted for row, (_, counted) in self.rows.items()}
        return self.macs == other.macs and counts == {
            row: counted for row, (_, counted) in other.rows.items()
        }

    def text(self) -> str:
        """Return it as it is kept."""
        return json.dumps({"macs": sorted(self.macs), "rows": self.rows})


def count(last: Look, macs: Iterable[str], readings: Iterable[Reading]) -> tuple[int, Look]:
    """Return the bytes used since `last`, and the look to be kept now.

    Takes the MACs that are the member's now, and the readings of their rows.
    """
    rows = dict(last.rows)
    used = 0
    for reading in readings:
        before = rows.pop(reading.row, None)
        if before is not None:
            used += _since(before, reading)
        elif reading.mac in last.macs:
            used += reading.bytes
        rows[reading.row] = (reading.uptime, reading.bytes)
    newest = dict(list(rows.items())[-ROWS_KEPT:])
    return used, Look(frozenset(macs), newest)


def _since(before: tuple[int, int], now: Reading) -> int:
    uptime, counted = before
    went_on = now.bytes >= counted and now.uptime >= uptime - UPTIME_SLACK_SECONDS
    return now.bytes - counted if went_on else now.bytes


def reading_of(row: Row) -> Reading:
    """Read a host row."""
    return Reading(
        mac=row.get("mac-address", ""),
        id=row["id"],
        uptime=seconds_of(row.get("uptime", "0s")),
        bytes=int(row.get("bytes-in", "0")) + int(row.get("bytes-out", "0")),
    )


_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def seconds_of(text: str) -> int:
    """Read a duration as the router prints it: `1w2d3h4m5s`, or `1d02:03:04`."""
    total, number = 0, ""
    for character in text:
        if character.isdigit() or character == ":":
            number += character
        elif character in _UNITS:
            total += int(number or 0) * _UNITS[character]
            number = ""
    if ":" in number:
        hours, minutes, seconds = (int(part) for part in number.split(":"))
        total += (hours * 60 + minutes) * 60 + seconds
    return total
