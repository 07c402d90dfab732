"""What the self-test says of a router's set-up, each with the command that mends it."""

from __future__ import annotations

import pytest

from jobs.hotspot.garden import TAG, is_caught_by_proxy, plan_portal
from scripts.router_check import check
from scripts.router_findings import Finding
from scripts.simulator.part import RouterPart
from store.settings import Settings
from tests.hotspot import foreign_client

PROFILE, SERVER = "/ip/hotspot/user/profile", "/ip/hotspot/profile"
FILTER, GARDEN = "/ip/firewall/filter", "/ip/hotspot/walled-garden"

Words = tuple[str, str, tuple[str, ...]]

CASES: dict[str, tuple[list[Words], str, str, dict[str, str]]] = {
    "one device at once": (
        [(PROFILE, "set", ("numbers=profile-fup", "shared-users=1"))],
        "shared-users",
        '/ip hotspot user profile set [find name="profile-fup"] shared-users=3',
        {},
    ),
    "fair use without a rate": (
        [(PROFILE, "set", ("numbers=profile-fup", "rate-limit="))],
        "fair use",
        '/ip hotspot user profile set [find name="profile-fup"] rate-limit=1M/1M',
        {},
    ),
    "a trial": (
        [(SERVER, "set", ("numbers=hsprof1", "login-by=http-pap,trial,mac-cookie"))],
        "trial",
        '/ip hotspot profile set [find name="hsprof1"] login-by=http-pap,mac-cookie',
        {},
    ),
    "no mac-cookie": (
        [(SERVER, "set", ("numbers=hsprof1", "login-by=http-pap"))],
        "mac-cookie",
        '/ip hotspot profile set [find name="hsprof1"] login-by=http-pap,mac-cookie',
        {"HOTSPOT_MODE": "session"},
    ),
    "fast-tracked packets": (
        [
            (FILTER, "add", ("chain=forward", "action=accept", "src-address=10.5.50.0/24")),
            (FILTER, "add", ("chain=forward", "action=fasttrack-connection")),
        ],
        "FastTrack",
        "/ip firewall filter add chain=forward action=accept dst-address=10.5.50.0/24"
        " place-before=[find action=fasttrack-connection]",
        {"HOTSPOT_CIDRS": "10.5.50.0/24"},
    ),
    "connections that are not tracked": (
        [("/ip/firewall/connection/tracking", "set", ("enabled=no",))],
        "connection tracking",
        "/ip firewall connection tracking set enabled=auto",
        {},
    ),
    "a probe of phones in the garden": (
        [(GARDEN, "add", ("dst-host=*.gstatic.com",))],
        "walled garden",
        '/ip hotspot walled-garden remove [find dst-host="*.gstatic.com"]',
        {},
    ),
    "a probe by an expression": (
        [(GARDEN, "add", ("dst-host=:captive",))],
        "walled garden",
        '/ip hotspot walled-garden remove [find dst-host=":captive"]',
        {},
    ),
    "RADIUS": (
        [(SERVER, "set", ("numbers=hsprof1", "use-radius=yes"))],
        "no RADIUS",
        '/ip hotspot profile set [find name="hsprof1"] use-radius=no',
        {},
    ),
    "a profile that is missing": (
        [(PROFILE, "set", ("numbers=profile-fup", "name=fup"))],
        "profiles",
        '/ip hotspot user profile add name="profile-fup"',
        {},
    ),
}


async def seen(router: RouterPart, environment: dict[str, str], **more: str) -> dict[str, Finding]:
    given = {**environment, "MIKROTIK_HOST": "127.0.0.1", **router.settings, **more}
    return {one.what: one for one in await check(Settings.from_environment(given))}


@pytest.mark.parametrize(("changes", "what", "mend", "more"), CASES.values(), ids=CASES)
async def test_what_is_wrong_is_said_with_the_command_that_mends_it(
    environment: dict[str, str],
    router: RouterPart,
    changes: list[Words],
    what: str,
    mend: str,
    more: dict[str, str],
) -> None:
    before = await seen(router, environment, **more)
    assert what not in before or (before[what].holds and before[what].mend == "")
    with foreign_client(router) as api:
        for path, verb, words in changes:
            list(api.rawCmd(f"{path}/{verb}", *(f"={word}" for word in words)))
    found = (await seen(router, environment, **more))[what]
    assert (not found.holds or found.is_note) and found.mend == mend


@pytest.mark.parametrize(
    ("version", "mark"),
    [("7.18.2", "note"), ("7.24.1", "FAIL"), ("7.24.4", "FAIL"), ("7.24.5", ""), ("7.25", "")],
)
async def test_releases_to_leave_are_named(
    environment: dict[str, str], router: RouterPart, version: str, mark: str
) -> None:
    router.control("fault", version=version)
    found = (await seen(router, environment)).get("firmware")
    assert (found.mark if found else "") == mark
    assert found is None or found.mend == "/system package update install"


@pytest.mark.parametrize(
    ("url", "is_caught", "row"),
    [
        ("https://jaga.example", True, {}),
        ("http://jaga.example:80/", True, {}),
        ("http://jaga.example:5000", False, {"dst-host": "jaga.example", "dst-port": "5000"}),
        ("https://10.0.0.9", False, {"dst-address": "10.0.0.9", "dst-port": "443"}),
    ],
)
def test_a_portal_that_the_gardens_proxy_does_not_catch_has_a_row_of_ours(
    url: str, is_caught: bool, row: dict[str, str]
) -> None:
    assert is_caught_by_proxy(url) == is_caught
    writes = plan_portal(url, [{"id": "*1", "dst-host": "kasir.test"}])
    assert len(writes) == (not is_caught)
    if row:
        assert row.items() <= dict(writes[0].values).items()
        kept = {name: str(value) for name, value in writes[0].values.items()}
        assert plan_portal(url, [{"id": "*2", **kept}]) == []
        assert plan_portal("https://jaga.example", [{"id": "*2", "comment": TAG}])[0].id == "*2"
