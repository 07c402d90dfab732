"""The member's way in: from a window without cookies, past a full set of devices, to a browser."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from store.opening import Store
from tests.client import Answer, Browser
from tests.flows.house import PHONE, House
from tests.serving import HASH, until

NUMBER, NOBODY = "081200000001", "081299999999"
HERE = "192.168.200.10"


class MiniBrowser(Browser):
    """What a captive portal opens in: it takes no cookie, and the page keeps the bearer."""

    bearer = ""

    def _keep(self, answer: Answer) -> None:
        """Cookies are dropped."""

    async def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        named = {"X-Forwarded-For": HERE} | (headers or {})
        if self.bearer:
            named["Authorization"] = f"Bearer {self.bearer}"
        return await super().send(method, path, body, named)


async def log_in(house: House, browser: Browser, seen: int = 0) -> Answer:
    await browser.post("/api/auth/request-otp", {"phone_number": NUMBER})
    code = await house.code("62" + NUMBER[1:], seen)
    answer = await browser.post("/api/auth/verify-otp", {"phone_number": NUMBER, "otp": code})
    assert answer.status == 200, answer.body
    if isinstance(browser, MiniBrowser):
        browser.bearer = answer.json["access_token"]
    return answer


async def test_asking_again_within_a_minute_sends_nothing_and_tells_nothing(house: House) -> None:
    await house.member(NUMBER)
    browser = Browser(house.port)
    for phone in (NUMBER, NOBODY):
        first = await browser.post("/api/auth/request-otp", {"phone_number": phone})
        assert (first.json["expires_in"], first.json["resend_in"]) == (300, 60)
    again = [
        await browser.post("/api/auth/request-otp", {"phone_number": phone})
        for phone in (NUMBER, NOBODY)
    ]
    known, nobody = (answer.json for answer in again)
    assert [answer.status for answer in again] == [200, 200]
    assert known["message"] == nobody["message"]
    assert all(50 <= body["resend_in"] < 61 for body in (known, nobody))
    assert known.keys() == nobody.keys()
    await house.code("62" + NUMBER[1:], 0)
    await asyncio.sleep(0.3)
    assert len(list(house.messages.glob("[!.]*.json"))) == 1


async def test_a_registration_says_the_same_whoever_is_known(house: House) -> None:
    await house.member(NUMBER)
    browser = Browser(house.port)
    answers = [
        await browser.post("/api/auth/register", {"phone_number": phone, "name": "Rina"})
        for phone in (NUMBER, NOBODY)
    ]
    assert [answer.status for answer in answers] == [200, 200]
    known, nobody = (answer.json | {"phone_number": "", "ticket": ""} for answer in answers)
    assert known == nobody
    rows = (await house.admin.get("/api/admin/hotspot/members")).json["members"]
    assert [row["name"] for row in rows] == ["Siti"]


async def test_without_cookies_the_bearer_replaces_a_device(house: House) -> None:
    await house.member(NUMBER)
    for n in range(1, 5):
        house.router.control("join", mac=f"A4:BB:CC:00:00:0{n}", ip=f"192.168.200.{n}")
    mini = MiniBrowser(house.port)
    await log_in(house, mini)
    for n in (1, 2, 3):
        bound = await mini.post("/api/hotspot/bind", {}, X_Forwarded_For=f"192.168.200.{n}")
        assert bound.json["hotspot"]["state"] == "bound", bound.body
    full = await mini.post("/api/hotspot/bind", {}, X_Forwarded_For="192.168.200.4")
    devices = full.json["hotspot"]["devices"]
    assert full.json["hotspot"]["state"] == "full" and len(devices) == 3
    assert all(device["mac"] and device["seen_at"] for device in devices)
    body = {"replace": next(d["id"] for d in devices if d["mac"].endswith("02"))}
    swapped = await mini.post("/api/hotspot/bind", body, X_Forwarded_For="192.168.200.4")
    assert swapped.json["hotspot"]["state"] == "bound"
    assert house.send("A4:BB:CC:00:00:04") and not house.send("A4:BB:CC:00:00:02")
    assert mini.cookies == {}
    mini.bearer = ""
    assert (await mini.post("/api/hotspot/bind", body)).status == 401


async def test_a_device_that_waits_for_its_router_is_seen_to_wait(house: House) -> None:
    await house.member(NUMBER)
    house.router.control("join", mac=PHONE, ip=HERE)
    house.router.control("fault", max_sessions=0)
    mini = MiniBrowser(house.port)
    answer = await log_in(house, mini)
    assert answer.json["hotspot"]["state"] == "pending"
    assert (await mini.get("/api/hotspot")).json["hotspot"]["waiting"] is True
    house.router.control("fault", clear=True)
    assert (await house.admin.post("/api/admin/hotspot/sync")).status == 202
    await until(partial(has_device, mini), 10.0)
    mine = (await mini.get("/api/hotspot")).json["hotspot"]
    assert (mine["waiting"], mine["pending"]) == (False, False) and len(mine["days"]) == 14
    await house.until(house.send, 5.0)


async def has_device(browser: Browser) -> bool:
    mine = (await browser.get("/api/hotspot")).json["hotspot"]
    return bool(mine["devices"]) and not mine["pending"]


async def hand_over(browser: Browser) -> str:
    made = await browser.post("/api/hotspot/handover")
    assert made.status == 200 and made.json["expires_in"] == 300, made.body
    address, _, token = made.json["url"].partition("#")
    assert address == f"{browser.origin}/hotspot/masuk"
    return str(token)


async def redeem(browser: Browser, token: Any) -> tuple[int, str]:
    answer = await browser.post("/api/hotspot/handover/redeem", {"token": token})
    return answer.status, answer.json.get("type", "")


async def test_a_login_is_handed_over_once(house: House) -> None:
    member = await house.member(NUMBER)
    mini, browser, other = MiniBrowser(house.port), Browser(house.port), Browser(house.port)
    await log_in(house, mini)
    token = await hand_over(mini)
    answer = await browser.post("/api/hotspot/handover/redeem", {"token": token})
    assert answer.json == {"success": True, "redirect": "/hotspot"}
    mine = await browser.get("/api/session")
    assert mine.json["member"]["id"] == member and mine.json["session"]["method"] == "password"
    assert "jaga_remember" in browser.cookies
    assert (await browser.post("/api/hotspot/handover")).status == 403
    # one member, one web session: the window that handed over is out, and knows why
    out = await mini.get("/api/hotspot")
    assert (out.status, out.json["type"]) == (401, "SESSION_REPLACED")
    used = await other.post("/api/hotspot/handover/redeem", {"token": token})
    unknown = await other.post("/api/hotspot/handover/redeem", {"token": "x" * 22})
    assert used.status == 410 and (used.status, used.body) == (unknown.status, unknown.body)
    assert used.json["type"] == "HANDOVER_OVER" and not other.session


async def test_a_link_dies_with_its_session_or_its_member(house: House) -> None:
    member = await house.member(NUMBER)
    mini, browser = MiniBrowser(house.port), Browser(house.port)
    assert (await mini.post("/api/hotspot/handover")).status == 401
    await log_in(house, mini)
    ended = await hand_over(mini)
    assert (await mini.post("/api/auth/logout")).status == 200
    assert await redeem(browser, ended) == (410, "HANDOVER_OVER")
    await log_in(house, mini, seen=1)
    blocked = await hand_over(mini)
    await house.admin.post(f"/api/admin/members/{member}/block")
    assert await redeem(browser, blocked) == (410, "HANDOVER_OVER")
    for odd in (None, 5, "", "x" * 65, "\x00"):
        status, _ = await redeem(browser, odd)
        assert status in (400, 410)
    assert not browser.session


async def test_links_are_limited(house: House) -> None:
    await house.member(NUMBER)
    mini = MiniBrowser(house.port)
    await log_in(house, mini)
    statuses = [(await mini.post("/api/hotspot/handover")).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]


async def test_whoever_was_logged_in_in_that_browser_is_out(house: House, store: Store) -> None:
    """Another member's session must not live on behind a cookie that nobody holds any more."""
    await house.member(NUMBER)
    guest = await store.members.create(email="tamu@jaga.test", password_hash=HASH)
    browser = Browser(house.port)
    await browser.login("tamu@jaga.test", "rahasia sekali")
    assert (await browser.get("/api/session")).json["member"]["id"] == guest.id
    before = browser.copy()
    await log_in(house, browser)
    assert (await before.get("/api/session")).status == 401


async def test_status_pages_show_their_own_numbers_to_whoever_is_in(house: House) -> None:
    await house.member(NUMBER)
    browser = Browser(house.port)
    page = (await browser.get("/kuota-habis")).body.decode()
    assert "Kuota sudah habis" in page and "Paket" not in page and "/hotspot/login" in page
    await log_in(house, browser)
    page = (await browser.get("/kuota-habis")).body.decode()
    assert "sisa 100 MB dari 100 MB" in page and "Harian" in page
    card = await browser.get("/api/hotspot/card")
    assert card.status == 200 and "100 MB" in card.body.decode()
    assert (await Browser(house.port).get("/api/hotspot/card")).status == 401
