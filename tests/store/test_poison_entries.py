"""Entries of the log that cannot be read must not make the others unreadable."""

from __future__ import annotations

import redis

from store.opening import Store


async def test_an_entry_that_is_no_utf8_and_one_nested_too_deep_are_read_as_nothing(
    store: Store,
) -> None:
    with redis.Redis.from_url(store.settings.redis_url) as raw:
        raw.xadd(store.keys.events(), {"type": b"\xff\xfe", "data": b"\xff"})
        raw.xadd(store.keys.events(), {"type": "deep", "data": "[" * 100_000})
        raw.xadd(store.keys.events(), {"type": "good", "data": '{"member": "m"}'})
    events = await store.events.read("0-0", 10)
    assert [event.data for event in events] == [{}, {}, {"member": "m"}]
    assert events[2].type == "good"
