"""The route table, walked: who may use an address, from where, and whether it is activity.

An address that is in no list here is for administrators: who adds another one says so.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from store.clock import now_ms
from tests.client import Browser
from tests.routes import Address, addresses
from tests.serving import Serving, serving

OPEN = re.compile(
    r"/|/login|/cekfingerprint|/auth/authenticate|/cekaction|/logout|/akun-diblokir|/offline"
    r"|/api/auth/(login|refresh|register|request-otp|verify-otp|set-password|check|otp/.*)"
    r"|/api/auth/(qr/(generate|redeem|image/.*|status/.*)|not-me)|/link|/(atur|lupa)-password"
    r"|/api/auth/forgot(/code)?"
    r"|/attendance/.*|/api/attendance/.*|/webhook/lynk/?|/order/.*|/api/order/.*|/api/license/.*"
    r"|/hotspot/(login.*|masuk|bukti|router|proof|lanjut|.*\.(html|json))|/(nonaktif|fup)"
    r"|/(masa-aktif-habis|kuota-habis)|/api/hotspot/(captive|proof|handover/.*|redeem)"
    r"|/static/.*|/js/.*|/sw.js|/manifest.webmanifest|/admin"
)
"""For everybody: what has to answer before a login, or instead of one."""

OWN = re.compile(
    r"/dashboard|/akun|/password|/devices|/hotspot|/hotspot/.*|/produk/.*|/saya.*|/lisensi.*|/api/session"
    r"|/api/update-activity|/api/devices(?!/stats).*|/api/auth/.*|/api/hotspot.*|/api/dev/.*"
    r"|/api/me.*"
)
"""For every member, about themselves."""

TEACHERS = re.compile(
    r"/board/.*|/admin/(meetings.*|students.*)|/api/admin/(meetings|attendance|students).*"
)


def wanted(path: str) -> str:
    """Who may use an address: the first list that names it."""
    lists = (("everybody", OPEN), ("members", OWN), ("teachers", TEACHERS))
    return next((who for who, names in lists if names.fullmatch(path)), "administrators")


@pytest.fixture
async def site(environment):
    # all routes, those of a hotspot too
    async with serving(environment, MIKROTIK_HOST="127.0.0.1", MIKROTIK_PORT="1") as site:
        yield site


async def status(browser: Browser, method: str, path: str, **headers: str) -> int:
    answer = await browser.send(method, path, b"{}" if method != "GET" else b"", headers)
    assert answer.status < 500, (method, path, answer.body)
    return answer.status


async def test_every_address_lets_in_whom_it_is_for(site: Serving) -> None:
    nobody = site.browser()
    member = await site.logged_in(await site.member("budi"))
    teacher = await site.logged_in(await site.member("guru", role="teacher"))
    wrong = []
    for address in addresses(site.store):
        who = wanted(address.path)
        for method in address.methods:
            if who == "everybody":
                continue
            said = {"nobody": await status(nobody, method, address.path)}
            expected = {"nobody": 401}
            if who in ("teachers", "administrators"):
                said["member"] = await status(member, method, address.path)
                expected["member"] = 403
            if who == "administrators":
                said["teacher"] = await status(teacher, method, address.path)
                expected["teacher"] = 403
            if said != expected:
                wrong.append((method, address.path, who, said))
    assert wrong == []


async def test_every_address_refuses_what_another_site_sends(site: Serving) -> None:
    browser = await site.logged_in(await site.member("kepala", role="admin"))
    wrong = []
    for address in addresses(site.store):
        for method in set(address.methods) - {"GET"}:
            for headers in (
                {"Origin": "https://evil.test"},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
            ):
                found = await browser.send(method, address.path, b"{}", headers)
                is_refused = found.status == 403 and found.json["type"] == "CROSS_ORIGIN"
                if is_refused is exempt(address):
                    wrong.append((method, address.path, headers, found.status))
    assert wrong == []


def exempt(address: Address) -> bool:
    """The one address at which a foreign server is meant to post."""
    return address.path.startswith("/webhook/")


LOOKS = {
    "/cekaction",
    "/login",
    "/api/session",
    "/api/devices/stats",
    "/api/hotspot",
    "/api/hotspot/card",
}
"""Addresses that pages ask again and again, or that only look (CONTRACT §5)."""


async def test_what_a_page_looks_up_by_itself_keeps_no_session_alive(environment) -> None:
    async with serving(environment) as site:
        await walk_for_activity(site)


async def walk_for_activity(site: Serving) -> None:
    member = await site.member("kepala", role="admin")
    browser = await site.logged_in(member)
    sid = browser.session.split(".")[1]
    seen = site.store.keys.sessions(member.id), f"{sid}:seen"
    before = int(str(await site.store.redis.hget(*seen))) - 60_000

    async def is_activity(path: str, **headers: str) -> bool:
        await site.store.redis.hset(seen[0], seen[1], str(before))
        await status(browser, "GET", path, **headers)
        return int(str(await site.store.redis.hget(*seen))) != before

    found: dict[str, set[str]] = {"by hand": set(), "by itself": set()}
    for address in addresses(site.store):
        if "GET" in address.methods and address.path != "/logout":
            if await is_activity(address.path):
                found["by hand"].add(address.path)
            if await is_activity(address.path, **{"Jaga-Refresh": "1"}):
                found["by itself"].add(address.path)
    assert found["by itself"] == set()
    assert not found["by hand"] & LOOKS
    assert {"/dashboard", "/devices", "/api/devices", "/api/admin/members"} <= found["by hand"]


POSTED_BY_ITSELF = {"/api/hotspot/bind", "/api/auth/qr/outcome"}
"""What a page posts again and again while nobody is at it: a router that is away, a computer that
has not collected yet."""


async def test_what_a_page_posts_again_and_again_is_no_activity(site: Serving) -> None:
    member = await site.member("siti", phone="081234567890")
    browser = await site.logged_in(member)
    name = site.store.keys.sessions(member.id)
    field = f"{browser.session.split('.')[1]}:seen"
    for path in POSTED_BY_ITSELF:
        await site.store.redis.hset(name, field, "1")
        before = await site.store.redis.hincrby(name, field, now_ms() - 60_000)
        assert await status(browser, "POST", path) != 401, path
        assert int(str(await site.store.redis.hget(name, field))) == before, path


async def test_polling_alone_lets_a_session_run_out(environment) -> None:
    """A page that lay open asked for its figures, and so nobody at it was logged in for ever."""
    async with serving(environment, SESSION_IDLE_SECONDS="2") as site:
        browser = await site.logged_in(await site.member("kepala", role="admin"))
        for _ in range(6):
            await asyncio.sleep(0.5)
            await browser.get("/api/devices/stats")
            await browser.get("/api/admin/members", Jaga_Refresh="1")
            await browser.get("/cekaction")
        ended = await browser.get("/api/session")
        assert (ended.status, ended.json["reason"]) == (419, "idle")
