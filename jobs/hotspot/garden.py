"""The walled garden: hosts that may be opened without Internet; ours by their tag. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.mikrotik import Row, Write

GARDEN = "/ip/hotspot/walled-garden"
TAG = "[jaga garden v=1]"


def plan_garden(hosts: Iterable[str], rows: Sequence[Row]) -> list[Write]:
    """Return what makes the tagged rows these hosts, each once; other rows are left alone."""
    missing = dict.fromkeys(host for host in hosts if host)
    writes = []
    for row in rows:
        if row.get("comment") != TAG:
            continue
        host = row.get("dst-host", "")
        is_right = row.get("action", "allow") == "allow" and row.get("disabled") != "true"
        if host in missing and is_right:
            del missing[host]
        else:
            writes.append(Write(GARDEN, "remove", row["id"]))
    return writes + [
        Write(GARDEN, "add", values={"dst-host": host, "action": "allow", "comment": TAG})
        for host in missing
    ]
