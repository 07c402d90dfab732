"""A block leaves no queue, no entry of an address list and no static lease that is the member's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs import hotspot
from scripts.simulator.part import RouterPart
from store.opening import open_store
from store.settings import Settings
from tests.hotspot import foreign_client
from tests.jobs.house import PHONE, House

QUEUE, LISTED, LEASE = "/queue/simple", "/ip/firewall/address-list", "/ip/dhcp-server/lease"

THEIRS: tuple[tuple[str, dict[str, str]], ...] = (
    (QUEUE, {"name": "081200000001", "target": "192.168.200.10/32"}),
    (QUEUE, {"name": "budi", "target": "192.168.200.10/32", "comment": "+62 812-0000-0001"}),
    (LISTED, {"list": "bebas", "address": "192.168.200.10", "comment": "0812 0000 0001"}),
    (LEASE, {"address": "192.168.200.10", "mac-address": PHONE, "comment": "6281200000001"}),
)
OTHERS: tuple[tuple[str, dict[str, str]], ...] = (
    (QUEUE, {"name": "kasir", "target": "192.168.200.9/32", "comment": "kasir 081200000001"}),
    (QUEUE, {"name": "081200000002", "target": "192.168.200.11/32"}),
    (LISTED, {"list": "bebas", "address": "192.168.200.9", "comment": "TV Pak RT"}),
    (LEASE, {"address": "192.168.200.9", "mac-address": "AA:BB:CC:00:00:09"}),
)


@pytest.fixture
async def house(
    environment: dict[str, str], router: RouterPart, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    settings = {**environment, **router.settings, "MIKROTIK_HOST": "127.0.0.1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with open_store(Settings.from_environment()) as store:
        await store.redis.set(store.keys.built(), "1")
        with foreign_client(router) as api:
            for path, row in (*THEIRS, *OTHERS):
                api.path(path).add(**row)
        yield House(store, router)


def left(house: House) -> list[tuple[str, dict[str, Any]]]:
    """The rows that are there, as they were written."""
    with foreign_client(house.router) as api:
        there = {  # the client casts what looks like a number
            path: [{name: str(value) for name, value in row.items()} for row in api.path(path)]
            for path in (QUEUE, LISTED, LEASE)
        }
    return [
        (path, row)
        for path, row in (*THEIRS, *OTHERS)
        if any(row.items() <= one.items() for one in there[path])
    ]


@pytest.mark.parametrize("way", ["member", "everybody", "purge"])
async def test_a_block_leaves_no_row_of_theirs(house: House, way: str) -> None:
    member = await house.person(1, PHONE)
    await hotspot.run()
    assert left(house) == [*THEIRS, *OTHERS], "who may pass keeps what they have"
    if way == "purge":
        await house.store.members.delete(member, by="admin")
    else:
        await house.store.members.block(member, by="admin")
    if way == "everybody":
        await hotspot.run()
    else:
        await hotspot.sync_member(member)
    assert left(house) == list(OTHERS)


async def test_a_row_that_comes_after_the_block_goes_within_the_hour(house: House) -> None:
    member = await house.person(1, PHONE)
    await house.store.members.block(member, by="admin")
    await hotspot.run()
    with foreign_client(house.router) as api:
        api.path(LISTED).add(list="bebas", address="192.168.200.10", comment="081200000001")
    await hotspot.keep_garden()
    assert left(house) == list(OTHERS)
