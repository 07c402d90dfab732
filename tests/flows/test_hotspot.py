"""The hotspot as a whole: a code by phone, a device let through, a block that acts at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.client import Browser
from tests.flows.house import PHONE, House
from tests.parts import Site
from tests.serving import until


@pytest.mark.timing
async def test_a_code_lets_the_device_through_and_a_block_takes_it_out(house: House) -> None:
    member = await house.member("081234567890")
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    assert not house.send()
    phone = Browser(house.port)
    asked = await phone.post("/api/auth/request-otp", {"phone_number": "+62 812-3456-7890"})
    nobody = await phone.post("/api/auth/request-otp", {"phone_number": "081299999999"})
    unsaid = {"phone_number": "", "ticket": ""}  # what was sent, as people write it
    assert (asked.status, asked.json | unsaid) == (nobody.status, nobody.json | unsaid)
    code = await house.code("6281234567890", 0)
    await phone.get("/hotspot/login?mac=AA")
    verified = await phone.post(
        "/api/auth/verify-otp",
        {"phone_number": "6281234567890", "otp": code},
        X_Forwarded_For="192.168.200.10",
    )
    assert verified.status == 200, verified.body
    assert verified.json["hotspot"]["state"] == "bound", verified.body
    assert verified.json["user"]["id"] == member and verified.json["access_token"]
    assert house.send()
    (binding,) = house.router.read("state")["tables"]["/ip/hotspot/ip-binding"]
    assert binding["comment"].startswith("081234567890 [jaga uid=")
    assert (await phone.get("/hotspot")).status == 200
    mine = (await phone.get("/api/hotspot")).json["hotspot"]
    assert (mine["status"], mine["pending"]) == ("aktif", False)

    async with phone.tab() as tab:
        began = time.monotonic()
        blocked = await house.admin.post(f"/api/admin/members/{member}/block")
        assert blocked.status == 200
        await tab.until("force_logout")
        told = time.monotonic() - began
        out = await house.until(lambda: not house.send(), 2.0)
    print(f"\nblock: tab told after {told:.3f} s, no internet {out:.3f} s after that")
    assert told < 1
    assert (await phone.get("/api/hotspot")).status == 401
    assert house.router.read("state")["tables"]["/ip/hotspot/ip-binding"] == []


async def test_what_a_stranger_says_of_an_address_binds_nothing(house: House) -> None:
    await house.member("081200000001")
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    thief = Browser(house.port)
    await thief.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    body = {"phone_number": "081200000001", "otp": code}
    foreign = {"mac": PHONE, "ip": "192.168.200.10", "link_login_only": "http://evil.test/login"}
    refused = await thief.post("/api/auth/verify-otp", body | foreign)
    assert refused.status == 400 and refused.json["field"] == "link_login_only"
    lied = await thief.post(
        "/api/auth/verify-otp",
        body | {"mac": "AA:BB:CC:00:00:99", "ip": "192.168.200.10"},
        X_Forwarded_For="192.168.200.10, 203.0.113.9",
    )
    assert lied.status == 200 and lied.json["hotspot"]["state"] == "mismatch"
    assert not house.send()


async def test_an_address_outside_the_hotspots_networks_binds_nothing(house: House) -> None:
    await house.member("081200000001")
    house.router.control("join", mac=PHONE, ip="10.9.9.9")
    browser = Browser(house.port)
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    body = {"phone_number": "081200000001", "otp": code, "mac": PHONE, "ip": "10.9.9.9"}
    answer = await browser.post("/api/auth/verify-otp", body)
    assert answer.status == 200 and answer.json["hotspot"]["state"] == "unknown"
    assert answer.json["hotspot"]["devices"] == [] and not house.send()


async def test_of_a_hundred_tries_with_one_code_one_succeeds(house: House) -> None:
    await house.member("081200000001")
    browser = Browser(house.port)
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    body = {"phone_number": "081200000001", "otp": code}
    answers = await asyncio.gather(
        *(
            Browser(house.port).post("/api/auth/verify-otp", body, X_Forwarded_For=f"203.0.113.{n}")
            for n in range(100)
        )
    )
    assert sorted({a.status for a in answers}) in ([200, 401], [200, 401, 429])
    assert sum(answer.status == 200 for answer in answers) == 1


async def test_five_wrong_codes_kill_the_right_one(house: House) -> None:
    await house.member("081200000001")
    browser = Browser(house.port)
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for n in range(5):
        answer = await browser.post(
            "/api/auth/verify-otp",
            {"phone_number": "081200000001", "otp": wrong},
            X_Forwarded_For=f"203.0.113.{n}",
            User_Agent=f"other/{n}",
        )
        assert (answer.status, answer.json["type"]) == (401, "INVALID_OTP")
    late = await browser.post("/api/auth/verify-otp", {"phone_number": "081200000001", "otp": code})
    assert late.status == 401


@pytest.mark.timing
async def test_a_router_that_is_away_keeps_nobody_out(house: House) -> None:
    await house.member("081200000001")
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    house.router.control("fault", max_sessions=0)
    browser = Browser(house.port)
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    verified = await browser.post(
        "/api/auth/verify-otp",
        {"phone_number": "081200000001", "otp": code},
        X_Forwarded_For="192.168.200.10",
    )
    assert verified.status == 200 and verified.json["hotspot"]["state"] == "pending"
    # whether the router agreed with the member before it went away is another matter
    assert (await browser.get("/api/hotspot")).json["hotspot"]["waiting"] is True
    house.router.control("fault", clear=True)
    assert (await house.admin.post("/api/admin/hotspot/sync")).status == 202
    await house.until(house.send, 5.0)


async def test_a_newcomer_waits_for_approval(house: House) -> None:
    browser = Browser(house.port)
    body = {"name": "Rina", "phone_number": "0812 0000 0005"}
    assert (await browser.post("/api/auth/register", body)).status == 200
    assert (await house.admin.get("/api/admin/hotspot/members")).json["members"] == []
    code = await house.code("6281200000005", 0)
    proof = {"phone_number": "081200000005", "otp": code, "mac": PHONE, "ip": "192.168.200.10"}
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    verified = await browser.post("/api/auth/verify-otp", proof)
    assert (verified.status, verified.json["approved"]) == (200, False)
    rows = (await house.admin.get("/api/admin/hotspot/members")).json["members"]
    (rina,) = [row for row in rows if row["phone"] == "6281200000005"]
    assert (rina["status"], rina["page"], rina["pending"]) == ("inactive", "/nonaktif", False)
    assert rina["devices"] == []
    assert (await browser.get("/dashboard")).status == 403
    answer = await house.admin.post(f"/api/admin/members/{rina['id']}/approve", {"approved": True})
    assert answer.json["hotspot"]["status"] == "habis"
    assert (await browser.get("/dashboard")).status == 200


async def test_the_operator_sees_the_plan_and_the_runs(house: House) -> None:
    member = await house.member("081200000001")

    async def is_settled() -> bool:
        status = (await house.admin.get(f"/api/admin/members/{member}/hotspot")).json["hotspot"]
        return (status["status"], status["pending"]) == ("aktif", False)

    # the router hears of the member first, and of the package in a run of its own
    await until(is_settled, 10.0)
    house.router.control("fault", clear=True)
    assert (await house.admin.post("/api/admin/hotspot/sync")).status == 202
    plan = (await house.admin.get("/api/admin/hotspot/plan?fup_percent=50")).json["plan"]
    assert plan["fup_percent"] == 50 and plan["writes"] == 0, plan
    async with asyncio.timeout(10):
        while True:
            runs = (await house.admin.get("/api/admin/hotspot/runs")).json["runs"]
            if any(run["state"] == "done" and not run["only"] for run in runs):
                break
            await asyncio.sleep(0.05)
    assert all(run["prints"] <= 6 for run in runs)
    status = (await house.admin.get(f"/api/admin/members/{member}/hotspot")).json["hotspot"]
    assert (status["status"], status["pending"]) == ("aktif", False)
    for path in ("plan", "runs", "members"):
        assert (await Browser(house.port).get(f"/api/admin/hotspot/{path}")).status == 401


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/nonaktif", "Akun belum aktif"),
        ("/masa-aktif-habis", "Masa aktif sudah habis"),
        ("/kuota-habis", "Kuota sudah habis"),
        ("/fup", "Kecepatan sedang dikurangi"),
        ("/hotspot/login?mac=%3Cb%3E", "Masuk ke hotspot"),
        ("/hotspot/login.html", "$(link-login-only-esc)"),
    ],
)
async def test_pages_of_those_without_internet_need_no_login(
    serve: Callable[..., Awaitable[Site]], path: str, word: str
) -> None:
    browser = Browser((await serve()).settings.port)
    answer = await browser.get(path)
    assert answer.status == 200 and word in answer.body.decode()
    assert b"<b>" not in answer.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("request-otp", {}),
        ("request-otp", {"phone_number": 5}),
        ("request-otp", {"phone_number": "021"}),
        ("verify-otp", {"phone_number": "081234567890"}),
        ("verify-otp", {"phone_number": "081234567890", "otp": "12345"}),
        ("verify-otp", {"phone_number": "081234567890", "otp": 123456}),
        ("verify-otp", {"phone_number": "081234567890", "otp": "123456", "mac": "zz"}),
        ("verify-otp", {"phone_number": "081234567890", "otp": "123456", "ip": "no"}),
        ("verify-otp", {"phone_number": "081234567890", "otp": "123456", "replace": 5}),
        ("register", {"phone_number": "081234567890"}),
    ],
)
async def test_malformed_questions_are_400(
    serve: Callable[..., Awaitable[Site]], path: str, body: dict[str, Any]
) -> None:
    browser = Browser((await serve(MIKROTIK_HOST="127.0.0.1")).settings.port)
    answer = await browser.post(f"/api/auth/{path}", body)
    assert answer.status == 400 and answer.json["type"] == "INVALID_REQUEST"


async def test_a_blocked_member_gets_no_session_by_code(house: House) -> None:
    member = await house.member("081200000001")
    browser = Browser(house.port)
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    await house.admin.post(f"/api/admin/members/{member}/block")
    answer = await browser.post(
        "/api/auth/verify-otp", {"phone_number": "081200000001", "otp": code}
    )
    assert (answer.status, answer.json["type"]) == (401, "ACCOUNT_BLOCKED")
    assert not browser.session and "access_token" not in answer.json


async def test_a_full_set_of_devices_asks_which_one_goes(house: House) -> None:
    await house.member("081200000001")
    browser = Browser(house.port)
    for n in range(1, 5):
        house.router.control("join", mac=f"A4:BB:CC:00:00:0{n}", ip=f"192.168.200.{n}")
    house.router.control("join", mac="A4:BB:CC:00:00:04", ip="192.168.200.4")
    await browser.post("/api/auth/request-otp", {"phone_number": "081200000001"})
    code = await house.code("6281200000001", 0)
    body = {"phone_number": "081200000001", "otp": code}
    first = await browser.post("/api/auth/verify-otp", body, X_Forwarded_For="192.168.200.1")
    assert first.json["hotspot"]["state"] == "bound"
    for n, state in ((2, "bound"), (3, "bound"), (4, "full")):
        again = await browser.post("/api/hotspot/bind", {}, X_Forwarded_For=f"192.168.200.{n}")
        assert again.json["hotspot"]["state"] == state, again.body
    oldest = first.json["hotspot"]["devices"][0]["id"]
    swapped = await browser.post(
        "/api/hotspot/bind", {"replace": oldest}, X_Forwarded_For="192.168.200.4"
    )
    assert swapped.json["hotspot"]["state"] == "bound"
    assert house.send("A4:BB:CC:00:00:04") and not house.send("A4:BB:CC:00:00:01")
