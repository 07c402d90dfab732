"""Whose a device is: what was seen counts, what was only told gives way, and a made-up MAC that is
gone leaves its place to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jobs import hotspot
from jobs.hotspot import binding
from jobs.hotspot.binding import bind_device
from jobs.persist.reader import LogReader
from scripts.simulator.part import RouterPart
from store.hotspot.restoring import restore_hotspot
from store.opening import Store, open_store
from store.settings import Settings
from tests.hotspot import customer

PHONE, HERE = "A4:BB:CC:00:00:01", "192.168.200.10"
MADE_UP = [f"A6:BB:CC:00:00:0{n}" for n in range(1, 6)]


class Cloud:
    """A portal that sees nobody's address, and a router with devices."""

    def __init__(self, store: Store, router: RouterPart) -> None:
        self.store = store
        self.router = router

    async def claim(self, member: str, mac: str = PHONE, ip: str = HERE, **more: str) -> str:
        wish = {"member": member, "address": "", "mac": mac, "ip": ip, "name": "HP"}
        wish |= {"browser": "", "replace": "", "link": ""}
        state = str((await bind_device(self.store, wish | more))["state"])
        if state == "bound":
            assert self.send(mac), "its row is back with the next packet"
        return state

    async def owner(self, mac: str = PHONE) -> str | None:
        return await self.store.hotspot.devices.owner_of(mac)

    async def macs(self, member: str) -> set[str]:
        return {slot.mac for slot in (await self.store.hotspot.accounts.get(member)).slots}

    def send(self, mac: str = PHONE) -> bool:
        return bool(self.router.control("traffic", mac=mac, bytes_in=1, bytes_out=1)["passed"])

    def join(self, *macs: str) -> None:
        for mac in macs:
            self.router.control("join", mac=mac, ip=f"192.168.200.{int(mac[-2:], 16) + 20}")

    def address_of(self, mac: str) -> str:
        return f"192.168.200.{int(mac[-2:], 16) + 20}"


