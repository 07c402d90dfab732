"""The device that is in has a say when another one comes, and a word after it was put out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jobs.persist.reader import LogReader
from store import devices as store_devices
from store.errors import LoginRefused
from store.opening import Store
from store.sessions import Device
from tests.client import Browser
from tests.flows.people import EMAIL, PASSWORD, Desk, Phone, approve, member_of, scan
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]


async def check(browser: Browser, action: str = "") -> Any:
    asked = {"username": EMAIL, "pass": PASSWORD, "action": action}
    return await browser.post("/cekfingerprint", asked)


async def newcomer(web: Site) -> Browser:
    browser = Browser(web.settings.port, "Mozilla/5.0 (Windows NT 10.0) Firefox/150.0")
    await browser.get("/login")
    return browser


async def test_the_live_device_refuses_a_login_elsewhere(web: Site) -> None:
    live, other, third = Browser(web.settings.port), await newcomer(web), await newcomer(web)
    await live.login(EMAIL, PASSWORD)
    async with live.tab() as tab, live.tab() as second_tab, live.stream() as stream:
        await tab.event()
        await second_tab.event()
        await stream.next()
        assert (await check(other)).json == {"status": "beda", "valid": False}
        asked = await tab.event()
        assert asked["event"] == "login_attempt" and asked["in"] == 20
        assert asked["message"] == "Login dari Firefox - Windows: izinkan atau tolak?"
        assert (await second_tab.event())["attempt_id"] == asked["attempt_id"]
        assert (await stream.next())[0] == "login_attempt"  # type: ignore[index]

        address = f"/api/devices/attempts/{asked['attempt_id']}"
        assert (await other.post(address, {"allow": False})).status == 401
        phone = await Phone(web.settings.port).login()
        assert (await phone.post(address, {"allow": False})).status == 404
        assert (await live.post(address, {"allow": "tidak"})).status == 400
        assert (await live.post(address, {"allow": False})).status == 200
        assert (await second_tab.event())["event"] == "login_attempt_over"
        assert (await live.post(address, {"allow": False})).status == 404

    for refused in (
        await check(other),
        await check(other, "keep"),
        await other.login(EMAIL, PASSWORD),
        await other.login(EMAIL, PASSWORD, keep=False),
    ):
        assert (refused.status, refused.json["type"]) == (403, "LOGIN_REFUSED")
        assert refused.json["status"] == "refused"
    # the same browser without its cookie is no stranger; somebody else's is
    bare = Browser(web.settings.port, other.agent)
    assert (await bare.login(EMAIL, PASSWORD)).status == 403
    assert (await live.get("/api/session")).status == 200
    assert (await live.login(EMAIL, PASSWORD, keep=False)).status == 200
    assert (await third.login(EMAIL, PASSWORD)).status == 200


async def test_a_ticket_from_before_does_not_pass_a_refusal(web: Site) -> None:
    live, other = Browser(web.settings.port), await newcomer(web)
    await live.login(EMAIL, PASSWORD)
    async with live.tab() as tab:
        await tab.event()
        await check(other)
        asked = await tab.event()
        ticket = (await check(other, "keep")).json["ticket"]
        address = f"/api/devices/attempts/{asked['attempt_id']}"
        assert (await live.post(address, {"allow": False})).status == 200
    late = await other.login(EMAIL, PASSWORD, keep=False, ticket=ticket)
    assert late.status == 403


async def test_a_refusal_is_over_after_its_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_devices, "REFUSAL_SECONDS", 0.3)
    member = await member_of(store)
    live, other = Device(id="satu", name="A"), Device(id="dua", name="B")
    opened = await store.sessions.open(member, live, method="password")
    await store.devices.announce_attempt(member, other)
    log = await store.events.read("0-0", 100)
    asked = next(event for event in log if event.type == "login.attempted")
    await store.devices.answer_attempt(opened.session, asked.data["attempt"], allowed=False)
    with pytest.raises(LoginRefused):
        await store.devices.require_welcome(member, other)
    with pytest.raises(LoginRefused):
        await store.sessions.open(member, other, method="password", keep=True)
    await asyncio.sleep(0.35)
    await store.devices.require_welcome(member, other)
    await store.sessions.open(member, other, method="password", keep=True)


async def test_no_answer_and_no_tab_change_nothing_and_delay_nobody(
    serve: Start, store: Store
) -> None:
    await member_of(store)
    web = await serve(GRACE_SECONDS="0")
    live, other = Browser(web.settings.port), await newcomer(web)
    await live.login(EMAIL, PASSWORD)
    assert (await check(other)).json["status"] == "beda"  # no tab is open
    async with live.tab() as tab:
        await tab.event()
        fifth = await newcomer(web)
        conflict = await fifth.login(EMAIL, PASSWORD, keep=False)
        assert conflict.status == 409
        assert (await tab.event())["event"] == "login_attempt"
        started = time.monotonic()
        ticket = (await check(fifth, "keep")).json["ticket"]
        answer = await fifth.login(EMAIL, PASSWORD, keep=False, ticket=ticket)
        assert answer.status == 200 and time.monotonic() - started < 2
        assert (await tab.event())["event"] == "force_logout"


async def test_a_yes_closes_the_question_only(web: Site) -> None:
    live, other = Browser(web.settings.port), await newcomer(web)
    await live.login(EMAIL, PASSWORD)
    async with live.tab() as tab:
        await tab.event()
        await check(other)
        await check(other)  # the same device asks once
        asked = await tab.event()
        address = f"/api/devices/attempts/{asked['attempt_id']}"
        assert (await live.post(address, {"allow": True})).status == 200
        over = await tab.event()
        assert (over["event"], over["allowed"]) == ("login_attempt_over", True)
    assert (await live.get("/api/session")).status == 200
    assert (await other.login(EMAIL, PASSWORD, keep=False)).status == 409
    assert (await other.login(EMAIL, PASSWORD)).status == 200


async def test_many_strangers_do_not_cover_the_screen(store: Store) -> None:
    member = await member_of(store)
    await store.sessions.open(member, Device(id="satu", name="A"), method="password")
    for number in range(10):
        await store.devices.announce_attempt(member, Device(id=f"lain{number}", name="B"))
    log = await store.events.read("0-0", 100)
    assert len([event for event in log if event.type == "login.attempted"]) == 3


async def test_not_me_ends_both_sessions_once(web: Site, store: Store) -> None:
    mine, intruder = Browser(web.settings.port), await newcomer(web)
    await mine.login(EMAIL, PASSWORD)
    await intruder.login(EMAIL, PASSWORD, remember="1")
    again = mine.copy()
    page = await mine.get("/login?reason=replaced", Accept="text/html")
    assert b"Bukan saya" in page.body
    async with intruder.tab() as tab:
        await tab.event()
        assert (await mine.post("/api/auth/not-me")).status == 200
        told = await tab.event()
        assert told["event"] == "force_logout" and told["code"] == "not_me"
    assert (await mine.get("/api/session")).status == 401
    assert (await intruder.get("/api/session")).status == 401
    intruder.cookies.pop("jaga_session")
    assert (await intruder.get("/api/session")).status == 401  # nor by its remember cookie
    assert (await again.post("/api/auth/not-me")).status == 404
    assert b"Bukan saya" not in (await again.get("/login?reason=replaced")).body
    assert (await mine.login(EMAIL, PASSWORD, keep=False)).status == 200
    await LogReader(store).run()
    async with store.database.connection() as connection:
        found = await connection.execute("SELECT act FROM audit")
        assert [row["act"] for row in await found.fetchall()] == ["session.not_me"]


async def test_not_me_is_for_those_who_were_put_out_and_for_ten_minutes(
    web: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, other = Browser(web.settings.port), await newcomer(web)
    nobody = Browser(web.settings.port)
    await other.login(EMAIL, PASSWORD)
    await live.login(EMAIL, PASSWORD)
    assert (await nobody.post("/api/auth/not-me")).status == 401
    assert (await live.post("/api/auth/not-me")).status == 404
    forged = other.copy()
    forged.cookies["jaga_session"] = other.session[:-1] + ("a" if other.session[-1] != "a" else "b")
    assert (await forged.post("/api/auth/not-me")).status == 404
    assert (await live.get("/api/session")).status == 200
    assert await store.devices.may_freeze(other.session)
    monkeypatch.setattr(store_devices, "FREEZE_SECONDS", 0)
    assert not await store.devices.may_freeze(other.session)


async def test_not_me_undoes_an_approval_that_waits(web: Site, phone: Phone) -> None:
    mine, intruder, desk = Browser(web.settings.port), await newcomer(web), Desk(web.settings.port)
    await mine.login(EMAIL, PASSWORD)
    await intruder.login(EMAIL, PASSWORD)
    await desk.ask()
    await scan(phone, desk)
    await approve(phone, desk)
    assert (await mine.post("/api/auth/not-me")).status == 200
    assert (await desk.redeem()).status == 410
    assert (await phone.get("/api/devices")).status == 200
