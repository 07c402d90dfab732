"""The base of every handler: devices, what is answered when something of ours breaks, activity."""

from __future__ import annotations

import pytest
from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, TimeoutError

from tests.serving import PASSWORD, serving


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError])
async def test_redis_away_is_503_in_json_and_as_a_page(environment, monkeypatch, error) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())

        async def fail(text: str, **how: bool):
            raise error("away")

        monkeypatch.setattr(site.store.sessions, "check", fail)
        answer = await browser.get("/api/session")
        assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
        page = await browser.get("/dashboard", Accept="text/html")
        assert page.status == 503 and b'lang="id"' in page.body
        assert "content-security-policy" in page.headers


async def test_a_fault_of_ours_shows_nothing_of_itself(environment, monkeypatch) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())

        async def fail(text: str, **how: bool):
            raise ValueError("secret of the house")

        monkeypatch.setattr(site.store.sessions, "check", fail)
        for answer in (
            await browser.get("/api/session"),
            await browser.get("/dashboard", Accept="text/html"),
        ):
            assert answer.status == 500
            assert b"secret" not in answer.body and b"ValueError" not in answer.body
        assert (await browser.get("/api/session")).json["type"] == "INTERNAL"


async def test_a_device_is_another_for_each_member_and_never_its_cookie(environment) -> None:
    async with serving(environment) as site:
        budi, tini = await site.member("budi"), await site.member("tini")
        browser = site.browser()
        await browser.get("/login")
        cookie = browser.cookies["jaga_device"]
        seen = set()
        for member in (budi, tini, budi):
            await browser.login(member.email, PASSWORD)
            seen.add(await browser.device_id())
            assert browser.cookies["jaga_device"] == cookie
        assert len(seen) == 2 and not any(cookie in device for device in seen)


@pytest.mark.parametrize("odd", ["short", "x" * 65, "a b" * 10, "\u00e9" * 20])
async def test_an_odd_device_cookie_is_replaced(environment, odd: str) -> None:
    async with serving(environment) as site:
        browser = site.browser()
        browser.cookies["jaga_device"] = odd
        await browser.get("/login")
        assert browser.cookies["jaga_device"] != odd


async def test_head_is_get_without_its_body(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        for path in (
            "/healthz",
            "/readyz",
            "/login",
            "/api/session",
            "/dashboard",
            "/webhook/lynk",
        ):
            whole = await browser.get(path)
            head = await browser.send("HEAD", path, b"")
            assert (head.status, head.body) == (200, b""), path
            for name in ("content-type", "cache-control", "content-security-policy"):
                assert head.headers.get(name) == whole.headers.get(name), (path, name)
        away = await site.browser().send("HEAD", "/dashboard", b"", {"Accept": "text/html"})
        assert (away.status, away.headers["location"]) == (302, "/login")
        assert (await browser.send("HEAD", "/logout", b"")).status == 405
        assert (await browser.get("/api/session")).status == 200, "looking logged it out"


async def test_a_wrong_method_is_told_the_right_ones(environment) -> None:
    async with serving(environment) as site:
        for method, path, right in (
            ("PUT", "/dashboard", "GET, HEAD"),
            ("PUT", "/password", "GET, HEAD, POST"),
            ("GET", "/cekfingerprint", "POST"),
            ("HEAD", "/cekfingerprint", "POST"),
            ("GET", "/api/devices/abc", "DELETE"),
            ("POST", "/js/realtime.js", "GET, HEAD"),
            ("POST", "/healthz", "GET, HEAD"),
            ("POST", "/api/realtime/attendance-stream", "GET"),
        ):
            refused = await site.browser().send(method, path, b"")
            assert (refused.status, refused.headers["allow"]) == (405, right), (method, path)
