"""`/api/auth/check`: what a proxy in front of another site is told of whoever asks for a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scripts.embedded.ports import free_port
from scripts.embedded.supervisor import Supervisor
from tests.client import Answer
from tests.licences import admin_sets, bought
from tests.lynk import EBOOK
from tests.nginx import Nginx
from tests.serving import HASH, Serving, serving

CHECK = "/api/auth/check"


@pytest.fixture
async def site(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, GRACE_SECONDS="0.5") as site:
        yield site


@asynccontextmanager
async def in_front(site: Serving, home: Path, supervisor: Supervisor) -> AsyncIterator[int]:
    """The port of an nginx before the server and another site."""
    nginx = Nginx(home / "nginx", supervisor, site.port, free_port())
    await asyncio.to_thread(nginx.start)
    try:
        yield nginx.port
    finally:
        nginx.kill()


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


async def test_a_licence_is_asked_for_and_ends_at_once(environment: dict[str, str]) -> None:
    async with bought(environment) as (site, _):
        email = "Siti.Rahma@example.com"
        member = await site.store.members.create(email=email, password_hash=HASH)
        buyer = await site.logged_in(member)
        other = await site.logged_in(await site.member("budi"))
        wanted = f"{CHECK}?licence={EBOOK['uuid']}"
        assert (await buyer.get(wanted)).status == 204
        for browser, asked in ((other, wanted), (buyer, f"{CHECK}?licence=another")):
            refused = await browser.get(asked)
            assert (refused.status, said(refused)) == (403, {"reason": "licence_needed"})
        # before Postgres has heard of it
        await admin_sets(site, status="disabled")
        assert (await buyer.get(wanted)).status == 403


async def test_what_no_proxy_understands_is_401(site: Serving) -> None:
    """Two credentials of two sessions: a 400 elsewhere, which nginx makes a 500 of."""
    browser = await site.logged_in(await site.member())
    answer = await browser.get(CHECK, Authorization="Bearer jat_another")
    assert (answer.status, said(answer)) == (401, {"reason": "invalid_request"})


@pytest.mark.parametrize(
    ("accept", "status", "location"),
    [("text/html,*/*", 302, "/login"), ("application/json", 401, None)],
)
async def test_a_proxy_that_passes_our_answer_on_leads_a_browser_to_the_login_page(
    site: Serving, accept: str, status: int, location: str | None
) -> None:
    answer = await site.browser().get(f"{CHECK}?redirect=1", Accept=accept)
    assert (answer.status, answer.headers.get("location")) == (status, location)
    assert said(answer) == {"reason": "unauthenticated"}


async def test_behind_nginx_the_listing_lets_in_and_leads_out(
    site: Serving, tmp_path: Path, supervisor: Supervisor
) -> None:
    async with in_front(site, tmp_path, supervisor) as port:
        await _walk_through(site, port)


async def _walk_through(site: Serving, port: int) -> None:
    member = await site.member("budi")
    browser = await site.logged_in(member)
    browser.port = port
    page = await browser.get("/kelas/1")
    assert (page.status, page.body.decode()) == (200, f"halo {member.id}")
    # what was put out asks by any method, and with a body that the check is not sent
    newer = await site.logged_in(member)
    newer.port = port
    for ask in (browser.get("/kelas/1"), browser.post("/kelas/1", {"a": 1})):
        out = await ask
        assert out.status == 302
        assert out.headers["location"].endswith("/login?reason=replaced")
    assert (await browser.get("/login?reason=replaced")).status == 200
    assert (await newer.get("/kelas/1")).status == 200


async def test_behind_nginx_a_clock_that_ran_out_is_the_login_page(
    environment: Mapping[str, str], tmp_path: Path, supervisor: Supervisor
) -> None:
    async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
        browser = await site.logged_in(await site.member())
        async with in_front(site, tmp_path, supervisor) as browser.port:
            await asyncio.sleep(1.1)
            out = await browser.get("/kelas/1")
            assert out.status == 302
            assert out.headers["location"].endswith("/login?reason=idle")
