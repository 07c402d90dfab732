"""A worker whose clock is ahead ends nothing early: what is due is decided by Redis' clock."""

from __future__ import annotations

import time

import pytest

from jobs.hotspot.binding import bind_device
from scripts.simulator.part import RouterPart
from store.opening import Store
from store.qr import Asking
from store.sessions import Device, Session
from store.settings import Settings
from tests.jobs.house import PHONE, House
from tests.serving import open_session

AHEAD_SECONDS = 40 * 86_400

OTHER = "AA:BB:CC:00:00:02"


@pytest.fixture
def settings(environment: dict[str, str], router: RouterPart) -> Settings:
    more = {"MIKROTIK_HOST": "127.0.0.1", **router.settings}
    return Settings.from_environment({**environment, **more})


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + AHEAD_SECONDS)
    return monkeypatch


async def test_sessions_and_qr_requests_are_not_due_early(
    store: Store, request: pytest.FixtureRequest
) -> None:
    """Those that are not due would be found again and again by a job that asks until few are."""
    opened = await open_session(
        store, await store.members.create(email="ani@jaga.test", password_hash="x")
    )
    asking = Asking("kuki", Device(id="", name="Chrome - Mac", ip="10.0.0.1", browser_id="b1"))
    await store.qr.create(asking, "token")
    request.getfixturevalue("ahead")
    assert await store.sessions.expire_due() == await store.qr.expire_due() == 0
    assert isinstance(await store.sessions.look(opened.session.member, opened.session.sid), Session)


async def test_a_package_at_the_router_does_not_end_early(
    store: Store, router: RouterPart, request: pytest.FixtureRequest
) -> None:
    house = House(store, router)
    member = await house.person(1, PHONE)
    router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    assert (await house.account(member)).settled["utama"] == "aktif" and house.send()
    request.getfixturevalue("ahead")
    await house.sync()
    account = await house.account(member)
    assert account.settled["utama"] == "aktif" and house.send()
    # and who comes now is let in, and told so
    router.control("join", mac=OTHER, ip="192.168.200.11")
    wish = {"member": member, "address": "192.168.200.11", "name": "HP", "browser": ""}
    told = {"mac": OTHER, "ip": "", "replace": "", "link": ""}
    assert (await bind_device(store, wish | told))["state"] == "bound"
    assert house.send(mac=OTHER)
