"""What of the hotspot is lasting: it reaches Postgres once, and Redis is rebuilt from it."""

from __future__ import annotations

import time
from dataclasses import replace

from jobs.persist.reader import LogReader
from store.hotspot.account import Counted
from store.hotspot.deciding import Policy, decide
from store.hotspot.leases import Lease
from store.hotspot.quota import today
from store.opening import Store
from store.restoring import restore_if_needed
from tests.hotspot import shown

PHONE = "A4:BB:CC:00:00:01"


async def test_an_emptied_redis_gets_its_accounts_back(store: Store) -> None:
    member = await store.members.create(
        email="siti@jaga.test", password_hash="x", phone="081234567890"
    )
    package = await store.hotspot.packages.make("Bulanan", 1000, 30, False, 80)
    await store.hotspot.quota.give(member.id, package.id)
    await store.hotspot.devices.bind(member.id, PHONE, "192.168.200.10", name="HP", browser="b")
    await store.hotspot.devices.bind(member.id, "A4:BB:CC:00:00:02", "192.168.200.11")
    lost = (await store.hotspot.accounts.get(member.id)).slots[1]
    await store.hotspot.devices.unbind(member.id, lost.id)
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        assert await store.hotspot.ledger.settle("utama", member.id, "aktif", 1, lease)
        assert not await store.hotspot.ledger.settle("utama", member.id, "aktif", 2, lease)
        assert await store.hotspot.ledger.count("utama", [Counted(member.id, "", "l", 7)], lease)
    days = await store.hotspot.quota.days(member.id, 1)
    assert days[0][1] == 7
    before = await store.hotspot.accounts.get(member.id)
    (bought,) = before.stack.purchases
    assert bought.fup_remaining is None and bought.used == 7
    assert bought.ends_at is not None and bought.fup_percent == 80
    await LogReader(store).run()
    await store.redis.flushdb()
    assert await restore_if_needed(store)
    after = await store.hotspot.accounts.get(member.id)
    assert (after.phone, after.stack) == (before.phone, before.stack)
    assert [slot.mac for slot in after.slots] == [slot.mac for slot in before.slots]
    for field in ("settled", "settled:utama"):
        assert await store.redis.hget(store.keys.hotspot(member.id), field) == "aktif"
    assert await store.hotspot.quota.days(member.id, 1) == days
    assert await store.hotspot.accounts.member_of("6281234567890") == member.id
    assert [package.public() for package in await store.hotspot.packages.all()] == [
        package.public()
    ]
    verdict, _ = await store.hotspot.devices.bind("f" * 16, after.slots[0].mac, "")
    assert verdict == "taken"
    rejected = await store.database.fetch(b"SELECT type, error FROM event_rejected")
    assert rejected == []


async def test_what_is_deleted_stays_away(store: Store) -> None:
    member = await store.members.create(
        email="siti@jaga.test", password_hash="x", phone="081234567890"
    )
    await store.hotspot.devices.bind(member.id, PHONE, "192.168.200.10")
    await LogReader(store).run()
    await store.members.delete(member.id, by="admin")  # no router is set: it goes at once
    await LogReader(store).run()
    for table in (b"hotspot_account", b"hotspot_device", b"member"):
        assert await store.database.fetch(b"SELECT 1 FROM " + table) == []
    assert await store.hotspot.accounts.members() == []
    assert (await store.hotspot.devices.bind("f" * 16, PHONE, ""))[0] == "added"


async def test_slots_are_known_turned_and_full(store: Store) -> None:
    a, b = "a" * 16, "b" * 16
    bind = store.hotspot.devices.bind
    random = "02:00:00:00:00:0{}"
    verdict, slot = await bind(a, random.format(1), "", browser="safari")
    assert (verdict, await bind(a, random.format(1), "")) == ("added", ("known", slot))
    await bind(a, random.format(1), "", browser="safari")
    assert await bind(a, random.format(2), "", browser="safari") == ("turned", slot)
    assert (await bind(b, random.format(1), ""))[0] == "added", "the MAC before is free"
    assert (await bind(b, random.format(2), ""))[0] == "taken"
    assert (await bind(a, PHONE, "", browser="safari"))[0] == "added", "not a random one"
    assert (await bind(a, "A4:BB:CC:00:00:02", ""))[0] == "added"
    assert (await bind(a, "A4:BB:CC:00:00:03", ""))[0] == "full"
    assert await bind(a, "A4:BB:CC:00:00:03", "", replace=slot) == ("replaced", slot)


async def test_fair_use_may_begin_at_bytes_that_are_left(store: Store) -> None:
    member = (
        await store.members.create(email="s@jaga.test", password_hash="x", phone="081234567890")
    ).id
    package = await store.hotspot.packages.make("A", 10, 5, False, None, 3)
    assert package.public()["fup_remaining_mb"] == 3
    await store.hotspot.quota.give(member, package.id)
    policy, now = Policy.of(store.settings), int(time.time() * 1000)
    for used, status in ((7 << 20) - 1, "aktif"), (7 << 20, "fup"), (10 << 20, "habis"):
        await store.hotspot.quota.correct(member, used=used)
        terms = (await store.hotspot.accounts.get(member)).terms(now)
        assert decide(terms, now, policy) == status
    await LogReader(store).run()
    await store.redis.flushdb()
    assert await restore_if_needed(store)
    assert (await shown(store, member)).fup_remaining == 3 << 20
    assert await store.hotspot.packages.all() == [package]
    percent = await store.hotspot.packages.make("B", 10, 5, False, 50)
    await store.hotspot.quota.give(member, percent.id)
    newest = await shown(store, member)
    assert (newest.fup_percent, newest.fup_remaining) == (50, None)


async def test_bytes_are_added_once_for_each_look_and_by_the_lease_alone(store: Store) -> None:
    member = (
        await store.members.create(email="s@jaga.test", password_hash="x", phone="081234567890")
    ).id
    count = store.hotspot.ledger.count
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        first, late = Counted(member, "", "look 1", 100), Counted(member, "", "look 2", 150)
        assert await count("utama", [first], lease) == [member]
        assert await count("utama", [late], lease) == [], "counted from the same look"
        assert await count("utama", [first], lease) == [], "a commit that was repeated"
        stolen = Counted(member, "look 1", "look 3", 50)
        assert await count("utama", [stolen], replace(lease, token=lease.token + 1)) == []
        assert await count("utama", [stolen], lease) == [member]
    assert await store.hotspot.quota.days(member, 1) == [(today(store.settings.timezone), 150)]
