"""Limits: so many in so long, alike in every process, and counted before anything is looked up."""

from __future__ import annotations

import asyncio

import pytest

from store.clock import now_ms
from store.errors import RateLimited
from store.limits import UNDER_WAY_SECONDS, AddressLimit, Bound, Limit, TurnsHere
from store.opening import Store


async def fail(store: Store, *bounds: Bound) -> None:
    async with store.limits.attempt(*bounds) as attempt:
        attempt.fail(*bounds)


async def test_turns_run_out_and_come_back(store: Store) -> None:
    limit = Limit("x", 3, 1)
    taken = await asyncio.gather(
        *(store.limits.take(limit.of("a")) for _ in range(10)), return_exceptions=True
    )
    assert sum(answer is None for answer in taken) == 3
    late = [answer for answer in taken if isinstance(answer, RateLimited)]
    assert len(late) == 7 and all(answer.retry_after in (1, 2) for answer in late)
    await store.limits.take(limit.of("b"))
    await asyncio.sleep(1.05)
    await store.limits.take(limit.of("a"))


async def test_a_refused_turn_does_not_lengthen_the_wait(store: Store) -> None:
    bound = Limit("x", 1, 60).of("a")
    for _ in range(3):
        try:
            await store.limits.take(bound)
        except RateLimited:
            pass
        await store.redis.pexpire(store.keys.turns(bound.subject), 30_000)
    assert await store.redis.pttl(store.keys.turns(bound.subject)) <= 30_000


async def test_a_turn_for_nothing_is_given_back_and_none_is_made_up(store: Store) -> None:
    bound = Limit("x", 1, 60).of("a")
    await store.limits.give_back(bound)
    assert await store.redis.keys(f"{store.keys.prefix}:limit:*") == []
    await store.limits.take(bound)
    for _ in range(3):
        await store.limits.give_back(bound)
    await store.limits.take(bound)
    with pytest.raises(RateLimited):
        await store.limits.take(bound)


async def test_failures_lock_and_success_forgives(store: Store) -> None:
    one, two = Limit("one", 3, 60).of("a"), Limit("two", 3, 60).of("b")
    for _ in range(3):
        await fail(store, one)
    for refused in (store.limits.require_open(two, one), fail(store, two, one)):
        with pytest.raises(RateLimited) as caught:
            await refused
        assert 58 <= (caught.value.retry_after or 0) <= 61
    for _ in range(4):
        for _ in range(2):
            await fail(store, two)
        async with store.limits.attempt(two) as attempt:
            attempt.forgive(two)
    # the lock itself stays: who knows the password now may not have known it then
    with pytest.raises(RateLimited):
        await store.limits.require_open(one)


async def test_what_is_neither_right_nor_wrong_counts_nothing(store: Store) -> None:
    bound = Limit("x", 2, 60).of("a")
    for _ in range(5):
        async with store.limits.attempt(bound):
            pass
        with pytest.raises(ConnectionError):
            async with store.limits.attempt(bound):
                raise ConnectionError("away")
    assert await store.redis.keys(f"{store.keys.prefix}:limit:*") == []


async def test_four_hundred_at_once_look_no_oftener_than_in_a_row(store: Store) -> None:
    bound, looked = Limit("x", 5, 60).of("a"), 0

    async def guess() -> None:
        nonlocal looked
        async with store.limits.attempt(bound, patience=1.0) as attempt:
            looked += 1
            await asyncio.sleep(0.01)
            attempt.fail(bound)

    answers = await asyncio.gather(*(guess() for _ in range(400)), return_exceptions=True)
    # on a machine that is busy some find no connection; nobody finds a sixth look
    assert looked <= 5 and answers.count(None) == looked
    assert sum(isinstance(answer, RateLimited) for answer in answers) > 100
    with pytest.raises(RateLimited):
        for _ in range(6):
            await guess()
    assert looked == 5


async def test_many_who_are_right_at_once_are_only_asked_to_wait(store: Store) -> None:
    bound = Limit("x", 5, 60).of("a")

    async def show() -> None:
        async with store.limits.attempt(bound, patience=2.0):
            await asyncio.sleep(0.005)

    await asyncio.gather(*(show() for _ in range(40)))
    await store.limits.require_open(bound)


async def test_a_try_whose_process_was_killed_is_forgotten_long_before_its_window(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = Limit("x", 3, 3600).of("a")
    killed = [store.limits.attempt(bound) for _ in range(3)]
    for one in killed:
        await one.__aenter__()  # and nothing ends it
    with pytest.raises(RateLimited):
        await fail(store, bound)
    later = now_ms() + UNDER_WAY_SECONDS * 1000 + 1
    monkeypatch.setattr("store.limits.now_ms", lambda: later)
    for _ in range(3):
        await fail(store, bound)
    with pytest.raises(RateLimited):
        await fail(store, bound)


async def test_a_try_that_outlives_its_window_ends_no_other(store: Store) -> None:
    bound = Limit("x", 1, 60).of("a")
    old, new = store.limits.attempt(bound), store.limits.attempt(bound)
    await old.__aenter__()
    await store.redis.delete(store.keys.tries(bound.subject))  # its window is over
    await new.__aenter__()
    await old.__aexit__(None, None, None)
    with pytest.raises(RateLimited):
        await fail(store, bound)


async def test_a_try_refused_by_one_limit_is_given_back_to_the_other(store: Store) -> None:
    wide, narrow = Limit("wide", 50, 60).of("a"), Limit("narrow", 1, 60).of("b")
    await fail(store, narrow)
    for _ in range(60):
        with pytest.raises(RateLimited):
            await fail(store, wide, narrow)
    await fail(store, wide)


async def test_nothing_is_kept_for_ever(store: Store) -> None:
    for _ in range(4):
        try:
            await fail(store, Limit("x", 3, 60).of("a"))
        except RateLimited:
            continue
    await fail(store, Limit("y", 3, 60).of("a"))
    await store.limits.take(Limit("z", 1, 60).of())
    names = await store.redis.keys(f"{store.keys.prefix}:limit:*")
    assert len(names) == 4
    for name in names:
        assert 0 < await store.redis.ttl(name) <= 86_400, name


async def test_a_network_shares_an_address_limit(store: Store) -> None:
    limit = AddressLimit("x", 1, 60)
    await store.limits.take(limit.of("2001:db8:1:2::1"))
    with pytest.raises(RateLimited):
        await store.limits.take(limit.of("2001:db8:1:2:ffff::9"))
    await store.limits.take(limit.of("2001:db8:1:3::1"))


def test_turns_of_a_process_are_taken_of_all_bounds_or_of_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns, now = TurnsHere(60), 100.0
    monkeypatch.setattr("store.limits.time.monotonic", lambda: now)
    one, network = Limit("all", 3, 60).of(), AddressLimit("x", 2, 60)
    turns.take(network.of("2001:db8:1:2::1"), one)
    turns.take(network.of("2001:db8:1:2::2"), one)
    with pytest.raises(RateLimited):
        turns.take(network.of("2001:db8:1:2::3"), one)
    turns.take(network.of("192.0.2.1"), one)
    with pytest.raises(RateLimited):
        turns.take(network.of("192.0.2.2"), one)
    now += 60
    turns.take(network.of("2001:db8:1:2::3"), one, amount=2)
