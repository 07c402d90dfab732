"""Packages on top of one another, in Redis and in Postgres: given, counted, brought back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from jobs.persist.reader import LogReader
from scripts.embedded.postgres_server import PostgresServer
from scripts.migrate import MIGRATIONS, migrate
from store.clock import now_ms
from store.database import Database
from store.hotspot.account import Counted
from store.hotspot.deciding import DAY_MS, Policy, decide
from store.hotspot.leases import Lease
from store.hotspot.package import MB
from store.hotspot.stack import Stack
from store.opening import Store
from store.restoring import restore_if_needed
from store.settings import Settings
from tests.hotspot import customer, shown


async def used_of(store: Store, member: str) -> list[int]:
    return [one.used for one in (await store.hotspot.accounts.get(member)).stack.purchases]


async def test_bytes_go_to_the_one_in_use_and_then_to_the_next(store: Store) -> None:
    member = await customer(store, 1, quota_mb=0)
    daily = await store.hotspot.packages.make("Harian", 10, 1, False, 50)
    top_up = await store.hotspot.packages.make("Tambahan", 5, 0, False, None)
    for package in (daily, top_up):
        await store.hotspot.quota.give(member, package.id)
    policy = Policy.of(store.settings)
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        for look, (used, status, now_used) in enumerate(
            (
                (6 * MB, "fup", [6 * MB, 0]),
                (5 * MB, "aktif", [10 * MB, MB]),
                (9 * MB, "habis", [10 * MB, 10 * MB]),
            )
        ):
            before = f"look {look}" if look else ""
            counted = Counted(member, before, f"look {look + 1}", used)
            assert await store.hotspot.ledger.count("utama", [counted], lease) == [member]
            assert await used_of(store, member) == now_used
            terms = (await store.hotspot.accounts.get(member)).terms(now_ms())
            assert decide(terms, now_ms(), policy) == status


async def test_two_routers_that_count_at_once_lose_nothing(store: Store) -> None:
    members = [await customer(store, number) for number in range(20)]

    async def count(router: str) -> None:
        async with store.hotspot.leases.taken(router) as lease:
            assert isinstance(lease, Lease)
            for look in range(5):
                rows = [Counted(member, f"{look or ''}", f"{look + 1}", 7) for member in members]
                left = {row.member for row in rows}
                while left:
                    wish = [row for row in rows if row.member in left]
                    left -= set(await store.hotspot.ledger.count(router, wish, lease))

    await asyncio.gather(count("utama"), count("utara"))
    assert [await used_of(store, member) for member in members] == [[70]] * 20


async def test_what_is_given_while_bytes_are_counted_is_kept(store: Store) -> None:
    member = await customer(store, 1)
    package = await store.hotspot.packages.make("Tambahan", 5, 0, False, None)
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        wish = [
            store.hotspot.ledger.count(
                "utama", [Counted(member, f"{n or ''}", f"{n + 1}", 3)], lease
            )
            for n in range(1)
        ]
        await asyncio.gather(
            *wish, *(store.hotspot.quota.give(member, package.id) for _ in range(8))
        )
    assert await used_of(store, member) == [3] + [0] * 8


async def test_an_order_that_comes_again_gives_nothing_even_after_redis_was_emptied(
    store: Store,
) -> None:
    member = await customer(store, 1, quota_mb=0)
    package = await store.hotspot.packages.make("Bulanan", 10, 30, False, None)
    for _ in range(3):
        await store.hotspot.quota.give(member, package.id, once="order:0:0")
    assert await store.hotspot.quota.take_back(member, "order:0:0")
    assert not await store.hotspot.quota.take_back(member, "order:0:0")
    await LogReader(store).run()
    await store.redis.flushdb()
    assert await restore_if_needed(store)
    await store.hotspot.quota.give(member, package.id, once="order:0:0")
    assert (await store.hotspot.accounts.get(member)).stack == Stack()
    (row,) = await store.database.fetch(
        b"SELECT id, once, package, quota, taken_at IS NOT NULL AS taken FROM hotspot_purchase"
    )
    assert tuple(row.values()) == ("order:0:0", "order:0:0", "Bulanan", 10 * MB, True)


async def test_the_whole_stack_comes_back_from_postgres(store: Store) -> None:
    member = await customer(store, 1)
    for terms in (("Bebas", 0, 7, True, None), ("Besar", 1 << 30, 0, False, 100, None)):
        package = await store.hotspot.packages.make(*terms)
        await store.hotspot.quota.give(member, package.id)
    before = (await store.hotspot.accounts.get(member)).stack
    assert len(before.purchases) == 3
    await LogReader(store).run()
    await store.redis.flushdb()
    assert await restore_if_needed(store)
    assert (await store.hotspot.accounts.get(member)).stack == before
    assert await store.database.fetch(b"SELECT type, error FROM event_rejected") == []


async def test_an_account_of_before_keeps_what_it_has_as_one_purchase(store: Store) -> None:
    member = await customer(store, 1, quota_mb=0)
    end = now_ms() + 3 * DAY_MS
    fields = {"purchased": 100, "used": 40, "expires_at": end, "package": "Lama", "unlimited": 0}
    key = store.keys.hotspot(member)
    await store.redis.hset(key, items=[str(word) for pair in fields.items() for word in pair])
    await store.redis.hdel(key, "stack")
    assert (await shown(store, member)).package == "Lama"
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        assert await store.hotspot.ledger.count("utama", [Counted(member, "", "look", 5)], lease)
    package = await store.hotspot.packages.make("Tambahan", 5, 0, False, None)
    await store.hotspot.quota.give(member, package.id)
    old, new = (await store.hotspot.accounts.get(member)).stack.purchases
    assert (old.quota, old.used, old.ends_at) == (100, 45, end)
    assert (new.used, new.ends_at, new.follows) == (0, end, True)
    assert await store.redis.hmget(key, "purchased", "used", "package") == [None] * 3


async def test_accounts_in_postgres_are_brought_along(
    postgres_server: PostgresServer, environment: dict[str, str], tmp_path: Path
) -> None:
    for file in MIGRATIONS.glob("*.sql"):
        if file.name < "0073":
            shutil.copy(file, tmp_path)
    postgres_server.create("before_stacks")
    url = postgres_server.url_of("before_stacks")
    migrate(url, folder=tmp_path)
    database = Database(Settings.from_environment(environment | {"DATABASE_URL": url}))
    await database.open()
    try:
        await database.fetch(
            b"INSERT INTO hotspot_account VALUES"
            b" ('a', '', true, false, to_timestamp(1800000000.5), 1125899906842624, 7, 80,"
            b"  'Bulanan', '', now()), ('b', '', true, false, NULL, 0, 0, NULL, '', '', now())"
            b" RETURNING 1"
        )
        migrate(url)
        rows = await database.fetch(b"SELECT stack FROM hotspot_account ORDER BY member_id")
    finally:
        await database.close()
        postgres_server.drop("before_stacks")
    (one,) = Stack.of(rows[0]["stack"]).purchases
    assert (one.package, one.quota, one.used) == ("Bulanan", 1 << 50, 7)
    assert (one.ends_at, one.fup_percent, one.follows) == (1_800_000_000_500, 80, False)
    assert rows[1]["stack"] == []
