"""Phones, their tokens, and the list of devices, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from store.errors import SessionEnded
from store.opening import Store
from store.sessions import Device, Ended, sessions
from tests.client import Browser
from tests.flows.people import ANDROID, EMAIL, PASSWORD, Phone, member_of
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]


async def test_a_phone_logs_in_with_tokens_and_the_first_one_is_primary(web: Site) -> None:
    first = await Phone(web.settings.port).login()
    assert set(first.tokens) >= {"success", "access_token", "refresh_token", "device_id", "user"}
    assert first.tokens["user"]["email"] == EMAIL
    assert "password" not in str(first.tokens["user"])
    second = await Phone(web.settings.port, "HP kedua", "hp-2").login()
    listed = (await second.get("/api/devices")).json
    assert listed["success"] and listed["count"] == 2
    by_name = {device["device_name"]: device for device in listed["devices"]}
    assert by_name["HP Sari"]["is_primary"] and not by_name["HP kedua"]["is_primary"]
    assert by_name["HP kedua"]["is_current"] and by_name["HP Sari"]["is_active"]
    assert set(by_name["HP Sari"]) == {
        "id",
        "device_type",
        "device_name",
        "is_active",
        "is_primary",
        "is_current",
        "last_active_at",
        "created_at",
        "last_ip",
    }
    # logging in again on the same phone keeps its rank
    await Phone(web.settings.port).login()
    listed = (await second.get("/api/devices")).json
    assert [one["device_name"] for one in listed["devices"] if one["is_primary"]] == ["HP Sari"]


async def test_the_second_phone_takes_over_when_the_primary_leaves(
    serve: Start, store: Store
) -> None:
    member = await member_of(store)
    web = await serve()
    first = await Phone(web.settings.port).login()
    await Phone(web.settings.port, "HP kedua", "hp-2").login()
    assert (await first.post("/api/auth/logout")).status == 200
    assert (await first.get("/api/devices")).status == 401
    cards = await store.devices.of(member)
    assert [(card.name, card.is_active) for card in cards if card.is_primary] == [
        ("HP kedua", True)
    ]


async def test_a_refresh_used_twenty_times_at_once_is_one_lineage(phone: Phone) -> None:
    answers = await asyncio.gather(*(phone.refresh() for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert len({answer.json["access_token"] for answer in answers}) == 1
    phone.tokens = answers[0].json
    assert (await phone.get("/api/devices")).json["count"] == 1


async def test_a_used_refresh_token_from_another_client_ends_its_family(
    web: Site, phone: Phone
) -> None:
    old = phone.tokens["refresh_token"]
    device = phone.tokens["device_id"]
    phone.tokens = (await phone.refresh()).json
    thief = Phone(web.settings.port)
    thief.browser.agent = "curl/8"
    async with phone.browser.tab(device, **phone.bearer, Origin="") as tab:
        assert (await tab.event())["event"] == "connected"
        stolen = await thief.refresh(old)
        assert (stolen.status, stolen.json["reason"]) == (401, "token_reuse")
        told = await tab.until("force_logout")
        assert told["code"] == "token_reuse"
        assert (await tab.event())["code"] == 4501
    assert (await phone.get("/api/devices")).status == 401
    assert (await phone.refresh()).status == 401


async def test_a_used_refresh_token_after_half_a_minute_ends_its_family(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await member_of(store)
    phone = Device(id="p1", name="HP", ip="127.0.0.1")
    opened = await store.sessions.open(member, phone, method="mobile")
    old = opened.remember or ""
    again = await store.sessions.rotate(old, "", "same")
    assert (await store.sessions.rotate(old, "", "same")).remember == again.remember
    monkeypatch.setattr(sessions, "ROTATION_TOLERANCE_MS", -1)
    with pytest.raises(SessionEnded, match="dipakai ulang"):
        await store.sessions.rotate(old, "", "same")
    assert isinstance(await store.sessions.look(member, opened.session.sid), Ended)


async def test_all_web_sessions_end_from_the_phone_with_a_receipt(web: Site, phone: Phone) -> None:
    desk = Browser(web.settings.port)
    await desk.login(EMAIL, PASSWORD)
    async with desk.tab() as tab:
        await tab.event()
        ending = asyncio.create_task(phone.post("/api/devices/logout-all-web"))
        told = await tab.event()
        assert told["reason"] == "Semua sesi web dihentikan" and told["by"] == "HP Sari"
        tab.say(event="ack", kick_id=told["kick_id"])
        answer = (await ending).json
    assert answer["success"] and answer["count"] == 1
    assert answer["receipt"] == {
        "kick_id": told["kick_id"],
        "targeted": 1,
        "delivered": 1,
        "acked": 1,
        "offline": 0,
    }
    assert (await desk.get("/api/session")).status == 401
    assert (await phone.get("/api/devices")).status == 200
    nobody = (await phone.post("/api/devices/logout-all-web")).json
    assert nobody["count"] == 0 and nobody["receipt"]["targeted"] == 0


async def test_one_device_ends_and_only_where_it_may(serve: Start, store: Store) -> None:
    await member_of(store)
    await member_of(store, email="lain@jaga.test")
    web = await serve()
    phone = await Phone(web.settings.port).login()
    other = await Phone(web.settings.port, "HP lain", "hp-9").login("lain@jaga.test")
    desk = Browser(web.settings.port)
    await desk.login(EMAIL, PASSWORD)
    desk_device = await desk.device_id()

    own = await phone.delete(f"/api/devices/{phone.tokens['device_id']}")
    assert (own.status, own.json["message"][-20:]) == (400, "Gunakan menu Logout.")
    foreign = await phone.delete(f"/api/devices/{other.tokens['device_id']}")
    unknown = await phone.delete("/api/devices/tidakada")
    assert (foreign.status, foreign.json) == (unknown.status, unknown.json)
    assert foreign.status == 404
    primary = await desk.send("DELETE", f"/api/devices/{phone.tokens['device_id']}", b"")
    assert (primary.status, primary.json["type"]) == (403, "PRIMARY_DEVICE")
    assert (await other.get("/api/devices")).status == 200

    async with desk.tab() as tab:
        await tab.event()
        ending = asyncio.create_task(phone.delete(f"/api/devices/{desk_device}"))
        told = await tab.event()
        assert told["reason"] == "Session dihentikan oleh pengguna"
        tab.say(event="ack", kick_id=told["kick_id"])
        assert (await ending).json["receipt"]["acked"] == 1
    assert (await desk.get("/api/session")).status == 401
    rests = [one for one in (await phone.get("/api/devices")).json["devices"]]
    assert {one["id"]: one["is_active"] for one in rests}[desk_device] is False
    assert (await phone.delete(f"/api/devices/{desk_device}")).status == 200
    assert (await phone.delete(f"/api/devices/{desk_device}")).status == 404


async def test_stats_are_for_admins(serve: Start, store: Store) -> None:
    await member_of(store, role="admin")
    await member_of(store, email="biasa@jaga.test")
    web = await serve()
    plain, admin = Browser(web.settings.port), Browser(web.settings.port)
    await plain.login("biasa@jaga.test", PASSWORD)
    await admin.login(EMAIL, PASSWORD)
    assert (await plain.get("/api/devices/stats")).status == 403
    assert (await Browser(web.settings.port).get("/api/devices/stats")).status == 401
    async with plain.tab() as one, plain.tab() as two:
        await one.event()
        await two.event()
        stats = (await admin.get("/api/devices/stats")).json
    assert stats["success"]
    figures = stats["websocket_stats"]
    assert (figures["qr_connections"], figures["device_connections"], figures["total_tabs"]) == (
        0,
        1,
        2,
    )


async def test_a_phone_logs_in_with_a_cookie_on_our_own_pages(web: Site) -> None:
    phone = Browser(web.settings.port, ANDROID)
    asked = {"email": EMAIL, "password": PASSWORD, "device_type": "mobile", "delivery": "cookie"}
    answer = await phone.post("/api/auth/login", asked)
    assert answer.status == 200 and "access_token" not in answer.json
    kept = next(text for text in answer.set_cookies if text.startswith("jaga_session"))
    assert "HttpOnly" in kept and "Max-Age=34560000" in kept
    desk = Browser(web.settings.port)
    assert (await desk.login(EMAIL, PASSWORD, keep=False)).status == 200
    assert (await phone.get("/api/session")).json["session"]["method"] == "mobile"
    assert (await phone.get("/dashboard")).headers["location"] == "/devices"


async def test_a_cookie_stands_for_one_session_at_a_time(serve: Start, store: Store) -> None:
    member = await member_of(store)
    web = await serve()
    phone = Browser(web.settings.port, ANDROID)
    await phone.login(EMAIL, PASSWORD)
    asked = {"email": EMAIL, "password": PASSWORD, "delivery": "cookie"}
    assert (await phone.post("/api/auth/login", asked)).status == 200
    assert (await store.sessions.holder(member))[0] is None
    # and back: a password login in the same browser takes the phone's session with it
    assert (await phone.login(EMAIL, PASSWORD)).status == 200
    cards = await store.devices.of(member)
    assert [(card.type, card.is_active) for card in cards] == [("web", True)]
    assert not any(card.is_primary for card in cards)


async def test_malformed_requests_are_refused_by_name(web: Site) -> None:
    browser = Browser(web.settings.port)
    good = {"email": EMAIL, "password": PASSWORD}
    for wrong in (
        {"email": 1, "password": PASSWORD},
        {"email": EMAIL},
        good | {"device_type": "tv"},
        good | {"device_name": ["x"]},
        good | {"browser_id": "x" * 65},
        good | {"delivery": "mail"},
    ):
        assert (await browser.post("/api/auth/login", wrong)).status == 400, wrong
    for token in (None, 7, "", "a.b.c.d", "x" * 300, "ä.b.1.c"):
        answer = await browser.post("/api/auth/refresh", {"refresh_token": token})
        assert answer.status in (400, 401), token
