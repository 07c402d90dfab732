"""What `print` shows of the menus whose rows are made from what happens, one by one."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.simulator.hotspot import SERVER, Hotspot
from scripts.simulator.menus import USER_UNSET
from scripts.simulator.records import Host, Usage
from scripts.simulator.tables import Row
from scripts.simulator.values import active_id, duration_text


def host_rows(hotspot: Hotspot) -> Iterator[Row]:
    """The hosts as `print` shows them."""
    now, hidden = hotspot.clock.now(), not hotspot.faults.switches.bypassed_hosts_listed
    return (
        _host_row(hotspot, host, now)
        for host in list(hotspot.hosts.values())
        if not (hidden and host.verdict == "bypassed")
    )


def _host_row(hotspot: Hotspot, host: Host, now: float) -> Row:
    session = hotspot.sessions.get(active_id(host.address))
    is_in = session is not None and session.mac == host.mac
    return {
        ".id": host.id,
        "mac-address": host.mac,
        "address": host.address,
        "to-address": host.address,
        "server": SERVER,
        "uptime": duration_text(now - host.since),
        "idle-time": duration_text(now - host.seen),
        "host-dead-time": "0s",
        "bytes-in": str(host.bytes_in),
        "bytes-out": str(host.bytes_out),
        "packets-in": str(host.bytes_in // 1000),
        "packets-out": str(host.bytes_out // 1000),
        "found-by": "DHCP",
        "dynamic": "true",
        "DHCP": "true",
        "authorized": "true" if is_in else "false",
        "bypassed": "true" if host.verdict == "bypassed" else "false",
        "blocked": "true" if host.verdict == "blocked" else "false",
    }


def active_rows(hotspot: Hotspot) -> Iterator[Row]:
    """The sessions as `print` shows them."""
    now = hotspot.clock.now()
    return (
        {
            ".id": session.id,
            "server": SERVER,
            "user": session.user,
            "address": session.address,
            "mac-address": session.mac,
            "login-by": session.login_by,
            "uptime": duration_text(now - session.since),
            "keepalive-timeout": session.profile.get("keepalive-timeout", "2m"),
            "bytes-in": str(session.bytes_in),
            "bytes-out": str(session.bytes_out),
            "packets-in": str(session.bytes_in // 1000),
            "packets-out": str(session.bytes_out // 1000),
            "radius": "false",
        }
        for session in list(hotspot.sessions.values())
    )


def cookie_rows(hotspot: Hotspot) -> Iterator[Row]:
    """The cookies as `print` shows them."""
    now = hotspot.clock.now()
    return (
        {
            ".id": cookie.id,
            "user": cookie.user,
            "mac-address": cookie.mac,
            "expires-in": duration_text(cookie.expires - now),
            "mac-cookie": "true" if cookie.is_mac else "false",
        }
        for cookie in list(hotspot.cookies.values())
    )


def user_rows(hotspot: Hotspot) -> Iterator[Row]:
    """The users as `print` shows them, with what they have used."""
    none, now = Usage(), hotspot.clock.now()
    shown = {"server": "all", **USER_UNSET} if hotspot.faults.switches.unset_shown else {}
    live: dict[str, float] = {}
    for session in hotspot.sessions.values():
        live[session.user] = live.get(session.user, 0.0) + now - session.since
    return (
        {
            **shown,
            **row,
            "uptime": duration_text(used.uptime + live.get(row["name"], 0.0)),
            "bytes-in": str(used.bytes_in),
            "bytes-out": str(used.bytes_out),
            "packets-in": str(used.bytes_in // 1000),
            "packets-out": str(used.bytes_out // 1000),
        }
        for row in hotspot.tables["/ip/hotspot/user"]
        for used in (hotspot.usage.get(row["name"], none),)
    )