@pytest.fixture
async def cloud(
    environment: dict[str, str], router: RouterPart, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cloud]:
    settings = {**environment, **router.settings, "MIKROTIK_HOST": "127.0.0.1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with open_store(Settings.from_environment()) as store:
        await store.redis.set(store.keys.built(), "1")
        router.control("join", mac=PHONE, ip=HERE)
        yield Cloud(store, router)


async def test_what_another_was_only_told_keeps_nobody_from_their_device(cloud: Cloud) -> None:
    thief, budi = await customer(cloud.store, 1), await customer(cloud.store, 2)
    assert await cloud.claim(thief) == "bound"
    assert await cloud.claim(budi) == "bound", (
        "the newest of two claims, as long as neither is more"
    )
    assert await cloud.owner() == budi and await cloud.macs(thief) == set()
    assert await cloud.claim(thief) == "bound"
    assert await cloud.claim(budi, address=HERE) == "bound", "seen from there"
    assert await cloud.claim(thief) == "taken"
    assert await cloud.owner() == budi
    assert cloud.send()
    rows = cloud.router.read("state")["tables"]["/ip/hotspot/ip-binding"]
    assert [f"uid={budi}" in row["comment"] for row in rows] == [True]


async def test_what_was_seen_once_stays_seen(cloud: Cloud) -> None:
    thief, budi = await customer(cloud.store, 1), await customer(cloud.store, 2)
    assert await cloud.claim(budi, address=HERE) == "bound"
    assert await cloud.claim(budi) == "bound"
    assert await cloud.claim(thief) == "taken"
    assert await cloud.claim(thief, address=HERE) == "taken", "its owner has to let it go"


async def test_what_was_only_told_is_known_after_a_restore(cloud: Cloud) -> None:
    thief, budi = await customer(cloud.store, 1), await customer(cloud.store, 2)
    await cloud.claim(thief)
    await LogReader(cloud.store).run()
    keys = cloud.store.keys
    await cloud.store.redis.delete(keys.hotspot_slots(thief), keys.hotspot_macs())
    async with cloud.store.database.connection() as connection:
        await restore_hotspot(cloud.store.redis, keys, connection)
    assert await cloud.owner() == thief
    assert await cloud.claim(budi) == "bound"


async def test_a_claim_that_had_to_wait_takes_nothing_from_anybody(cloud: Cloud) -> None:
    late, budi = await customer(cloud.store, 1, quota_mb=0), await customer(cloud.store, 2)
    assert await cloud.claim(late) == "none"
    assert await cloud.claim(budi) == "bound"
    package = await cloud.store.hotspot.packages.make("Mingguan", 100, 30, False, None)
    await cloud.store.hotspot.quota.give(late, package.id)
    await hotspot.sync_member(late)
    assert await cloud.owner() == budi


@pytest.mark.parametrize("lacks", ["approval", "package"])
async def test_a_device_waits_for_its_member_to_have_something_to_use(
    cloud: Cloud, lacks: str
) -> None:
    member = await customer(cloud.store, 1, quota_mb=100 if lacks == "approval" else 0)
    if lacks == "approval":
        await cloud.store.hotspot.accounts.approve(member, False)
    assert await cloud.claim(member) == "none"
    assert await cloud.owner() is None and not cloud.send()
    if lacks == "approval":
        await cloud.store.hotspot.accounts.approve(member, True)
    else:
        package = await cloud.store.hotspot.packages.make("Mingguan", 100, 30, False, None)
        await cloud.store.hotspot.quota.give(member, package.id)
    await hotspot.sync_member(member)
    assert await cloud.owner() == member and cloud.send()


async def test_a_made_up_mac_that_is_gone_gives_its_place_to_the_next(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "JUST_LET_IN_MS", 0)
    budi = await customer(cloud.store, 1)
    cloud.join(*MADE_UP[:4])
    for mac in MADE_UP[:3]:
        assert await cloud.claim(budi, mac, cloud.address_of(mac)) == "bound"
    fourth = (MADE_UP[3], cloud.address_of(MADE_UP[3]))
    assert await cloud.claim(budi, *fourth) == "full", "three that are there stay three"
    assert await cloud.macs(budi) == set(MADE_UP[:3])
    cloud.router.control("rotate", mac=MADE_UP[1], new_mac=MADE_UP[4])
    assert await cloud.claim(budi, MADE_UP[4], cloud.address_of(MADE_UP[1])) == "bound"
    assert await cloud.macs(budi) == {MADE_UP[0], MADE_UP[2], MADE_UP[4]}
    assert await cloud.claim(budi, *fourth) == "full"


async def test_a_mac_of_a_factory_keeps_its_place_while_it_is_away(cloud: Cloud) -> None:
    budi = await customer(cloud.store, 1)
    cloud.join(*MADE_UP[:1])
    for n in (2, 3, 4):
        await cloud.store.hotspot.devices.bind(budi, f"A4:BB:CC:00:00:0{n}", "")
    assert await cloud.claim(budi, MADE_UP[0], cloud.address_of(MADE_UP[0])) == "full"


async def test_who_is_asked_when_a_router_is_away_is_the_member(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be seen may be there."""
    budi = await customer(cloud.store, 1)
    cloud.join(*MADE_UP[3:4])
    for mac in MADE_UP[:3]:
        await cloud.store.hotspot.devices.bind(budi, mac, "")

    async def away(name: str) -> bool:
        looks.append(name)
        return len(looks) > 1

    looks: list[str] = []
    monkeypatch.setattr(binding, "JUST_LET_IN_MS", 0)
    monkeypatch.setattr(cloud.store.hotspot.ledger, "is_away", away)
    assert await cloud.claim(budi, MADE_UP[3], cloud.address_of(MADE_UP[3])) == "full"
