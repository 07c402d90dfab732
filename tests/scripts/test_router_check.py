"""The self-test of the routers: it says what it saw, counts what does not hold, and only reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from scripts import router_check
from scripts.embedded.ports import free_port
from scripts.embedded.supervisor import Supervisor
from scripts.router_check import check, moment_of
from scripts.router_findings import Finding
from scripts.simulator.part import Certificate, RouterPart
from store.settings import Settings
from tests.hotspot import foreign_client

Say = Callable[..., None]


@pytest.fixture
def environment(environment: dict[str, str], router: RouterPart) -> dict[str, str]:
    return {**environment, "MIKROTIK_HOST": "127.0.0.1", **router.settings}


@pytest.fixture
def say(router: RouterPart) -> Say:
    """Has an operator change something on the router."""

    def command(path: str, *words: str) -> None:
        with foreign_client(router) as api:
            list(api.rawCmd(path, *(f"={word}" for word in words)))

    return command


async def seen(environment: dict[str, str], **more: str) -> dict[str, Finding]:
    found = await check(Settings.from_environment({**environment, **more}))
    return {one.what: one for one in found}


async def test_a_router_that_is_ready_is_said_to_be(
    environment: dict[str, str], router: RouterPart
) -> None:
    router.forget_calls()
    found = await seen(environment)
    assert all(one.holds and one.router == "utama" for one in found.values())
    assert found["connection"].seen == "in clear" and not found["connection"].is_note
    assert found["servers"].seen == "on: hotspot1"
    assert "login-by" not in found
    assert all(name.endswith("/print") for name in router.read("calls"))


async def test_a_proof_of_presence_needs_http_pap(environment: dict[str, str], say: Say) -> None:
    proof = {"HOTSPOT_PRESENCE": "proof"}
    assert (await seen(environment, **proof))["login-by"].holds
    say("/ip/hotspot/profile/set", ".id=*1", "login-by=cookie,http-chap")
    found = (await seen(environment, **proof))["login-by"]
    assert not found.holds and "without http-pap: hsprof1" in found.seen
    assert "login-by" not in await seen(environment)


async def test_ipv6_on_the_hotspots_interface_is_noted(
    environment: dict[str, str], say: Say
) -> None:
    say("/ipv6/address/add", "address=fe80::1/64", "interface=bridge-hotspot")
    say("/ipv6/address/add", "address=2001:db8::1/64", "interface=ether1")
    assert "IPv6" not in await seen(environment)
    say("/ipv6/address/add", "address=2001:db8:1::1/64", "interface=bridge-hotspot")
    found = (await seen(environment))["IPv6"]
    assert found.mark == "note" and found.holds
    assert found.seen.startswith("2001:db8:1::1/64 on bridge-hotspot: ")


async def test_a_hotspot_that_is_off_and_radius_are_found(
    environment: dict[str, str], say: Say
) -> None:
    say("/ip/hotspot/profile/set", ".id=*1", "use-radius=yes")
    assert (await seen(environment))["no RADIUS"].seen == "used by: hsprof1"
    say("/ip/hotspot/set", ".id=*1", "disabled=yes")
    found = await seen(environment)
    assert not found["servers"].holds and found["no RADIUS"].holds


async def test_services_that_everybody_reaches_are_noted(
    environment: dict[str, str], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "services" not in await seen(environment)
    monkeypatch.setattr(router_check, "is_this_machine", lambda host: False)
    found = await seen(environment)
    assert found["services"].mark == "note" and "answers everybody" in found["services"].seen
    assert found["connection"].mark == "note" and "use api-ssl" in found["connection"].seen
    for number in (1, 2):
        say("/ip/service/set", f".id=*{number}", "address=10.0.0.9/32")
    assert "services" not in await seen(environment)


@pytest.mark.parametrize(("days", "holds"), [(12.5, False), (29.9, False), (31, True)])
async def test_a_certificate_that_ends_soon_is_named_in_time(
    environment: dict[str, str], supervisor: Supervisor, tmp_path: Path, days: float, holds: bool
) -> None:
    authority = trustme.CA()
    ends = datetime.now(UTC) + timedelta(days=days)
    leaf = authority.issue_cert("127.0.0.1", not_after=ends)
    chain, key, ca = (tmp_path / name for name in ("router.pem", "router.key", "ca.pem"))
    leaf.cert_chain_pems[0].write_to_path(chain)
    leaf.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    part = RouterPart(supervisor, tmp_path / "tls.log", certificate=Certificate(chain, key))
    part.start()
    try:
        port = {"MIKROTIK_PORT": str(part.ssl_port), "MIKROTIK_USE_SSL": "1"}
        found = await seen(environment, **port, MIKROTIK_CA=str(ca))
        assert found["connection"].holds and "TLS, certificate verified" in found["connection"].seen
        if holds:
            assert str(ends.date()) in found["connection"].seen and "certificate" not in found
        else:
            assert not found["certificate"].holds
            assert f"in {int(days)} days" in found["certificate"].seen
    finally:
        part.stop()


async def test_each_router_is_looked_at_as_its_own_user(
    environment: dict[str, str], router: RouterPart, say: Say
) -> None:
    say("/user/add", "name=tamu", "password=x", "group=read")
    more = f"utara=api://tamu:x@127.0.0.1:{router.port},jauh=api://127.0.0.1:{free_port()}"
    found = await check(Settings.from_environment({**environment, "MIKROTIK_ROUTERS": more}))
    failing = {(one.router, one.what): one.seen for one in found if not one.holds}
    assert failing.keys() == {("utara", "permissions"), ("jauh", "connection")}
    assert failing["utara", "permissions"] == "group read, missing: write"
    assert "refused" in failing["jauh", "connection"]


def test_the_command_prints_a_block_per_router_and_counts_what_fails(
    environment: dict[str, str], router: RouterPart
) -> None:
    more = {"MIKROTIK_ROUTERS": f"jauh=api://127.0.0.1:{free_port()}"}
    router.control("fault", clock_jump_seconds=90)
    said = subprocess.run(
        [sys.executable, "-m", "scripts.router_check"],
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=40,
    )
    lines = said.stdout.splitlines()
    assert said.returncode == 2, said
    assert lines[0] == f"utama at 127.0.0.1:{router.port}: 1 to mend"
    assert any(line.startswith("  FAIL  clock: +") for line in lines)
    assert any(line.startswith("jauh at 127.0.0.1:") for line in lines)
    assert lines[-1].startswith("  FAIL  connection: not reached")
    assert router.password not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("row", "moment"),
    [
        ({"date": "2026-11-27", "time": "12:00:00"}, "2026-11-27T12:00:00+00:00"),
        (
            {"date": "nov/27/2026", "time": "19:00:00", "gmt-offset": "+07:00"},
            "2026-11-27T19:00:00+07:00",
        ),
        ({"date": "27.11.2026", "time": "12:00:00"}, None),
        ({}, None),
    ],
)
def test_a_routers_clock_is_read_in_both_forms(row: dict[str, str], moment: str | None) -> None:
    assert moment_of(row) == (moment and datetime.fromisoformat(moment))
