"""What is said of a hotspot account is one look at one state: no part contradicts another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from store.clock import now_ms
from store.hotspot.deciding import Policy
from store.opening import Store, open_store
from store.settings import Settings

PHONE, LAPTOP = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"
HERE, THERE = "192.168.10.5", "192.168.10.6"
ROUTERS = {
    "MIKROTIK_HOST": "127.0.0.1",
    "MIKROTIK_PASSWORD": "x",
    "MIKROTIK_ROUTERS": "utara=api://jaga:x@127.0.0.2:8728",
}


class House:
    """One member, and two routers of which nobody asks anything."""

    def __init__(self, store: Store, member: str) -> None:
        self.store = store
        self.member = member
        self.first, self.second = store.hotspot.routers.names

    async def seen(self) -> dict[str, Any]:
        account = await self.store.hotspot.accounts.get(self.member)
        public = account.public(now_ms(), Policy.of(self.store.settings))
        return public | {"macs": [device["mac"] for device in public["devices"]]}

    async def settle(self, router: str, device_set: str | None = None) -> None:
        account = await self.store.hotspot.accounts.get(self.member)
        status = (await self.seen())["status"]
        agreed = account.device_set if device_set is None else device_set
        async with self.store.hotspot.leases.taken(router, 5.0) as lease:
            assert lease is not None
            await self.store.hotspot.ledger.settle(
                router, self.member, status, now_ms(), lease, agreed
            )

    async def wait_with(self, mac: str, ip: str) -> None:
        wish = {"member": self.member, "mac": mac, "ip": ip, "address": ""}
        await self.store.hotspot.devices.keep_waiting(self.member, wish)


@pytest.fixture
async def house(environment: dict[str, str]) -> AsyncIterator[House]:
    async with open_store(Settings.from_environment(environment | ROUTERS)) as store:
        await store.redis.set(store.keys.built(), "1")
        budi = await store.members.create(email="budi@jaga.test", password_hash="!")
        await store.hotspot.accounts.enrol(budi.id, "081234567890")
        # a device waits for a router only where its owner has something to use
        package = await store.hotspot.packages.make("Harian", 100, 30, False, None)
        await store.hotspot.quota.give(budi.id, package.id)
        house = House(store, budi.id)
        for router in store.hotspot.routers.names:
            await house.settle(router)
        yield house


async def test_a_device_that_was_taken_in_waits_no_more_and_is_pending(house: House) -> None:
    await house.wait_with(PHONE, HERE)
    seen = await house.seen()
    assert (seen["waiting"], seen["pending"], seen["macs"]) == (True, False, [])
    await house.store.hotspot.devices.bind(house.member, PHONE, HERE)
    seen = await house.seen()
    assert (seen["waiting"], seen["pending"], seen["macs"]) == (False, True, [PHONE])
    assert seen["pending_on"] == [house.first, house.second] and seen["agreed_on"] == []


async def test_it_is_pending_until_each_router_agrees_with_that_very_device(house: House) -> None:
    before = (await house.store.hotspot.accounts.get(house.member)).device_set
    await house.store.hotspot.devices.bind(house.member, PHONE, HERE)
    # a run that looked before the device came says nothing of it
    await house.settle(house.first, before)
    assert (await house.seen())["pending_on"] == [house.first, house.second]
    await house.settle(house.first)
    seen = await house.seen()
    assert (seen["pending_on"], seen["agreed_on"]) == ([house.second], [house.first])
    await house.settle(house.second)
    assert (await house.seen())["pending"] is False


async def test_another_mac_and_a_device_let_go_are_pending_too(house: House) -> None:
    _, slot = await house.store.hotspot.devices.bind(house.member, PHONE, HERE)
    for router in house.store.hotspot.routers.names:
        await house.settle(router)
    await house.store.hotspot.devices.bind(house.member, PHONE, HERE)
    assert (await house.seen())["pending"] is False
    await house.store.hotspot.devices.bind(house.member, LAPTOP, THERE, replace=slot)
    assert (await house.seen())["pending"] is True
    for router in house.store.hotspot.routers.names:
        await house.settle(router)
    await house.store.hotspot.devices.unbind(house.member, slot)
    seen = await house.seen()
    assert (seen["pending"], seen["macs"]) == (True, [])


async def test_a_device_that_waits_goes_on_when_another_is_taken_in(house: House) -> None:
    await house.wait_with(LAPTOP, THERE)
    await house.store.hotspot.devices.bind(house.member, PHONE, HERE)
    seen = await house.seen()
    assert (seen["waiting"], seen["macs"]) == (True, [PHONE])


async def test_an_obstacle_makes_no_account_of_nobody(house: House) -> None:
    """An account is what tells a member from a stranger, whom a run puts out."""
    store, nobody = house.store, "0123456789abcdef"
    async with store.hotspot.leases.taken(house.first, 5.0) as lease:
        assert lease is not None
        before = await store.redis.xlen(store.keys.events())
        await store.hotspot.ledger.note_obstacle(house.first, nobody, '{"kind": "refused"}', lease)
    assert not await store.redis.exists(store.keys.hotspot(nobody))
    assert await store.redis.xlen(store.keys.events()) == before
