"""`/api/auth/check`: what a proxy in front of another site is told of whoever asks for a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from tests.client import Answer
from tests.serving import Serving, serving

CHECK = "/api/auth/check"


@pytest.fixture
async def site(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, GRACE_SECONDS="0.5") as site:
        yield site


def said(answer: Answer) -> dict[str, str]:
    return {
        name.removeprefix("x-jaga-"): value
        for name, value in answer.headers.items()
        if name.startswith("x-jaga-")
    }


async def test_who_is_logged_in_is_204_and_named(site: Serving) -> None:
    member = await site.member("budi")
    browser = await site.logged_in(member)
    answer = await browser.get(CHECK)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    now = (await browser.get("/api/session")).json["session"]
    assert said(answer) == {
        "user": member.username,
        "member": member.id,
        "role": "member",
        "session": browser.session.split(".")[1],
        "device": now["device_id"],
    }


async def test_a_name_that_no_header_takes_is_encoded(site: Serving) -> None:
    member = await site.member(username="bu dé 100%")
    answer = await (await site.logged_in(member)).get(CHECK)
    assert said(answer)["user"] == "bu%20d%C3%A9%20100%25"


async def test_nobody_and_who_was_put_out_is_401_with_the_reason(site: Serving) -> None:
    member = await site.member()
    old = await site.logged_in(member)
    await site.logged_in(member)
    blocked = await site.logged_in(await site.member("siti"))
    await site.store.members.block((await site.store.members.find("siti@jaga.test")).id, by="a")  # type: ignore[union-attr]
    for browser, reason in (
        (site.browser(), "unauthenticated"),
        # at once, although its GETs still answer elsewhere: the proxy may stand before a POST
        (old, "replaced"),
        (blocked, "blocked"),
    ):
        answer = await browser.get(CHECK)
        assert (answer.status, said(answer)) == (401, {"reason": reason})


async def test_a_clock_that_ran_out_is_401_here(environment: Mapping[str, str]) -> None:
    async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
        browser = await site.logged_in(await site.member())
        await asyncio.sleep(1.1)
        answer = await browser.get(CHECK)
        assert (answer.status, said(answer)) == (401, {"reason": "idle"})


async def test_another_role_is_403(site: Serving) -> None:
    teacher = await site.logged_in(await site.member(role="teacher"))
    assert (await teacher.get(f"{CHECK}?role=admin,teacher")).status == 204
    refused = await teacher.get(f"{CHECK}?role=admin")
    assert (refused.status, said(refused)) == (403, {"reason": "forbidden"})


async def test_who_must_change_the_password_is_not_let_through(site: Serving) -> None:
    browser = await site.logged_in(await site.member(must_change=True))
    refused = await browser.get(CHECK)
    assert (refused.status, said(refused)) == (403, {"reason": "password_change_required"})


@pytest.mark.parametrize(("query", "is_activity"), [("", False), ("?touch=1", True)])
async def test_it_is_activity_only_when_it_says_so(
    site: Serving, query: str, is_activity: bool
) -> None:
    member = await site.member()
    browser = await site.logged_in(member)
    name = f"{browser.session.split('.')[1]}:seen"
    seen = site.store.keys.sessions(member.id)
    before = await site.store.redis.hget(seen, name)
    await asyncio.sleep(0.01)
    assert (await browser.get(CHECK + query)).status == 204
    assert (await site.store.redis.hget(seen, name) != before) is is_activity


async def test_the_remember_cookie_opens_nothing_here(site: Serving) -> None:
    """The new session's cookie would end in the proxy, and the used token be taken for stolen."""
    member = await site.member()
    browser = site.browser()
    assert (await browser.login(member.email, "rahasia sekali", remember="1")).status == 200
    del browser.cookies["jaga_session"]
    answer = await browser.get(CHECK)
    assert answer.status == 401 and answer.set_cookies == []
    assert (await browser.get("/api/session")).status == 200
