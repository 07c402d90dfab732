"""The walled garden: hosts that may be opened without Internet; ours by their tag. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from jobs.mikrotik import Row, Write

GARDEN = "/ip/hotspot/walled-garden"
IP_GARDEN = "/ip/hotspot/walled-garden/ip"
TAG = "[jaga garden v=1]"

PROXIED = (None, 80, 443)
"""Ports that the walled garden looks into for a host's name; none is the scheme's own."""


def is_caught_by_proxy(url: str) -> bool:
    """Whether a row with the host's name lets phones reach our page: not by an address, nor at
    another port. These need a row that goes by the packet."""
    parts = urlsplit(url)
    try:
        ip_address(parts.hostname or "")
    except ValueError:
        return parts.port in PROXIED
    return False


def plan_portal(url: str, rows: Sequence[Row]) -> list[Write]:
    """Return what makes the tagged packet row lead to our page, and none where none is needed."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    should: dict[str, str | bool | int] = {}
    if host and not is_caught_by_proxy(url):
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        where = "dst-address" if _is_address(host) else "dst-host"
        should = {where: host, "protocol": "tcp", "dst-port": str(port), "action": "accept"}
    writes = []
    for row in rows:
        if row.get("comment") != TAG:
            continue
        is_on = row.get("disabled") != "true"
        if should and is_on and all(row.get(name) == value for name, value in should.items()):
            should = {}
        else:
            writes.append(Write(IP_GARDEN, "remove", row["id"]))
    return writes + ([Write(IP_GARDEN, "add", values=should | {"comment": TAG})] if should else [])


def _is_address(host: str) -> bool:
    try:
        return ip_address(host).version == 4
    except ValueError:
        return False


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
