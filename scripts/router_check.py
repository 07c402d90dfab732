"""`python -m scripts.router_check`: is the MikroTik that the settings name ready? Only reads.

Says a line for each thing that has to hold, and what to do where one does not. The exit status is
the number of things that do not hold.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.mikrotik import AnyOf, LoginRefused, RouterAway, RouterLink, Trap, open_link
from store.hotspot.deciding import Policy
from store.settings import Settings, SettingsError

SECONDS = 20.0

SKEW_SECONDS = 60.0
"""Nothing of ours goes by the router's clock; a log that is a minute off misleads all the same."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it holds, and what was seen."""

    what: str
    holds: bool
    seen: str


Look = Callable[[RouterLink, Settings], Awaitable[Finding]]


async def version(link: RouterLink, settings: Settings) -> Finding:
    """RouterOS 6.43 is the first whose login we speak."""
    rows = await link.read("/system/resource", "version", "uptime")
    seen = rows[0].get("version", "?")
    numbers = [int(part) for part in seen.split()[0].split(".")[:2] if part.isdigit()]
    return Finding("version", numbers >= [6, 43], seen)


async def permissions(link: RouterLink, settings: Settings) -> Finding:
    """Reading, writing and the API itself."""
    me = AnyOf((("name", settings.mikrotik_username),))
    users = await link.read("/user", "name", "group", any_of=me)
    group = users[0].get("group", "") if users else ""
    rows = await link.read("/user/group", "name", "policy", any_of=AnyOf((("name", group),)))
    policies = set(rows[0].get("policy", "").split(",")) if rows else set()
    missing = sorted({"read", "write", "api", "test"} - policies)
    return Finding("permissions", not missing, f"group {group}, missing: {missing or 'nothing'}")


async def profiles(link: RouterLink, settings: Settings) -> Finding:
    """Each profile by its exact name; a missing one stops every run before its first write."""
    rows = await link.read("/ip/hotspot/user/profile", "name")
    wanted = set(Policy.of(settings).profiles.values())
    missing = sorted(wanted - {row.get("name", "") for row in rows})
    return Finding("profiles", not missing, f"missing: {missing or 'nothing'}")


async def radius(link: RouterLink, settings: Settings) -> Finding:
    """With RADIUS the router ignores its own users."""
    rows = await link.read("/ip/hotspot/profile", "name", "use-radius")
    using = [row.get("name", "") for row in rows if row.get("use-radius") == "true"]
    return Finding("no RADIUS", not using, f"used by: {using or 'nobody'}")


async def clock(link: RouterLink, settings: Settings) -> Finding:
    """The router's clock beside ours."""
    (row,) = await link.read("/system/clock", "date", "time", "gmt-offset")
    try:
        there = datetime.fromisoformat(f"{row['date']}T{row['time']}{row.get('gmt-offset', 'Z')}")
    except (KeyError, ValueError):
        return Finding("clock", False, f"unreadable: {row}")
    skew = (there - datetime.now(UTC)).total_seconds()
    return Finding("clock", abs(skew) < SKEW_SECONDS, f"{skew:+.0f} s")


async def hosts(link: RouterLink, settings: Settings) -> Finding:
    """Whether bypassed devices are listed: their quota is counted from their host rows."""
    rows = await link.read("/ip/hotspot/host", "mac-address", "bypassed")
    bypassed = sum(row.get("bypassed") == "true" for row in rows)
    bindings = await link.read("/ip/hotspot/ip-binding", "type")
    bound = sum(row.get("type") == "bypassed" for row in bindings)
    seen = f"{len(rows)} hosts, {bypassed} of them bypassed; {bound} bypassing bindings"
    return Finding("hosts", True, seen)


LOOKS: tuple[Look, ...] = (version, permissions, profiles, radius, clock, hosts)


async def check(settings: Settings) -> list[Finding]:
    """Return what was found; a router that is not reached is one finding."""
    router = settings.routers[0]
    wire = "TLS, certificate verified" if router.use_ssl else "clear text"
    found = []
    try:
        async with open_link(router, SECONDS) as link:
            found.append(Finding("connection", True, f"{router.host}:{router.port}, {wire}"))
            for look in LOOKS:
                try:
                    found.append(await look(link, settings))
                except Trap as trap:
                    found.append(Finding(look.__name__, False, trap.message))
    except (RouterAway, LoginRefused) as error:
        found.append(Finding("connection", False, f"{router.host}:{router.port}, {wire}: {error}"))
    return found


def main() -> int:
    """Check and print; returns how many things do not hold."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"router_check: {error}", file=sys.stderr)
        return 1
    if not settings.routers:
        print("router_check: MIKROTIK_HOST is not set", file=sys.stderr)
        return 1
    found = asyncio.run(check(settings))
    for one in found:
        print(f"{'ok  ' if one.holds else 'FAIL'}  {one.what}: {one.seen}")
    return sum(not one.holds for one in found)


if __name__ == "__main__":
    sys.exit(main())
