"""The door to Lua: includes, a Redis that forgot, errors that keep their names, shared trips."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError, ResponseError

from store.opening import Store
from store.scripts import LUA, Script, SharedScript, text_of
from store.sharing import is_for_stranger


@pytest.mark.parametrize("path", sorted(LUA.glob("*.lua")), ids=lambda path: path.stem)
async def test_every_script_compiles(store: Store, path) -> None:
    text = text_of(path.stem)
    assert "--#include" not in text
    await store.redis.script_load(text)


@pytest.mark.parametrize("kind", [Script, SharedScript])
async def test_a_script_redis_does_not_know_is_brought(store: Store, kind) -> None:
    look = kind(store.redis, "session_holder")
    for _ in range(2):
        await store.redis.script_flush()
        assert await look([store.keys.sessions("x"), store.keys.built()], []) == ["", 0]


async def test_calls_that_come_together_each_get_their_own_answer(store: Store) -> None:
    take = SharedScript(store.redis, "limit_take")
    names = [store.keys.turns(f"s{number % 7}") for number in range(300)]
    answers = await asyncio.gather(*(take([name], [10_000, 60]) for name in names))
    assert answers == [0] * 300
    for number in range(7):
        assert int(await store.redis.get(store.keys.turns(f"s{number}")) or 0) == names.count(
            store.keys.turns(f"s{number}")
        )


async def test_one_that_fails_is_nobody_elses_failure(store: Store) -> None:
    take = SharedScript(store.redis, "limit_take")
    bad = store.keys.turns("bad")
    await store.redis.rpush(bad, "a list")
    names = [bad if number % 3 == 0 else store.keys.turns("good") for number in range(30)]
    answers = await asyncio.gather(
        *(take([name], [1000, 60]) for name in names), return_exceptions=True
    )
    for name, answer in zip(names, answers, strict=True):
        assert isinstance(answer, ResponseError) if name == bad else answer == 0


async def test_who_waits_while_redis_fails_is_answered_with_the_rest(store: Store) -> None:
    take = SharedScript(store.redis, "limit_take")
    trips = 0

    async def fail(calls):
        nonlocal trips
        trips += 1
        await asyncio.sleep(0.05)
        raise ConnectionError("away")

    take._pipeline = fail  # type: ignore[method-assign]
    asked = [take([store.keys.turns("x")], [1, 1]) for _ in range(1000)]
    async with asyncio.timeout(2):
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, ConnectionError) for answer in answers)
    assert trips <= 2


async def test_a_caller_that_goes_takes_nobody_along(store: Store) -> None:
    take = SharedScript(store.redis, "limit_take")
    asked = [asyncio.create_task(take([store.keys.turns("x")], [999, 9])) for _ in range(20)]
    await asyncio.sleep(0)
    asked[3].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answer == 0 for answer in answers].count(True) == 19
    assert await take([store.keys.turns("x")], [999, 9]) == 0


async def test_what_members_and_strangers_ask_together_stands_in_no_strangers_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = SharedScript(store.redis, "limit_take")
    lines: list[bool] = []

    async def pipeline(calls):
        lines.append(is_for_stranger.get())
        return [0] * len(calls)

    monkeypatch.setattr(take, "_pipeline", pipeline)

    async def ask(*, stranger: bool) -> None:
        is_for_stranger.set(stranger)
        await take([store.keys.turns("s")], [10, 60])

    asking = [asyncio.create_task(ask(stranger=stranger)) for stranger in (True, False)]
    await asyncio.gather(*asking)
    assert lines == [False]
