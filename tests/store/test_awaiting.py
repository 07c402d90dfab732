"""Values that are waited for: heard of at once, found when nobody tells, at one connection each."""

from __future__ import annotations

import asyncio
import time

import pytest

from store import awaiting as module
from store.opening import Store, open_store
from store.settings import Settings
from store.sharing import Shared, is_for_stranger
from tests.serving import until


async def test_who_waits_has_it_at_once_from_another_process(
    store: Store, settings: Settings
) -> None:
    async with open_store(settings) as other:
        key = store.keys.hotspot_answer("q")
        reading = asyncio.create_task(store.awaiting.read(key, 10))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await other.awaiting.write(key, "yes", 60)
        assert await reading == "yes"
        # well before it would have looked by itself
        assert time.monotonic() - began < module.LOOK_SECONDS / 2
    assert 0 < await store.redis.ttl(key) <= 60


async def test_what_is_there_is_read_and_what_is_not_is_waited_for_no_longer(store: Store) -> None:
    key = store.keys.hotspot_answer("q")
    assert await store.awaiting.read(key) is None
    began = time.monotonic()
    assert await store.awaiting.read(key, 0.3) is None
    assert 0.3 <= time.monotonic() - began < 2
    await store.awaiting.write(key, "yes", 60)
    assert await store.awaiting.read(key) == await store.awaiting.read(key, 5) == "yes"


async def test_a_value_that_nobody_told_of_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    key = store.keys.hotspot_answer("q")
    reading = asyncio.create_task(store.awaiting.read(key, 10))
    await asyncio.sleep(0.1)
    await store.redis.set(key, "yes")
    assert await reading == "yes"


async def test_a_hundred_who_wait_ask_little_and_need_one_connection(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = store.awaiting._look

    async def counted(key: str) -> str | None:
        looks.append(key)
        return await look(key)

    monkeypatch.setattr(store.awaiting, "_look", counted)
    keys = [store.keys.hotspot_answer(f"q{number}") for number in range(100)]
    reading = [asyncio.create_task(store.awaiting.read(key, 20)) for key in keys]
    await until(lambda: _is(len(looks) == len(keys)))
    assert await _listeners(store) == 1
    for key in keys:
        await store.awaiting.write(key, key, 60)
    assert await asyncio.gather(*reading) == keys
    assert len(looks) <= 3 * len(keys)


async def test_when_nobody_waits_nobody_listens(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    key = store.keys.hotspot_answer("q")
    assert await store.awaiting.read(key, 0.1) is None
    await until(lambda: _is_quiet(store))
    reading = asyncio.create_task(store.awaiting.read(key, 10))
    await asyncio.sleep(0.1)
    await store.awaiting.write(key, "again", 60)
    assert await reading == "again"


async def test_a_stranger_who_waits_first_takes_no_strangers_connection_for_all(
    store: Store,
) -> None:
    async def wait() -> str | None:
        is_for_stranger.set(True)
        return await store.awaiting.read(store.keys.hotspot_answer("q"), 10)

    reading = asyncio.create_task(wait())
    await until(lambda: _is_heard(store))
    pool = store.redis.connection_pool
    assert isinstance(pool, Shared)
    await until(lambda: _is(pool._coming == 0), 5)
    await store.awaiting.write(store.keys.hotspot_answer("q"), "yes", 60)
    assert await reading == "yes"


async def _is_heard(store: Store) -> bool:
    return store.awaiting._listening.is_set()


async def _is(true: bool) -> bool:
    return true


async def _is_quiet(store: Store) -> bool:
    return await _listeners(store) == 0


async def _listeners(store: Store) -> int:
    ((_, count),) = await store.redis.pubsub_numsub(store.keys.awaited())
    return int(count)
