"""The event log: read in order by each reader's own cursor, trimmed only behind the last."""

from __future__ import annotations

import asyncio
import time

import pytest

from store.events import BEGINNING, KEEP_MS, event_of, moment_of, place_of
from store.opening import Store
from tests.stopwatch import Stopwatch


async def test_entries_are_read_in_order_after_a_cursor(store: Store) -> None:
    ids = [await store.events.append("t", {"n": number}) for number in range(10)]
    assert [event.id for event in await store.events.read("0-0", 100)] == ids
    later = await store.events.read(ids[3], 2)
    assert [(event.id, event.data["n"]) for event in later] == [(ids[4], 4), (ids[5], 5)]
    assert await store.events.read(ids[-1], 5) == []
    assert await store.events.last_id() == ids[-1]


async def test_waiting_ends_with_the_first_entry(store: Store) -> None:
    redis = store.blocking_connection(5)
    tailing = asyncio.create_task(store.events.tail(redis, "0-0", 5000, 10))
    await asyncio.sleep(0.05)
    began = Stopwatch()
    await store.events.append("t", {"text": "\u00e9\n"})
    (event,) = await tailing
    assert began.seconds < 1
    assert (event.type, event.data) == ("t", {"text": "\u00e9\n"})
    assert await store.events.tail(redis, event.id, 20, 10) == []
    await redis.aclose()


async def test_trimming_never_passes_the_cursor_nor_what_relays_may_need(store: Store) -> None:
    redis, name = store.redis, store.keys.events()
    old = int(time.time() * 1000) - KEEP_MS - 60_000
    for number in range(5):
        await redis.xadd(name, {"type": "t", "data": "{}"}, id=f"{old + number}-1")
    new = await store.events.append("t", {})
    assert await store.events.trim("0-0") == 0
    await store.events.trim(f"{old + 2}-1")
    left = [event.id for event in await store.events.read("0-0", 10)]
    assert left == [f"{old + 2}-1", f"{old + 3}-1", f"{old + 4}-1", new]
    await store.events.trim(new)
    assert [event.id for event in await store.events.read("0-0", 10)] == [new]


async def test_the_lag_is_the_age_of_what_postgres_lacks(store: Store) -> None:
    assert await store.events.lag_seconds() == 0
    entry = await store.events.append("t", {})
    await asyncio.sleep(0.05)
    assert 0.04 < await store.events.lag_seconds() < 5
    await store.redis.set(store.keys.persisted(), entry)
    assert await store.events.lag_seconds() == 0


def test_what_is_unreadable_is_empty() -> None:
    for data in ("", "{", "[]", "null", "5", '"x"'):
        assert event_of(("1-1", {"type": "t", "data": data})).data == {}
    assert event_of(("1-1", {})).type == ""


def test_ids_stand_in_the_order_of_the_log() -> None:
    ids = ["9-0", "10-0", "10-2", "10-10", "11-0"]
    assert sorted(reversed(ids), key=place_of) == ids
    assert place_of(BEGINNING) < place_of("0-1")


@pytest.mark.parametrize(
    ("text", "moment"),
    [("170-0", 170), ("170", 170), ("", None), ("-1", None), ("१-0", None), ("9" * 16, None)],
)
def test_what_a_client_names_is_a_moment_or_nothing(text: str, moment: int | None) -> None:
    assert moment_of(text) == moment


async def test_a_clock_of_ours_that_is_ahead_trims_nothing_that_relays_need(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock was hours ahead trimmed the log to its last entry."""
    ids = [await store.events.append("audit", {"n": number}) for number in range(5)]
    await store.redis.set(store.keys.persisted(), ids[0])
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 7_200)
    assert await store.events.trim(ids[-1]) == 0
    assert await store.events.lag_seconds() < 60
