"""What `scripts.router_check` looks at besides: what a router's set-up makes of packets and logins.

What is looked for, and why, is of MikroTik's manual and of its release notes.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from jobs.hotspot.garden import IP_GARDEN, is_caught_by_proxy
from jobs.mikrotik import Row, Trap
from scripts.router_findings import Case, Finding
from store.hotspot.deciding import STATUSES, Policy
from store.hotspot.devices import SLOTS

PROBES = (
    "connectivitycheck.gstatic.com",
    "clients3.google.com",
    "captive.apple.com",
    "www.apple.com",
    "www.msftconnecttest.com",
    "detectportal.firefox.com",
)
"""Where phones and laptops ask whether they are held captive: one that may be opened hides the
portal from them."""

FIXED_SCHEDULERS = (7, 24, 5)
SECURITY_RELEASE = (7, 24, 2)


async def user_profiles(case: Case) -> Sequence[Finding]:
    """A member has as many devices as slots, and fair use is slower than nothing."""
    policy = Policy.of(case.settings)
    rows = await case.link.read("/ip/hotspot/user/profile", "name", "shared-users", "rate-limit")
    by_name = {row.get("name", ""): row for row in rows}
    names = [policy.profiles[one] for one in STATUSES if policy.access(one) == "session"]
    few = [name for name in dict.fromkeys(names) if _is_few(by_name.get(name))]
    found = [
        Finding(
            "shared-users",
            not few,
            f"less than {SLOTS} devices at once: {', '.join(few)}" if few else f"{SLOTS} or more",
            mend="; ".join(_set_profile(name, f"shared-users={SLOTS}") for name in few),
        )
    ]
    fup = policy.profiles["fup"]
    if fup in by_name:
        rate = by_name[fup].get("rate-limit", "")
        found.append(
            Finding(
                "fair use",
                bool(rate),
                f"{fup}: {rate or 'no rate-limit, so nobody goes slower'}",
                mend="" if rate else _set_profile(fup, "rate-limit=1M/1M"),
            )
        )
    return found


def _is_few(row: Row | None) -> bool:
    allowed = (row or {}).get("shared-users", str(SLOTS))
    return allowed.isdigit() and int(allowed) < SLOTS


def _set_profile(name: str, what: str) -> str:
    return f'/ip hotspot user profile set [find name="{name}"] {what}'


async def ways_in(case: Case) -> Sequence[Finding]:
    """`trial` lets anybody in; without `mac-cookie` a session ends with each silence."""
    rows = await case.link.read("/ip/hotspot/profile", "name", "login-by")
    found = []
    for row in rows:
        ways = row.get("login-by", "").split(",")
        name = row.get("name", "")
        if "trial" in ways:
            kept = ",".join(way for way in ways if way != "trial")
            mend = f'/ip hotspot profile set [find name="{name}"] login-by={kept}'
            seen = f"{name}: anybody is let in without a member"
            found.append(Finding("trial", False, seen, mend=mend))
        if "mac-cookie" not in ways and case.settings.hotspot_mode == "session":
            mend = (
                f'/ip hotspot profile set [find name="{name}"] login-by={",".join(ways)},mac-cookie'
            )
            seen = f"{name}: without it a device that was silent waits for the next run"
            found.append(Finding("mac-cookie", True, seen, is_note=True, mend=mend))
    return found


async def fasttrack(case: Case) -> Sequence[Finding]:
    """Packets that are fast-tracked pass counters, queues and cuts unseen."""
    fields = ("chain", "action", "src-address", "dst-address", "disabled")
    rows = await case.link.read("/ip/firewall/filter", *fields)
    rules = [row for row in rows if row.get("disabled") != "true" and row.get("chain") == "forward"]
    at = next((n for n, row in enumerate(rules) if row["action"] == "fasttrack-connection"), None)
    if at is None:
        return []
    before = [row for row in rules[:at] if row["action"] == "accept"]
    networks = case.settings.hotspot_cidrs or ("HOTSPOT-NETWORK",)
    missing = [
        f"/ip firewall filter add chain=forward action=accept {side}={network}"
        " place-before=[find action=fasttrack-connection]"
        for network in networks
        for side in ("src-address", "dst-address")
        if not any(row.get(side) == network for row in before)
    ]
    if not missing:
        return [Finding("FastTrack", True, "on, after a rule for the hotspot's addresses")]
    seen = "on: counters, queues and cuts do not see these packets; a block lets a download go on"
    return [Finding("FastTrack", False, seen, mend="; ".join(missing))]


async def tracking(case: Case) -> Sequence[Finding]:
    """Without connection tracking the hotspot redirects nobody."""
    rows = await case.link.read("/ip/firewall/connection/tracking", "enabled")
    if not rows or rows[0].get("enabled", "auto") not in ("no", "false"):
        return []
    mend = "/ip firewall connection tracking set enabled=auto"
    return [Finding("connection tracking", False, "off: the hotspot redirects nobody", mend=mend)]


async def garden(case: Case) -> Sequence[Finding]:
    """The walled garden hides the portal from no phone, and lets them reach it."""
    rows = await case.link.read("/ip/hotspot/walled-garden", "dst-host", "action", "disabled")
    allowed = [
        row.get("dst-host", "")
        for row in rows
        if row.get("action", "allow") == "allow" and row.get("disabled") != "true"
    ]
    open_ = [host for host in allowed if any(_names(host, probe) for probe in PROBES)]
    mend = "; ".join(f'/ip hotspot walled-garden remove [find dst-host="{host}"]' for host in open_)
    seen = f"phones find no portal while these are open: {', '.join(open_)}"
    found = [Finding("walled garden", False, seen, mend=mend)] if open_ else []
    return [*found, *await _portal(case)]


async def _portal(case: Case) -> Sequence[Finding]:
    parts = urlsplit(case.settings.public_url)
    if is_caught_by_proxy(case.settings.public_url):
        return []
    rows = await case.link.read(IP_GARDEN, "dst-address", "dst-host", "dst-port", "disabled")
    there = any(
        parts.hostname in (row.get("dst-address"), row.get("dst-host"))
        for row in rows
        if row.get("disabled") != "true"
    )
    seen = f"{parts.netloc} is not caught by the garden's proxy"
    if there:
        return [Finding("portal", True, f"{seen}: let through by {IP_GARDEN}")]
    seen += ": a row for it is written by the next hourly run"
    return [Finding("portal", True, seen, is_note=True)]


def _names(pattern: str, host: str) -> bool:
    if pattern.startswith(":"):
        try:
            return re.search(pattern[1:], host, re.IGNORECASE) is not None
        except re.error:
            return False
    return bool(pattern) and fnmatch.fnmatch(host, pattern.lower())


async def firmware(case: Case) -> Sequence[Finding]:
    """Releases that an owner should not stay on."""
    (row,) = await case.link.read("/system/resource", "version")
    numbers = tuple(int(part) for part in re.findall(r"\d+", row.get("version", ""))[:3])
    release = (*numbers, 0, 0)[:3]
    update = "/system package update install"
    found = []
    if (7, 24, 0) <= release < FIXED_SCHEDULERS:
        seen = (
            "stops schedulers that start at the default time (mended in 7.24.5): expiries that the"
            " router's own scripts keep may not end"
        )
        found.append(Finding("firmware", False, seen, mend=update))
    elif release < SECURITY_RELEASE:
        seen = "older than 7.24.2, which is a security release"
        found.append(Finding("firmware", True, seen, is_note=True, mend=update))
    return [*found, *await _board(case)]


async def _board(case: Case) -> Sequence[Finding]:
    try:
        rows = await case.link.read("/system/routerboard", "current-firmware", "upgrade-firmware")
    except Trap:  # a virtual router has none
        return []
    row = rows[0] if rows else {}
    current, newest = row.get("current-firmware", ""), row.get("upgrade-firmware", "")
    if current == newest:
        return []
    mend = "/system routerboard upgrade; /system reboot"
    return [Finding("routerboard", True, f"{current}, {newest} is there", is_note=True, mend=mend)]


LOOKS = (user_profiles, ways_in, fasttrack, tracking, garden, firmware)
