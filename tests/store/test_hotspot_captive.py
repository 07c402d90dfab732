"""Who asks a router whether a device is held captive: one, however many come at once."""

from __future__ import annotations

from store.opening import Store

HERE = "192.168.200.10"


async def test_one_has_the_turn_until_the_router_has_answered(store: Store) -> None:
    captive = store.hotspot.captive
    assert await captive.may_ask(HERE)
    assert not await captive.may_ask(HERE)
    assert await captive.known(HERE) is None
    await captive.note(HERE, {"captive": True})
    # who looked before the answer came finds it now, and asks no second time
    assert not await captive.may_ask(HERE)
    assert await captive.known(HERE) == {"captive": True}
    await store.redis.delete(store.keys.hotspot_captive(HERE))
    assert await captive.may_ask(HERE)
