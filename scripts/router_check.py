"""`python -m scripts.router_check`: are the MikroTiks that the settings name ready? Only reads.

Says a line for each thing that has to hold (`ok` or `FAIL`) or is good to know (`note`), with what
was seen and, where it can be mended there, the router's own command that does. The exit status is
the number of FAILs.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from jobs.mikrotik import AnyOf, LoginRefused, RouterAway, Row, Trap, open_link
from scripts import router_traffic
from scripts.router_findings import Case, Finding, Look
from store.hotspot.deciding import Policy
from store.routers import Router, is_this_machine
from store.settings import Settings, SettingsError

SECONDS = 20.0

SKEW_SECONDS = 60.0
"""Nothing of ours goes by the router's clock; a log that is a minute off misleads all the same."""

CERTIFICATE_DAYS = 30
"""Time to make another certificate before every run stops."""

DAY_SECONDS = 86_400


# How it is reached


async def connection(case: Case) -> Sequence[Finding]:
    """In clear or over TLS, and how long its certificate lasts."""
    ends_at = case.link.certificate_ends_at
    if ends_at is None:
        is_near = is_this_machine(case.router.host)
        advice = "" if is_near else ": the password can be read on the way, use api-ssl"
        return [Finding("connection", True, f"in clear{advice}", is_note=not is_near)]
    days = int((ends_at - time.time()) // DAY_SECONDS)
    day = datetime.fromtimestamp(ends_at, UTC).date()
    if days >= CERTIFICATE_DAYS:
        return [Finding("connection", True, f"TLS, certificate verified, until {day}")]
    soon = f"ends on {day}, in {days} days: make another and set it for api-ssl"
    return [Finding("connection", True, "TLS, certificate verified"),
            Finding("certificate", False, soon)]  # fmt: skip


async def services(case: Case) -> Sequence[Finding]:
    """Who may knock: both API services are open to the world unless they have an address list."""
    rows = await case.link.read("/ip/service", "name", "address", "disabled", "max-sessions")
    notes = []
    for row in rows:
        name, is_on = row.get("name", ""), row.get("disabled") != "true"
        if name not in ("api", "api-ssl") or not is_on or is_this_machine(case.router.host):
            continue
        if not row.get("address"):
            notes.append(f"{name} answers everybody: give it our address alone")
        elif name == "api" and case.router.use_ssl:
            notes.append("api, in clear, is on beside api-ssl: disable it")
    return [Finding("services", True, text, is_note=True) for text in notes]


async def version(case: Case) -> Sequence[Finding]:
    """RouterOS 6.43 is the first whose login we speak."""
    rows = await case.link.read("/system/resource", "version", "uptime")
    seen = rows[0].get("version", "?")
    numbers = [int(part) for part in seen.split()[0].split(".")[:2] if part.isdigit()]
    mend = "" if numbers >= [6, 43] else "/system package update install"
    return [Finding("version", numbers >= [6, 43], seen, mend=mend)]


async def permissions(case: Case) -> Sequence[Finding]:
    """Reading, writing and the API itself."""
    me = AnyOf((("name", case.router.username),))
    users = await case.link.read("/user", "name", "group", any_of=me)
    group = users[0].get("group", "") if users else ""
    groups = await case.link.read("/user/group", "name", "policy", any_of=AnyOf((("name", group),)))
    policies = set(groups[0].get("policy", "").split(",")) if groups else set()
    missing = {"read", "write", "api", "test"} - policies
    seen = f"group {group}, missing: {_listed(missing)}"
    wanted = ",".join(sorted(policies | missing))
    mend = f'/user group set [find name="{group}"] policy={wanted}' if missing else ""
    return [Finding("permissions", not missing, seen, mend=mend)]


# What it is set up with


async def profiles(case: Case) -> Sequence[Finding]:
    """Each profile by its exact name; a missing one stops every run before its first write."""
    rows = await case.link.read("/ip/hotspot/user/profile", "name")
    wanted = set(Policy.of(case.settings).profiles.values())
    missing = wanted - {row.get("name", "") for row in rows}
    mend = "; ".join(f'/ip hotspot user profile add name="{name}"' for name in sorted(missing))
    return [Finding("profiles", not missing, f"missing: {_listed(missing)}", mend=mend)]


async def server_profiles(case: Case) -> Sequence[Finding]:
    """Of the servers that are on: no RADIUS, or the router ignores its own users; and http-pap
    where a browser has to log in at the router with a password that our page hands over."""
    servers = await _servers(case)
    rows = await case.link.read("/ip/hotspot/profile", "name", "use-radius", "login-by")
    used = [row for row in rows if row.get("name") in {one.get("profile") for one in servers}]
    radius = [row["name"] for row in used if row.get("use-radius") == "true"]
    off = "; ".join(f'/ip hotspot profile set [find name="{n}"] use-radius=no' for n in radius)
    seen = f"used by: {_listed(radius, 'nobody')}"
    found = [Finding("no RADIUS", not radius, seen, mend=off)]
    if case.settings.hotspot_presence != "proof":
        return found
    lacking = [row["name"] for row in used if "http-pap" not in _words(row.get("login-by", ""))]
    advice = f"without http-pap: {_listed(lacking)}"
    if lacking:
        advice += "; HOTSPOT_PRESENCE=proof needs it in login-by"
    ways = {row.get("name", ""): row.get("login-by", "") for row in used}
    on = "; ".join(
        f'/ip hotspot profile set [find name="{n}"] login-by={ways[n]},http-pap' for n in lacking
    )
    return [*found, Finding("login-by", not lacking, advice, mend=on)]


async def servers(case: Case) -> Sequence[Finding]:
    """At least one hotspot that is on."""
    names = [row.get("name", "") for row in await _servers(case)]
    mend = "" if names else "/ip hotspot enable [find]"
    return [Finding("servers", bool(names), f"on: {_listed(names, 'none')}", mend=mend)]


async def ipv6(case: Case) -> Sequence[Finding]:
    """A hotspot knows IPv4 only: over IPv6 a device passes it unseen."""
    interfaces = {row.get("interface", "") for row in await _servers(case)}
    try:
        rows = await case.link.read("/ipv6/address", "address", "interface", "disabled")
    except Trap:  # before RouterOS 7 it is a package, which may be off
        return []
    open_ = sorted(
        f"{row['address']} on {row['interface']}"
        for row in rows
        if row.get("disabled") != "true"
        and row.get("interface") in interfaces
        and not row.get("address", "").lower().startswith("fe80:")
    )
    if not open_:
        return []
    seen = f"{', '.join(open_)}: over IPv6 devices pass the hotspot unseen"
    mend = "; ".join(
        f"/ipv6 address disable [find interface={name}]" for name in sorted(interfaces)
    )
    return [Finding("IPv6", True, seen, is_note=True, mend=mend)]


async def clock(case: Case) -> Sequence[Finding]:
    """The router's clock beside ours."""
    (row,) = await case.link.read("/system/clock", "date", "time", "gmt-offset")
    there = moment_of(row)
    if there is None:
        mend = "/system ntp client set enabled=yes servers=id.pool.ntp.org"
        return [Finding("clock", False, f"unreadable: {row}", mend=mend)]
    skew = (there - datetime.now(UTC)).total_seconds()
    holds = abs(skew) < SKEW_SECONDS
    mend = "" if holds else "/system ntp client set enabled=yes servers=id.pool.ntp.org"
    return [Finding("clock", holds, f"{skew:+.0f} s", mend=mend)]


async def hosts(case: Case) -> Sequence[Finding]:
    """Whether bypassed devices are listed: their quota is counted from their host rows."""
    rows = await case.link.read("/ip/hotspot/host", "mac-address", "bypassed")
    bypassed = sum(row.get("bypassed") == "true" for row in rows)
    bindings = await case.link.read("/ip/hotspot/ip-binding", "type")
    bound = sum(row.get("type") == "bypassed" for row in bindings)
    seen = f"{len(rows)} hosts, {bypassed} of them bypassed; {bound} bypassing bindings"
    return [Finding("hosts", True, seen, is_note=True)]


LOOKS: tuple[Look, ...] = (
    connection,
    services,
    version,
    permissions,
    profiles,
    servers,
    server_profiles,
    ipv6,
    clock,
    hosts,
    *router_traffic.LOOKS,
)


async def check(settings: Settings) -> list[Finding]:
    """Return what was found at every router, each in the order of LOOKS; a router that is not
    reached is one finding."""
    found = await asyncio.gather(*(_check(router, settings) for router in settings.routers))
    return [one for findings in found for one in findings]


async def _check(router: Router, settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with open_link(router, SECONDS) as link:
            case = Case(link, router, settings)
            for look in LOOKS:
                try:
                    found += await look(case)
                except Trap as trap:
                    found.append(Finding(look.__name__, False, trap.message))
    except (RouterAway, LoginRefused) as error:
        found.append(Finding("connection", False, str(error)))
    return [replace(one, router=router.name) for one in found]


def moment_of(row: Row) -> datetime | None:
    """Read a router's clock; None when it makes no sense. Before 7.10 a date was `nov/27/2026`."""
    text = re.sub(r"^([a-z]{3})/(\d\d)/(\d{4})$", r"\3-\1-\2", row.get("date", ""))
    offset = row.get("gmt-offset", "+00:00")
    for date in ("%Y-%m-%d", "%Y-%b-%d"):
        try:
            return datetime.strptime(f"{text} {row.get('time')} {offset}", f"{date} %H:%M:%S %z")
        except ValueError:
            continue
    return None


async def _servers(case: Case) -> list[Row]:
    rows = await case.link.read("/ip/hotspot", "name", "interface", "profile", "disabled")
    return [row for row in rows if row.get("disabled") != "true"]


def _words(text: str) -> set[str]:
    return set(text.split(","))


def _listed(names: Sequence[str] | set[str], none: str = "nothing") -> str:
    return ", ".join(sorted(names)) or none


def main() -> int:
    """Check and print; returns how many things do not hold."""
    argparse.ArgumentParser(prog="router_check", description=__doc__).parse_args()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"router_check: {error}", file=sys.stderr)
        return 1
    if not settings.routers:
        print("router_check: neither MIKROTIK_HOST nor MIKROTIK_ROUTERS is set", file=sys.stderr)
        return 1
    found = asyncio.run(check(settings))
    for router in settings.routers:
        _tell(router, [one for one in found if one.router == router.name])
    return sum(not one.holds for one in found)


def _tell(router: Router, found: Sequence[Finding]) -> None:
    failing = sum(not one.holds for one in found)
    verdict = f"{failing} to mend" if failing else "ready"
    print(f"{router.name} at {router.host}:{router.port}: {verdict}")
    for one in found:
        print(f"  {one.mark:4}  {one.what}: {one.seen}")
        if one.mend:
            print(f"        mend: {one.mend}")


if __name__ == "__main__":
    sys.exit(main())
