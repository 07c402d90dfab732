"""Links that log in: by themselves where their member was before, and nowhere else unasked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.client import Browser
from tests.serving import PASSWORD, Serving, serving


@pytest.fixture
async def house(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, MIKROTIK_HOST="127.0.0.1", MIKROTIK_PORT="1") as house:
        yield house


async def checked(browser: Browser, login: str, **more: Any) -> dict[str, Any]:
    body = {"username": login, "pass": PASSWORD} | more
    answer = await browser.post("/cekfingerprint", body)
    assert answer.status == 200, answer.body
    return dict(answer.json)


async def test_a_link_is_told_whether_its_member_was_here_before(house: Serving) -> None:
    budi, ani = await house.member("budi"), await house.member("ani")
    browser = house.browser()
    await browser.get("/login")
    assert "known" not in await checked(browser, budi.email), "the documented answer is as it was"
    assert (await checked(browser, budi.email, link=True))["known"] is False
    assert (await browser.login(budi.email, PASSWORD)).status == 200
    await browser.get("/logout")
    assert (await checked(browser, budi.email, link=True))["known"] is True
    assert (await checked(browser, ani.email, link=True))["known"] is False
    elsewhere = house.browser()
    assert (await checked(elsewhere, budi.email, link=True))["known"] is False
    assert (await browser.login(budi.email, PASSWORD)).status == 200
    other = await checked(elsewhere, budi.email, link=True)
    assert (other["status"], other["known"]) == ("beda", False)


async def test_a_handed_over_login_says_whose_it_is_and_stays_good(house: Serving) -> None:
    budi = await house.member("budi", name="Budi", phone="081200000001")
    mini = house.browser()
    phone = "6281200000001"
    code = (await house.store.hotspot.otp.issue(phone, "192.0.2.1")).code
    proof = {"phone_number": phone, "otp": code}
    assert (await mini.post("/api/auth/verify-otp", proof)).status == 200
    made = await mini.post("/api/hotspot/handover")
    token = made.json["url"].partition("#")[2]
    real = house.browser()
    await real.get("/hotspot/masuk")
    for _ in range(2):
        look = await real.post("/api/hotspot/handover/look", {"token": token})
        assert look.json == {"success": True, "name": "Budi", "known": False}
    here = await mini.post("/api/hotspot/handover/look", {"token": token})
    assert here.json["known"] is True
    assert not real.session
    assert (await real.post("/api/hotspot/handover/redeem", {"token": token})).status == 200
    assert (await real.get("/api/session")).json["member"]["id"] == budi.id
    for odd in (token, "x" * 22):
        gone = await real.post("/api/hotspot/handover/look", {"token": odd})
        assert (gone.status, gone.json["type"]) == (410, "HANDOVER_OVER")
