"""pgbouncer before Postgres, in transaction mode, with three connections for everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.supervisor import Supervisor
from scripts.migrate import migrate
from store.opening import Store
from tests.lynk import KEY, deliver, payment
from tests.poolers import PgBouncer
from tests.serving import Serving, serving, until
from tests.working import working


@pytest.fixture
def pooled(
    supervisor: Supervisor, postgres_server: PostgresServer, database_url: str, tmp_path: Path
) -> Iterator[PgBouncer]:
    pooler = PgBouncer(tmp_path / "pgbouncer", supervisor, database_url)
    pooler.start()
    yield pooler
    pooler.stop()


async def test_everything_works_through_it(environment, pooled: PgBouncer, store: Store) -> None:
    env = environment | {
        "DATABASE_URL": pooled.url_of(environment["DATABASE_URL"]),
        "LYNK_MERCHANT_KEYS": KEY,
    }
    async with serving(env) as site, working(env):
        admin = await site.logged_in(await site.member(role="admin"))
        members = []
        for _ in range(8):  # more often than a statement is run before it would be prepared
            members.append(await site.member())
            assert (await deliver(site.browser(), payment())).status == 200
            await asyncio.sleep(0.05)
        await until(lambda: _granted(store, 8), 20)
        await until(lambda: _persisted(store, [member.id for member in members]), 20)
        pages = ("/api/admin/webhooks", "/api/admin/audit", "/api/admin/mails", "/readyz")
        for _ in range(3):
            answers = await asyncio.gather(*(admin.get(page) for page in pages * 3))
            assert {answer.status for answer in answers} == {200}
        report = (await admin.get("/readyz")).json
        assert report["postgres"]["ok"] is True
        await site.store.redis.flushdb()
        await until(lambda: _rebuilt(site), 20)
        assert await site.store.members.find(members[0].email) is not None
    assert await store.database.fetch(b"SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


async def _granted(store: Store, count: int) -> bool:
    (row,) = await store.database.fetch(b"SELECT count(*) AS n FROM lynk_webhook")
    return bool(row["n"] == count)


async def _persisted(store: Store, ids: list[str]) -> bool:
    query = b"SELECT count(*) AS n FROM member WHERE id = ANY(%(ids)s)"
    (row,) = await store.database.fetch(query, {"ids": ids})
    return bool(row["n"] == len(ids))


async def _rebuilt(site: Serving) -> bool:
    return bool(await site.store.redis.exists(site.store.keys.built()))


def test_a_new_database_is_migrated_through_it(
    pooled: PgBouncer, postgres_server: PostgresServer
) -> None:
    postgres_server.create("pooled")
    try:
        url = pooled.url_of(postgres_server.url_of("pooled"))
        assert migrate(url) and migrate(url) == []
    finally:
        pooled.stop()
        postgres_server.drop("pooled")
