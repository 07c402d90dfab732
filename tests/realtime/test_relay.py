"""The relay's cursor: kept over a cut, given up only for a log that began anew."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError

from tests.faults.cuts import cut_the_line
from tests.serving import Serving, open_session, serving, until


async def test_a_log_behind_the_cursor_is_another_log(environment) -> None:
    """Redis was put back from yesterday's copy, or its clock: what it writes now is news."""
    async with serving(environment, SWEEP_SECONDS="300") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        relay = site.server._relay
        async with browser.tab() as tab:
            await tab.event()
            relay._cursor = "9999999999999-0"
            await cut_the_line(site.store.redis)
            await until(lambda: _begun_anew(site))
            await until(lambda: _is_whole(site))  # nobody is let in before Postgres was asked
            await open_session(site.store, member)
            assert (await tab.event())["event"] == "force_logout"


async def test_when_it_is_back_everybody_is_looked_at_at_once(environment) -> None:
    """What the log lost while it was away is found then, not at the next sweep."""
    async with serving(environment, SWEEP_SECONDS="300") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        async with browser.tab() as tab:
            await tab.event()
            site.server._relay._listeners = {}
            await open_session(site.store, member)
            await cut_the_line(site.store.redis)
            assert (await tab.event())["event"] == "force_logout"


async def test_while_it_is_deaf_nobody_is_let_in(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis answers requests, but the log cannot be followed: a tab would never be told."""
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        relay = site.server._relay

        async def fail() -> None:
            raise ConnectionError("the log is out of reach")

        with monkeypatch.context() as patch:
            patch.setattr(relay, "_begin", fail)
            await cut_the_line(site.store.redis)
            await until(lambda: _is(not relay.is_following))
            assert (await browser.get("/api/realtime/attendance-stream")).status == 503
            ready = await browser.get("/readyz")
            assert ready.status == 200
            assert any(line.startswith("event_log:") for line in ready.json["degraded"])
            assert (await browser.get("/api/session")).status == 200
        await until(lambda: _is(relay.is_following))
        async with browser.stream() as events:
            assert events.status == 200


async def _is(true: bool) -> bool:
    return true


async def _begun_anew(site: Serving) -> bool:
    relay = site.server._relay
    return relay.is_following and relay._cursor != "9999999999999-0"


async def _is_whole(site: Serving) -> bool:
    return bool(await site.store.redis.exists(site.store.keys.built()))
