"""Limits: so many in so long, alike in every process."""

from __future__ import annotations

import asyncio

import pytest

from store.errors import RateLimited
from store.limits import Limit
from store.opening import Store


async def test_turns_run_out_and_come_back(store: Store) -> None:
    limit = Limit(3, 1)
    taken = await asyncio.gather(
        *(store.limits.take("x", limit) for _ in range(10)), return_exceptions=True
    )
    assert sum(answer is None for answer in taken) == 3
    late = [answer for answer in taken if isinstance(answer, RateLimited)]
    assert len(late) == 7 and all(answer.retry_after in (1, 2) for answer in late)
    await store.limits.take("y", limit)
    await asyncio.sleep(1.05)
    await store.limits.take("x", limit)


async def test_a_refused_turn_does_not_lengthen_the_wait(store: Store) -> None:
    for _ in range(3):
        try:
            await store.limits.take("x", Limit(1, 60))
        except RateLimited:
            pass
        await store.redis.pexpire(store.keys.failures("x"), 30_000)
    assert await store.redis.pttl(store.keys.failures("x")) <= 30_000


async def test_failures_lock_and_success_forgives(store: Store) -> None:
    for _ in range(3):
        await store.limits.require_open("a", "b")
        await store.limits.fail("a", Limit(3, 60))
    with pytest.raises(RateLimited) as caught:
        await store.limits.require_open("b", "a")
    assert 58 <= (caught.value.retry_after or 0) <= 61
    await store.limits.require_open("b")
    await store.limits.forgive("a")
    # the lock itself stays: who knows the password now may not have known it then
    with pytest.raises(RateLimited):
        await store.limits.require_open("a")


async def test_nothing_is_kept_for_ever(store: Store) -> None:
    for _ in range(4):
        await store.limits.fail("a", Limit(3, 60))
    await store.limits.take("t", Limit(1, 60))
    for name in await store.redis.keys(f"{store.keys.prefix}:*"):
        if name != store.keys.built():
            assert 0 < await store.redis.ttl(name) <= 86_400, name
