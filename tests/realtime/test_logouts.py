"""Carrying out ends: once for each tab however often it is heard of, and all of many."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from realtime.presence import logouts
from store.events import Event
from store.sessions import Ended
from tests.serving import open_session, serving, until


async def test_a_tab_is_told_once_though_all_three_tell_it(environment) -> None:
    """Relay, sweep and clock hear of the same end."""
    async with serving(environment, GRACE_SECONDS="0.3") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        async with browser.tab() as tab:
            await tab.event()
            sid = browser.session.split(".")[1]
            await site.store.members.block(member.id, by="admin")
            assert (await tab.event())["event"] == "force_logout"
            end = await site.store.sessions.look(member.id, sid)
            assert isinstance(end, Ended)
            for _ in range(3):
                assert site.server._logouts.carry_out(end, "") == 0
            site.server._sweep.soon()
            assert await tab.event() == {"event": "close", "code": 4503}


async def test_a_tab_has_the_whole_grace_to_answer(environment) -> None:
    """Though the end itself had no drain: an admin's, a logout."""
    async with serving(environment, GRACE_SECONDS="0.4") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        async with browser.tab() as tab:
            await tab.event()
            await site.store.members.block(member.id, by="admin")
            assert (await tab.event())["event"] == "force_logout"
            began = asyncio.get_running_loop().time()
            assert await tab.event() == {"event": "close", "code": 4503}
            assert 0.3 < asyncio.get_running_loop().time() - began < 1


async def test_many_at_once_all_hear(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logouts, "SLICE", 1)
    async with serving(environment) as site:
        members = [await site.member() for _ in range(60)]
        browsers = [await site.logged_in(member) for member in members]
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(browser.stream()) for browser in browsers]
            for events in streams:
                assert (await events.next())[0] == "connected"  # type: ignore[index]
            await asyncio.gather(*(open_session(site.store, member) for member in members))
            for events in streams:
                assert b"event: force_logout" in await events.rest()
        assert site.hub.count == 0


async def test_ends_that_come_in_one_read_are_all_carried_out(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logouts, "SLICE", 1)
    async with serving(environment, SWEEP_SECONDS="300") as site, AsyncExitStack() as stack:
        site.server._relay._listeners = {}
        members = [await site.member() for _ in range(5)]
        browsers = [await site.logged_in(member) for member in members]
        tabs = [await stack.enter_async_context(browser.tab()) for browser in browsers]
        for tab, member in zip(tabs, members, strict=True):
            await tab.event()
            await open_session(site.store, member)
        for event in await site.store.events.read("0-0", 100):
            if event.type == "session.ended":
                site.server._logouts.ended(event)
        for tab in tabs:
            assert (await tab.event())["event"] == "force_logout"


async def test_a_single_end_is_not_kept_waiting_by_many_of_another(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines take turns: forty ends of the admin's, then one of a member's own."""
    async with serving(environment) as site:
        members = [await site.member() for _ in range(41)]
        browsers = [await site.logged_in(member) for member in members]
        order: list[str] = []
        carry_out = site.server._logouts.carry_out

        def note(end: Ended, event_id: str) -> int:
            order.append(end.by)
            return carry_out(end, event_id)

        monkeypatch.setattr(site.server._logouts, "carry_out", note)
        async with AsyncExitStack() as stack:
            for browser in browsers:
                events = await stack.enter_async_context(browser.stream())
                assert (await events.next())[0] == "connected"  # type: ignore[index]
            for number, member in enumerate(members):
                by = "Chrome - Windows" if number == 40 else "admin"
                end = {"member": member.id, "sid": browsers[number].session.split(".")[1]}
                end |= {"device": "d", "reason": "admin", "kick_id": f"k{number}", "by": by}
                data = end | {"at": 1, "drain_until": 1}
                site.server._logouts.ended(Event(f"{number}-0", "session.ended", data))
            await until(lambda: _is(len(order) == 41))
        assert order.index("Chrome - Windows") == 1


async def _is(true: bool) -> bool:
    return true
