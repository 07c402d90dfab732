"""What the live page shows: each device with what lets it through or keeps it out, and the router.

Less than `/state`, which is everything: the page asks each second, and there may be 10,000 devices.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from scripts.simulator.commands import Router
from scripts.simulator.records import Device, Host, Session
from scripts.simulator.values import duration_text

MOST = 60
"""Devices and rows that are shown; of more there is the number."""

TABLES = (
    "/ip/hotspot/user",
    "/ip/hotspot/ip-binding",
    "/ip/hotspot/host",
    "/ip/hotspot/active",
    "/ip/hotspot/cookie",
    "/ip/hotspot/walled-garden",
)

Facts = dict[str, Any]


def overview(router: Router, connections: int) -> Facts:
    """Return it all, ready for JSON."""
    devices = list(router.hotspot.devices.values())
    return {
        "router": _router(router, connections),
        "counts": Counter(state_of(router, device) for device in devices),
        "devices": [_device(router, device) for device in devices[-MOST:][::-1]],
        "garden": router.hotspot.garden(),
        "lines": [asdict(line) for line in router.heard.lines],
        "calls": router.heard.calls,
        "tables": {path: _table(router, path) for path in TABLES},
    }


def state_of(router: Router, device: Device) -> str:
    """Return internet, barred, blocked or gone."""
    host = router.hotspot.host_of(device.mac)
    if not device.present:
        return "gone"
    if router.hotspot.passes(device)[0]:
        return "internet"
    return "blocked" if host is not None and host.verdict == "blocked" else "barred"


def _router(router: Router, connections: int) -> Facts:
    faults = router.faults
    return {
        "name": router.rows_of("/system/identity")[0]["name"],
        "version": faults.version,
        "uptime": duration_text(router.clock.now() - router.hotspot.booted),
        "login_by": sorted(router.hotspot.login_by),
        "connections": connections,
        "away": faults.away,
        "read_only": faults.read_only,
        "delay_seconds": faults.delay_seconds,
        "shots": len(faults.shots),
        "struck": faults.struck[-MOST:],
    }


def _device(router: Router, device: Device) -> Facts:
    hotspot = router.hotspot
    host = hotspot.host_of(device.mac)
    session = hotspot.session_of(device)
    binding = hotspot.binding_of(device)
    return {
        "mac": device.mac,
        "ip": device.ip,
        "state": state_of(router, device),
        "verdict": host.verdict if host else "",
        "binding": binding and {"type": binding.get("type", "regular"), **_comment(binding)},
        "session": session and _session(router, session),
        "bytes_in": host.bytes_in if host else 0,
        "bytes_out": host.bytes_out if host else 0,
        "last": device.last and asdict(device.last),
        "is_stale": _is_stale(host, binding),
    }


def _session(router: Router, session: Session) -> Facts:
    user = router.tables["/ip/hotspot/user"].named(session.user) or {}
    return {
        "user": session.user,
        "by": session.login_by,
        "profile": session.profile["name"],
        "next_profile": user.get("profile", ""),
        "uptime": duration_text(router.clock.now() - session.since),
        **_comment(user),
    }


def _is_stale(host: Host | None, binding: dict[str, str] | None) -> bool:
    """Whether the bindings say something else now than when the host row appeared."""
    return host is not None and host.verdict != (binding or {}).get("type", "regular")


def _comment(row: dict[str, str]) -> Facts:
    return {"comment": row.get("comment", "")}


def _table(router: Router, path: str) -> Facts:
    shown = [
        {name: "•••" if name == "password" else value for name, value in row.items()}
        for row in router.first_rows(path, MOST)
    ]
    return {"count": router.count_of(path), "rows": shown}
