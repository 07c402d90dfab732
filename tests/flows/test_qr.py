"""A phone lets a desktop in, over real sockets; and everybody who may not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jobs.persist.reader import LogReader
from store import qr as store_qr
from store.errors import QrExpired
from store.opening import Store
from store.sessions import Device
from store.settings import Settings
from tests.client import Browser, Tab
from tests.flows.people import EMAIL, PASSWORD, Desk, Phone, approve, member_of, scan
from tests.parts import Site
from web.qr import drawn

Start = Callable[..., Awaitable[Site]]


async def test_the_phone_lets_the_desktop_in_and_the_older_one_leaves(
    web: Site, phone: Phone, store: Store
) -> None:
    old = Browser(web.settings.port)
    await old.login(EMAIL, PASSWORD)
    desk = Desk(web.settings.port)
    asked = await desk.ask("cookie")
    assert set(asked) == {"success", "token", "qr_url", "expires_at", "ttl_seconds"}
    assert len(desk.token) == 32 and asked["ttl_seconds"] == 120
    assert asked["qr_url"] == f"{web.url}/link#{desk.token}"
    assert 115 < asked["expires_at"] - time.time() <= 121
    image = await desk.get(f"/api/auth/qr/image/{desk.token}")
    assert image.headers["content-type"].startswith("image/svg+xml")
    assert image.headers["cache-control"] == "no-store" and image.body == drawn(asked["qr_url"])

    async with desk.line() as line, old.tab() as tab:
        assert (await line.event())["event"] == "connected"
        await tab.event()
        assert (await desk.status()).json["status"] == "pending"
        scanned = await scan(phone, desk)
        told = await line.event()
        assert told["event"] == "scanned" and told["match"] in scanned["match"]
        assert len(set(scanned["match"])) == 3 and scanned["requires_approval"] is True
        assert scanned["context"] == {
            "browser": "Edge",
            "os": "Windows",
            "ip": "127.0.0.1",
            "location_mismatch": False,
            "age_seconds": 0,
            "is_new": True,
        }
        assert (await desk.status()).json["status"] == "scanned"
        assert (await approve(phone, desk, told["match"])).status == 200
        approved = await line.event()
        assert approved["event"] == "approved" and approved["redeem"] is True
        assert approved["user"]["email"] == EMAIL and "access_token" not in approved
        assert await line.event() == {"event": "close", "code": 4408}

        # nobody is put out until the bound browser collects
        assert (await old.get("/api/session")).status == 200
        assert (await desk.redeem()).status == 200
        assert (await tab.event())["reason"] == "Session digantikan oleh login baru"
    assert (await old.get("/api/session")).status == 401
    mine = (await desk.get("/api/session")).json["session"]
    assert mine["method"] == "qr" and mine["absolute_expires_at"] is None
    assert mine["idle_expires_at"] - time.time() > 29 * 86_400
    assert (await desk.redeem()).status == 404  # the secret is gone, and used


async def test_the_cookie_of_a_qr_session_is_kept_and_renewed(phone: Phone, desk: Desk) -> None:
    await desk.ask("cookie")
    await scan(phone, desk)
    number = (await desk.status()).json["match"]
    await approve(phone, desk, number)
    redeemed = await desk.redeem()
    page = await desk.get("/dashboard", Accept="text/html")
    for answer in (redeemed, page):
        kept = next(text for text in answer.set_cookies if text.startswith("jaga_session"))
        assert f"Max-Age={30 * 86_400}" in kept and "HttpOnly" in kept


async def test_tokens_come_on_the_line_when_asked_for(web: Site, phone: Phone, desk: Desk) -> None:
    await desk.ask()
    async with desk.line() as line:
        await line.event()
        await scan(phone, desk)
        await line.until("scanned")
        assert (await approve(phone, desk)).status == 200  # the number is optional here
        approved = await line.event()
    assert set(approved) == {"event", "access_token", "refresh_token", "device_id", "user"}
    client = Phone(web.settings.port)
    client.tokens = approved
    session = (await client.get("/api/session")).json["session"]
    assert session["method"] == "qr" and session["device_id"] == approved["device_id"]
    client.tokens = (await client.refresh()).json
    assert (await client.get("/api/session")).status == 200


async def test_it_works_without_websockets(phone: Phone, desk: Desk) -> None:
    await desk.ask("token")
    await scan(phone, desk)
    await approve(phone, desk)
    status = (await desk.status()).json
    assert (status["success"], status["status"], status["is_expired"]) == (True, "approved", False)
    collected = (await desk.redeem()).json
    assert {"access_token", "refresh_token", "device_id", "user"} <= set(collected)


async def test_a_photo_of_the_screen_opens_nothing(web: Site, phone: Phone) -> None:
    desk, thief = Desk(web.settings.port), Desk(web.settings.port, "maling")
    await desk.ask()
    await thief.ask()  # has a secret, of a request of its own
    for someone in (Desk(web.settings.port), thief):
        status = await someone.status(desk.token)
        assert (status.status, status.json["status"]) == (404, "not_found")
        assert (await someone.get(f"/api/auth/qr/image/{desk.token}")).status == 404
        async with someone.line(desk.token) as line:
            assert await line.event() == {"event": "close", "code": 4404}
    await scan(phone, desk)
    await approve(phone, desk)
    for someone in (Desk(web.settings.port), thief):
        assert (await someone.redeem(desk.token)).status == 404
        async with someone.line(desk.token) as line:
            assert await line.event() == {"event": "close", "code": 4404}
    assert (await desk.redeem()).status == 200


async def test_another_sites_page_gets_no_line(desk: Desk) -> None:
    await desk.ask()
    for origin in ("https://jahat.test", ""):
        async with desk.line(Origin=origin) as line:
            assert await line.event() == {"event": "close", "code": 4403}


async def test_of_fifty_approvals_at_once_one_succeeds(phone: Phone, desk: Desk) -> None:
    await desk.ask()
    await scan(phone, desk)
    answers = await asyncio.gather(*(approve(phone, desk) for _ in range(50)))
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 1 and statuses.count(409) == 49
    assert {answer.json["type"] for answer in answers if answer.status == 409} == {"QR_STATE"}
    redeemed = await asyncio.gather(*(desk.copy_of_me().redeem() for _ in range(20)))
    assert [answer.status for answer in redeemed].count(200) == 1


async def test_only_the_session_that_scanned_approves(serve: Start, store: Store) -> None:
    await member_of(store)
    await member_of(store, email="lain@jaga.test")
    web = await serve()
    phone = await Phone(web.settings.port).login()
    same_member = await Phone(web.settings.port, "HP kedua", "hp-2").login()
    stranger = await Phone(web.settings.port, "HP lain", "hp-3").login("lain@jaga.test")
    browser = Browser(web.settings.port)
    await browser.login(EMAIL, PASSWORD)
    desk = Desk(web.settings.port)
    await desk.ask()

    early = await approve(phone, desk)
    assert (early.status, early.json["type"], early.json["state"]) == (409, "QR_STATE", "pending")
    assert (await browser.post("/api/auth/qr/scan", {"token": desk.token})).status == 403
    nobody = await Browser(web.settings.port).post("/api/auth/qr/scan", {"token": desk.token})
    assert nobody.status == 401
    await scan(phone, desk)
    await scan(phone, desk)  # once more by the same phone is no other answer
    late = await stranger.post("/api/auth/qr/scan", {"token": desk.token})
    assert (late.status, late.json["type"]) == (409, "QR_STATE")
    for other in (same_member, stranger):
        refused = await approve(other, desk)
        assert (refused.status, refused.json["type"]) == (403, "NOT_SCANNER")
    asked = {"token": desk.token, "approved": True}
    assert (await browser.post("/api/auth/qr/approve", asked)).json["type"] == "NOT_SCANNER"
    assert (await browser.get("/api/session")).status == 200
    assert (await approve(phone, desk)).status == 200
    twice = await approve(phone, desk)
    assert (twice.status, twice.json["type"]) == (409, "QR_STATE")
    assert (await browser.get("/api/session")).status == 200


async def test_a_wrong_number_rejects_the_request(phone: Phone, desk: Desk) -> None:
    await desk.ask("cookie")
    async with desk.line() as line:
        await line.event()
        offered = (await scan(phone, desk))["match"]
        shown = (await line.event())["match"]
        none = await approve(phone, desk)
        assert (none.status, none.json["type"], none.json["field"]) == (
            400,
            "INVALID_REQUEST",
            "match",
        )
        wrong = next(number for number in offered if number != shown)
        assert (await approve(phone, desk, wrong)).status == 403
        assert (await line.event())["event"] == "rejected"
        assert await line.event() == {"event": "close", "code": 4408}
    assert (await approve(phone, desk, shown)).status == 409
    assert (await desk.redeem()).status == 409
    assert (await desk.status()).json["status"] == "rejected"


async def test_the_phone_declines(phone: Phone, desk: Desk) -> None:
    await desk.ask("cookie")
    async with desk.line() as line:
        await line.event()
        await scan(phone, desk)
        await line.event()
        assert (await approve(phone, desk, approved=False)).json["message"] == "Login ditolak"
        assert (await line.event())["event"] == "rejected"


async def test_expired_is_said_once_also_to_a_scanned_request(serve: Start, store: Store) -> None:
    await member_of(store)
    web = await serve(QR_TOKEN_TTL_SECONDS="2")
    phone = await Phone(web.settings.port).login()
    alone, scanned = Desk(web.settings.port), Desk(web.settings.port, "meja-2")
    await alone.ask()
    await scanned.ask()
    async with alone.line() as one, scanned.line() as two:
        await one.event()
        await two.event()
        await scan(phone, scanned)
        assert (await two.event())["event"] == "scanned"
        for line in (one, two):
            assert (await line.event())["event"] == "expired"
            assert await line.event() == {"event": "close", "code": 4408}
    late = await approve(phone, scanned)
    assert (late.status, late.json["type"]) == (410, "QR_EXPIRED")
    assert (await phone.post("/api/auth/qr/scan", {"token": alone.token})).status == 410
    status = (await alone.status()).json
    assert (status["status"], status["is_expired"]) == ("expired", True)
    async with alone.line() as again:
        await again.event()
        assert (await again.event())["event"] == "expired"
    log = await store.events.read("0-0", 1000)
    told = [event.data["request"] for event in log if event.type == "qr.expired"]
    assert len(told) == len(set(told)) == 2


async def test_an_approval_that_nobody_collects_lapses_and_puts_nobody_out(
    web: Site, phone: Phone, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Browser(web.settings.port)
    await old.login(EMAIL, PASSWORD)
    desk = Desk(web.settings.port)
    await desk.ask()
    monkeypatch.setattr(store_qr, "GRANT_SECONDS", 0.3)
    await scan(phone, desk)
    place = await store.sessions.check(phone.tokens["access_token"], touch=False)
    await store.qr.answer(desk.token, place.session, approved=True, number=None)
    assert (await desk.status()).json["status"] == "approved"
    await asyncio.sleep(0.4)
    late = await desk.redeem()
    assert (late.status, late.json["type"]) == (410, "QR_EXPIRED")
    assert (await desk.status()).json["status"] == "expired"
    assert (await old.get("/api/session")).status == 200


async def test_an_approval_dies_with_the_session_that_gave_it(phone: Phone, desk: Desk) -> None:
    await desk.ask()
    await scan(phone, desk)
    await approve(phone, desk)
    await phone.post("/api/auth/logout")
    assert (await desk.redeem()).status == 410


async def test_the_picture_changes_and_the_last_one_holds_a_moment(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_qr, "ROTATE_SECONDS", 1)
    monkeypatch.setattr(store_qr, "TOLERANCE_SECONDS", 0.5)
    member = await member_of(store)
    phone = await store.sessions.open(member, Device(id="hp", name="HP"), method="mobile")
    browser = Device(id="", name="Chrome - Mac", ip="10.0.0.1", browser_id="b")
    asked = await store.qr.create(store_qr.Asking("x" * 32, browser), "cookie")

    async def shown() -> str:
        bound = await store.qr.bound(asked.code, [asked.secret])
        assert bound is not None
        return store.qr.picture(bound).partition("#")[2]

    assert await shown() == asked.code
    await asyncio.sleep(1.05)
    second = await shown()
    assert second != asked.code and len(second) == 32
    await asyncio.sleep(0.55)
    with pytest.raises(QrExpired):
        await store.qr.scan(asked.code, phone.session, "10.0.0.9")
    scan = await store.qr.scan(second, phone.session, "192.168.1.1")
    assert scan.location_mismatch and scan.is_new
    # what was scanned is what is answered, however often the picture has changed since
    await asyncio.sleep(1.6)
    state = await store.qr.answer(second, phone.session, approved=False, number=None)
    assert state == "rejected"


async def test_requests_are_limited_by_address_and_by_browser(serve: Start, store: Store) -> None:
    web = await serve()
    desk = Desk(web.settings.port)
    tokens = []
    for _ in range(4):
        await desk.ask()
        tokens.append(desk.token)
    states = [(await desk.status(token)).status for token in tokens]
    assert states[1:] == [200, 200, 200]
    oldest = await store.qr.bound(tokens[0], desk.cookies["jaga_qr"].split("."))
    assert oldest is None  # its secret is no longer in the cookie either
    opened = await store.redis.zcard(store.keys.qr_open())
    assert opened == 3
    for number in range(6):
        await Desk(web.settings.port, f"b{number}").ask()
    refused = await desk.post("/api/auth/qr/generate", {"browser_id": "b", "fingerprint": ""})
    assert (refused.status, refused.json["type"]) == (429, "RATE_LIMIT")
    assert int(refused.headers["retry-after"]) <= 61


async def test_any_odd_token_is_an_unknown_one(phone: Phone, desk: Desk) -> None:
    await desk.ask()
    odd = [desk.token[:-1], desk.token + "A", "!" * 32, "ä" * 32, desk.token[::-1], "a" * 5000, ""]
    odd.append(desk.token[:-1] + ("A" if desk.token[-1] != "A" else "B"))
    odd.append(desk.token[:12] + "A" * 20)
    for token in odd:
        unknown = (404, "NOT_FOUND")
        scanned = await phone.post("/api/auth/qr/scan", {"token": token})
        assert (scanned.status, scanned.json["type"]) == unknown, token
        answered = await phone.post("/api/auth/qr/approve", {"token": token, "approved": True})
        assert (answered.status, answered.json["type"]) == unknown, token
        assert (await desk.post("/api/auth/qr/redeem", {"token": token})).status == 404
    for token in ("a" * 31, "%00" * 32, "a" * 5000, desk.token[::-1], "..%2f.."):
        assert (await desk.status(token)).status == 404
        async with desk.line(token) as line:
            assert await line.event() == {"event": "close", "code": 4404}
    body: Any
    for body in ({}, {"token": 1}, {"token": None}, {"token": ["a"]}, [], "x"):
        assert (await phone.post("/api/auth/qr/scan", body)).status == 400
    for approved in (None, "true", 1, "ya"):
        body = {"token": desk.token, "approved": approved}
        assert (await phone.post("/api/auth/qr/approve", body)).status == 400
    for match in ([1], {"a": 1}, True, -1, "1e1", 10**9, "satu"):
        body = {"token": desk.token, "approved": True, "match": match}
        assert (await phone.post("/api/auth/qr/approve", body)).status == 400
    for body in (
        {},
        {"browser_id": "b"},
        {"browser_id": "", "fingerprint": ""},
        {"browser_id": 1, "fingerprint": ""},
        {"browser_id": "b", "fingerprint": "a b"},
        {"browser_id": "b", "fingerprint": "", "delivery": "pigeon"},
    ):
        assert (await desk.post("/api/auth/qr/generate", body)).status == 400, body
    assert (await desk.status()).json["status"] == "pending"


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        ("flood", 1008),
        ("huge", 1009),
        ("binary", 1003),
        ("nested", None),
        ("unmasked", 1002),
    ],
)
async def test_bad_frames_close_that_line_and_nothing_else(
    web: Site, attack: str, code: int | None
) -> None:
    desk, other = Desk(web.settings.port), Desk(web.settings.port, "meja-2")
    await desk.ask()
    await other.ask()
    async with desk.line() as line, other.line() as quiet:
        await line.event()
        await quiet.event()
        _attack(line, attack)
        if code is None:
            line.say(event="ping")
            assert (await line.event())["event"] == "pong"
        else:
            assert await line.event() == {"event": "close", "code": code}
        quiet.say(event="ping")
        assert (await quiet.event())["event"] == "pong"
    assert (await desk.status()).json["status"] == "pending"


def _attack(line: Tab, kind: str) -> None:
    if kind == "flood":
        for _ in range(100):
            line.say(event="x")
    elif kind == "huge":
        line.writer.write(b"\x81\xff" + (1_000_000).to_bytes(8, "big") + b"mask" + b"x" * 60_000)
    elif kind == "binary":
        line.write(2, b"\x00\x01")
    elif kind == "nested":
        line.write(1, b"[" * 2000 + b"]" * 2000)
    else:
        line.write(1, b"{}", masked=False)


async def test_a_reconnect_hears_where_its_request_is(phone: Phone, desk: Desk) -> None:
    await desk.ask("cookie")
    async with desk.line() as first:
        await first.event()
        await scan(phone, desk)
        number = (await first.event())["match"]
        async with desk.line() as second:
            assert (await second.event())["event"] == "connected"
            assert (await second.event())["match"] == number
            assert await first.event() == {"event": "close", "code": 4408}
    await approve(phone, desk, number)
    async with desk.line() as third:
        await third.event()
        assert (await third.event())["event"] == "approved"


async def test_a_line_that_opens_at_the_moment_of_approval_gets_its_tokens(
    web: Site, phone: Phone, store: Store
) -> None:
    place = await store.sessions.check(phone.tokens["access_token"], touch=False)
    for number in range(12):
        await store.redis.delete(store.keys.turns("qr:127.0.0.1"))
        desk = Desk(web.settings.port, f"meja-{number}")
        await desk.ask()
        await store.qr.scan(desk.token, place.session, "127.0.0.1")

        async def later(desk: Desk = desk, wait: float = number * 0.0004) -> None:
            await asyncio.sleep(wait)
            await store.qr.answer(desk.token, place.session, approved=True, number=None)

        answering = asyncio.create_task(later())
        async with desk.line() as line:
            await answering
            assert (await line.event())["event"] == "connected"
            while (event := await line.event())["event"] == "scanned":
                pass
            assert event["event"] == "approved" and event["access_token"]


async def test_the_phone_hears_that_the_desktop_is_in(web: Site, phone: Phone, desk: Desk) -> None:
    await desk.ask()
    own = phone.browser.tab(phone.tokens["device_id"], **phone.bearer, Origin="")
    async with own as tab:
        await tab.event()
        await scan(phone, desk)
        await approve(phone, desk)
        asked = {"token": desk.token}
        assert (await phone.post("/api/auth/qr/outcome", asked)).json["status"] == "approved"
        await desk.redeem()
        assert (await tab.event()) == {"event": "qr_login", "status": "redeemed"}
        assert (await phone.post("/api/auth/qr/outcome", asked)).json["status"] == "redeemed"
    other = await Phone(web.settings.port, "HP kedua", "hp-2").login()
    assert (await other.post("/api/auth/qr/outcome", asked)).json["type"] == "NOT_SCANNER"


async def test_password_qr_and_remember_at_once_leave_one_session(
    serve: Start, store: Store
) -> None:
    member = await member_of(store)
    web = await serve()
    phone = await Phone(web.settings.port).login()
    for _ in range(5):
        kept = Browser(web.settings.port)
        await kept.login(EMAIL, PASSWORD, remember="1")
        kept.cookies.pop("jaga_session")
        desk, password = Desk(web.settings.port), Browser(web.settings.port)
        await store.redis.delete(store.keys.turns("qr:127.0.0.1"))
        await desk.ask("cookie")
        await scan(phone, desk)
        await approve(phone, desk, (await desk.status()).json["match"])
        await asyncio.gather(
            desk.redeem(), password.login(EMAIL, PASSWORD), kept.get("/api/session")
        )
        checks = [await one.get("/api/session") for one in (desk, password, kept) if one.session]
        assert [check.status for check in checks].count(200) == 1
        fields = await store.redis.hgetall(store.keys.sessions(member))
        live = [sid for sid in fields if len(sid) == 16 and '"kind":"web"' in fields[sid]]
        assert live == [fields["web"]]


async def test_qr_login_can_be_switched_off(serve: Start, store: Store) -> None:
    web = await serve(WEB_LOGIN="password")
    body = {"browser_id": "b", "fingerprint": ""}
    assert (await Desk(web.settings.port).post("/api/auth/qr/generate", body)).status == 403


async def test_password_login_can_be_switched_off(serve: Start, store: Store) -> None:
    await member_of(store)
    web = await serve(WEB_LOGIN="qr")
    browser = Browser(web.settings.port)
    page = (await browser.get("/login")).body
    assert b"qr-login" in page and b"formLogin" not in page
    assert (await browser.login(EMAIL, PASSWORD)).status == 403
    asked = {"username": EMAIL, "pass": PASSWORD, "action": ""}
    assert (await browser.post("/cekfingerprint", asked)).status == 403
    await Phone(web.settings.port).login()


async def test_a_request_that_redis_has_forgotten_expires_all_the_same(
    serve: Start, store: Store
) -> None:
    web = await serve(QR_TOKEN_TTL_SECONDS="1")
    desk = Desk(web.settings.port)
    await desk.ask()
    async with desk.line() as line:
        await line.event()
        await store.redis.delete(*await store.redis.keys(f"{store.keys.prefix}:qr:*"))
        assert (await line.event())["event"] == "expired"


async def test_every_request_has_its_row_in_the_state_it_ended_in(
    serve: Start, store: Store
) -> None:
    member = await member_of(store)
    web = await serve()
    phone = await Phone(web.settings.port).login()
    rejected, redeemed, waiting = (Desk(web.settings.port, f"m{number}") for number in range(3))
    for desk in (rejected, redeemed, waiting):
        await desk.ask()
    await scan(phone, rejected)
    await approve(phone, rejected, approved=False)
    await scan(phone, redeemed)
    await approve(phone, redeemed)
    await redeemed.redeem()
    await LogReader(store).run()
    async with store.database.connection() as connection:
        found = await connection.execute(
            "SELECT browser_id, status, approved_by_user_id AS by, redeemed_at IS NOT NULL AS done,"
            " token, web_name FROM qr_login_token"
        )
        rows = {row["browser_id"]: row for row in await found.fetchall()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "m0": "rejected",
        "m1": "approved",
        "m2": "pending",
    }
    assert rows["m1"]["by"] == member and rows["m1"]["done"] and rows["m0"]["by"] is None
    assert rows["m1"]["web_name"] == "Edge - Windows"
    assert redeemed.token not in str(rows)
