"""The main job: log in somewhere else, and every old tab is out at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from store.opening import Store
from tests.client import Browser
from tests.flows.people import EMAIL, PASSWORD, member_of
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]


async def test_the_story(web: Site, store: Store) -> None:
    first, second = Browser(web.settings.port), Browser(web.settings.port)
    await first.get("/login")
    assert (await first.login(EMAIL, PASSWORD, keep=False)).json == {
        "status": "successful",
        "redirect": "/dashboard",
    }

    async with first.tab() as one, first.tab() as two, first.tab() as three, first.stream() as four:
        for tab in (one, two, three):
            assert (await tab.event())["event"] == "connected"
        assert (await four.next())[0] == "connected"  # type: ignore[index]

        asked = {"username": EMAIL, "pass": PASSWORD, "action": ""}
        assert (await second.post("/cekfingerprint", asked)).json == {
            "status": "beda",
            "valid": False,
        }
        refused = await second.login(EMAIL, PASSWORD, keep=False)
        assert (refused.status, refused.json["type"]) == (409, "SESSION_CONFLICT")
        sure = (await second.post("/cekfingerprint", asked | {"action": "keep"})).json
        assert sure["status"] == "sama"

        started = time.monotonic()
        opening = asyncio.create_task(
            second.login(EMAIL, PASSWORD, keep=False, ticket=sure["ticket"])
        )
        for tab in (one, two, three):
            told = await tab.until("force_logout")
            assert told["reason"] == "Session digantikan oleh login baru"
            assert told["by"] == "Chrome - Linux" and not told["same_browser"]
            tab.say(event="ack", kick_id=told["kick_id"])
        while (change := await four.next()) is not None and change[0] == "login_attempt":
            pass
        assert change is not None and change[0] == "message"
        assert change[2]["changes"]["updated_attendances"][0]["username"] == EMAIL
        assert (await four.next())[0] == "force_logout"  # type: ignore[index]
        told_after = time.monotonic() - started

        # for the grace its GETs still answer, and nothing else does
        assert (await first.get("/api/session")).status == 200
        late = await first.post("/api/update-activity")
        assert (late.status, late.json["type"]) == (401, "SESSION_REPLACED")

        assert (await opening).status == 200
        for tab in (one, two, three):
            assert await tab.event() == {"event": "close", "code": 4501}
        assert await four.next() is None

    dead = await first.get("/api/session")
    assert (dead.status, dead.json["type"]) == (401, "SESSION_REPLACED")
    assert dead.json["force_logout"] is True
    assert (await second.get("/api/session")).status == 200
    assert told_after < 0.2
    kick = told["kick_id"]
    receipt = await store.redis.hgetall(store.keys.receipt(kick))
    assert receipt == {"targeted": "4", "delivered": "4", "acked": "3"}


async def test_tabs_at_another_process_are_told_too(product: Start, store: Store) -> None:
    await member_of(store)
    here, there = await product(), await product()
    first, second = Browser(there.settings.port), Browser(here.settings.port)
    await first.login(EMAIL, PASSWORD)
    async with first.tab() as tab:
        assert (await tab.event())["event"] == "connected"
        assert (await second.login(EMAIL, PASSWORD)).status == 200
        assert (await tab.event())["event"] == "force_logout"
        assert (await tab.event())["code"] == 4501


async def test_fifty_logins_at_once_leave_one_session(serve: Start, store: Store) -> None:
    member = await member_of(store)
    web = await serve()
    browsers = [Browser(web.settings.port) for _ in range(50)]
    live_seen: list[int] = []
    done = asyncio.Event()

    async def live() -> int:
        """One command, so one instant: a walk over HTTP would see two that followed each other."""
        fields = await store.redis.hkeys(store.keys.sessions(member))
        return len([field for field in fields if len(field) == 16])

    async def sample() -> None:
        while not done.is_set():
            live_seen.append(await live())
            await asyncio.sleep(0.002)

    sampling = asyncio.create_task(sample())
    answers = await asyncio.gather(*(browser.login(EMAIL, PASSWORD) for browser in browsers))
    done.set()
    await sampling

    assert {answer.status for answer in answers} <= {200, 409}
    checks = [await browser.get("/api/session") for browser in browsers if browser.session]
    assert [check.status for check in checks].count(200) == 1
    assert max(live_seen) == 1 and len(live_seen) > 20
    assert await live() == 1


async def test_ten_logins_fifty_milliseconds_apart_leave_one_session(web: Site) -> None:
    browsers = [Browser(web.settings.port) for _ in range(10)]

    async def later(number: int, browser: Browser) -> int:
        await asyncio.sleep(number * 0.05)
        return (await browser.login(EMAIL, PASSWORD)).status

    statuses = await asyncio.gather(*(later(*pair) for pair in enumerate(browsers)))
    assert set(statuses) <= {200, 409} and 200 in statuses
    checks = [await browser.get("/api/session") for browser in browsers if browser.session]
    assert [check.status for check in checks].count(200) == 1


async def test_the_same_browser_logging_in_again_keeps_its_tabs(web: Site) -> None:
    browser = Browser(web.settings.port)
    await browser.login(EMAIL, PASSWORD)
    old = browser.copy()
    async with browser.tab() as tab, browser.stream() as stream:
        await tab.event()
        await stream.next()
        assert (await browser.login(EMAIL, PASSWORD, keep=False)).status == 200
        told = await tab.event()
        assert told["event"] == "force_logout" and told["same_browser"]
        # no documented change: on one, the page of the monitoring document would log out
        assert (await stream.next())[0] == "force_logout"  # type: ignore[index]
    assert (await old.get("/api/session")).status == 401
    assert (await browser.get("/api/session")).status == 200


async def test_a_kicked_client_that_returns_is_told_once_more_then_sent_off(web: Site) -> None:
    first, second = Browser(web.settings.port), Browser(web.settings.port)
    await first.login(EMAIL, PASSWORD)
    device = await first.device_id()
    await second.login(EMAIL, PASSWORD)
    async with first.stream("tab_id=t1") as again:
        assert again.status == 200
        assert (await again.next())[0] == "message"  # type: ignore[index]
        assert (await again.next())[0] == "force_logout"  # type: ignore[index]
        assert await again.next() is None
    async with first.stream("tab_id=t1") as third:
        assert third.status == 204
    async with first.tab(device) as tab:
        assert (await tab.event())["event"] == "force_logout"
        assert (await tab.event())["code"] == 4501


async def test_logging_out_with_a_dead_cookie_leaves_the_new_session_alone(web: Site) -> None:
    first, second = Browser(web.settings.port), Browser(web.settings.port)
    await first.login(EMAIL, PASSWORD)
    await second.login(EMAIL, PASSWORD)
    left = await first.get("/logout")
    assert (left.status, left.headers["location"]) == (302, "/login?reason=replaced")
    assert (await second.get("/api/session")).status == 200


async def test_logging_out_tells_the_other_tabs(web: Site) -> None:
    browser = Browser(web.settings.port)
    await browser.login(EMAIL, PASSWORD)
    async with browser.tab() as tab:
        await tab.event()
        assert (await browser.post("/logout")).status == 302
        assert (await tab.event())["reason"] == "Session dihentikan oleh pengguna"
