"""What a teacher should look at: refused attempts and odd coincidences. Pure; flags, never blocks.

A whole school is one address, and friends have the same phone: every sign here has an innocent
reading, so a person judges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from store.attendance.days import as_text
from store.attendance.proofs import device_label
from store.attendance.record import Attendance

ALIKE_MS = 60_000
"""Two phones of one make on one line within a minute may be one phone with its data cleared."""

MANY_DEVICES = 3
"""A name that is tried from so many devices."""


def refused(attempts: Sequence[Mapping[str, Any]], zone: str) -> list[dict[str, Any]]:
    """Return the refused attempts as the teacher sees them, newest first."""
    devices = _devices_of(attempts)
    return [_shown(attempt, devices, zone) for attempt in reversed(attempts)]


def _devices_of(attempts: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    devices: dict[str, set[str]] = defaultdict(set)
    for attempt in attempts:
        devices[str(attempt.get("student", ""))].add(str(attempt.get("device", "")))
    return devices


def _shown(
    attempt: Mapping[str, Any], devices: Mapping[str, set[str]], zone: str
) -> dict[str, Any]:
    flags = []
    if _is_another(attempt):
        flags.append("shared_device")
    if len(devices[str(attempt.get("student", ""))]) >= MANY_DEVICES:
        flags.append("many_devices")
    if attempt.get("hurried"):
        flags.append("like_a_script")
    return shown(attempt, zone) | {"flags": flags}


def _is_another(attempt: Mapping[str, Any]) -> bool:
    """Whether a device that stood for one student was used with another name."""
    if attempt.get("type") not in ("COOKIE_DUPLICATE", "DEVICE_DUPLICATE"):
        return False
    named = (attempt.get("name"), attempt.get("class"))
    winner = (attempt.get("winner_name"), attempt.get("winner_class"))
    return winner[0] is not None and named != winner


def shown(attempt: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return one attempt without what concerns nobody: the device only as a label, no address."""
    winner = attempt.get("winner_name")
    return {
        "type": attempt.get("type", ""),
        "name": attempt.get("name", ""),
        "class": attempt.get("class", ""),
        "device": device_label(str(attempt.get("device", ""))),
        "at": as_text(int(attempt.get("at", 0)), zone),
        "winner": f"{winner} ({attempt.get('winner_class', '')})" if winner else "",
    }


def alike(rows: Sequence[Attendance]) -> set[str]:
    """Return the ids of attendances that came from two alike devices within a minute.

    Exactly two: where a third is alike, it is a phone that everybody has.
    """
    of_trace: dict[str, list[Attendance]] = defaultdict(list)
    for row in sorted((row for row in rows if row.trace), key=lambda row: row.at):
        of_trace[row.trace].append(row)
    pairs = (pair for pair in of_trace.values() if len(pair) == 2)
    return {row.id for pair in pairs if _is_soon(*pair) for row in pair}


def _is_soon(one: Attendance, other: Attendance) -> bool:
    return one.device != other.device and other.at - one.at <= ALIKE_MS
