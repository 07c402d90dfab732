"""The sweep: everybody, in batches, and on after every failure."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import ConnectionError

from realtime.presence import sweep
from realtime.server import Server
from store.opening import open_store
from tests.serving import open_session, serving


async def test_no_place_is_left_out_between_two_batches(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 3)
    async with serving(environment, SWEEP_SECONDS="0.3") as site, AsyncExitStack() as stack:
        site.server._relay._listeners = {}
        members = [await site.member() for _ in range(10)]
        browsers = [await site.logged_in(member) for member in members]
        tabs = [await stack.enter_async_context(browser.tab()) for browser in browsers]
        for tab in tabs:
            await tab.event()
        for member in members[::3]:
            await open_session(site.store, member)
        for tab in tabs[::3]:
            assert (await tab.event())["event"] == "force_logout"
        await asyncio.sleep(0.4)
        assert site.hub.count == 6


async def test_a_failure_puts_it_off_and_does_not_end_it(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(environment, SWEEP_SECONDS="0.2") as site:
        site.server._relay._listeners = {}
        member = await site.member()
        browser = await site.logged_in(member)
        async with browser.tab() as tab:
            await tab.event()
            suspects, failures = site.store.sessions.suspects, 0

            async def fail_twice(places):
                nonlocal failures
                failures += 1
                if failures < 3:
                    raise ConnectionError("away")
                return await suspects(places)

            monkeypatch.setattr(site.store.sessions, "suspects", fail_twice)
            await open_session(site.store, member)
            assert (await tab.event())["event"] == "force_logout"
            assert failures >= 3


async def test_a_first_start_does_not_say_that_redis_was_empty(
    settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(settings) as store:
        server = Server(store)
        async with server.running(), asyncio.timeout(5):
            await server._sweep.built.wait()
    assert "empty" not in caplog.text
