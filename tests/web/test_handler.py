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
