"""The timer of the clocks by its parts; by real time they are proven in tests/flows."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError

from realtime.presence import expiry
from tests.serving import serving
from tests.stopwatch import Stopwatch


async def test_redis_away_at_the_moment_it_looks_again(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "RETRY_MS", 100)
    async with serving(environment, SESSION_LIFETIME_SECONDS="1", SWEEP_SECONDS="300") as site:
        browser = await site.logged_in(await site.member())
        async with browser.tab() as tab:
            await tab.event()
            await tab.until("session_expiring")
            look, failures = site.store.sessions.look, 0

            async def fail_twice(member: str, sid: str):
                nonlocal failures
                failures += 1
                if failures < 3:
                    raise ConnectionError("away")
                return await look(member, sid)

            monkeypatch.setattr(site.store.sessions, "look", fail_twice)
            began = Stopwatch()
            assert (await tab.event())["event"] == "session_expired"
            assert failures == 3 and began.seconds < 2


async def test_a_nearer_clock_is_not_kept_waiting_by_a_farther_one(environment) -> None:
    """Nobody is near, the timer sleeps long; then somebody sits down whose time is short."""
    async with serving(environment, SESSION_LIFETIME_SECONDS="30") as site:
        far = await site.logged_in(await site.member())
        async with far.tab() as waiting:
            await waiting.event()
            await asyncio.sleep(0.05)
            member = await site.member()
            object.__setattr__(site.store.settings, "session_lifetime_seconds", 1)
            near = await site.logged_in(member)
            async with near.tab() as tab:
                await tab.event()
                began = Stopwatch()
                await tab.until("session_expired")
                assert began.seconds < 1.5


def test_the_notice_is_five_minutes_or_a_third_of_a_short_clock() -> None:
    class Short:
        idle_ms, cap_at, opened_at = 9_000, 20_000, 5_000

    class Long:
        idle_ms, cap_at, opened_at = 72_000_000, 86_400_000, 0

    assert expiry._notice_ms(Short, "idle") == 3_000  # type: ignore[arg-type]
    assert expiry._notice_ms(Short, "absolute") == 5_000  # type: ignore[arg-type]
    assert expiry._notice_ms(Long, "idle") == expiry._notice_ms(Long, "absolute") == 300_000  # type: ignore[arg-type]
