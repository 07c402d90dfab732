"""The fixtures themselves: what every other test stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser
from psycopg import sql
from redis.asyncio import Redis

from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from store.opening import Store
from store.settings import Settings
from tests.databases import Databases


async def test_redis_is_durable_and_never_evicts(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url, decode_responses=True) as connection:
        assert (await connection.config_get("append*"))["appendonly"] == "yes"
        assert await connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert await connection.config_get("bind") == {"bind": "127.0.0.1"}


async def test_own_redis_keeps_what_it_synced_over_a_kill(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url, decode_responses=True) as connection:
        await connection.set("kept", "yes")
        await asyncio.sleep(1.2)  # appendfsync everysec
    own_redis.kill()
    own_redis.start()
    async with Redis.from_url(own_redis.url, decode_responses=True) as connection:
        assert await connection.get("kept") == "yes"


async def test_a_paused_redis_answers_again_after_resume(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as connection:
        own_redis.pause()
        answer = asyncio.ensure_future(connection.ping())
        await asyncio.sleep(0.1)
        assert not answer.done()
        own_redis.resume()
        assert await asyncio.wait_for(answer, 5)


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, and where every sequence stands."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        rows = {
            str(name): connection.execute(
                sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for (name,) in names
        }
        rows["sequences"] = connection.execute(
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        ).fetchall()
    return rows


WRITTEN = (
    "INSERT INTO students SELECT gen_random_uuid(), 'Ayu', '7A'",
    "INSERT INTO meeting_students SELECT 'm', id FROM students",
    "INSERT INTO lynk_product (uuid, title, grants) VALUES ('u', 'Buku', 'licence')",
    "INSERT INTO audit (event_id, actor, act, subject, detail, ip, at)"
    " SELECT n::text, '', '', repeat('x', 100), '{}', '', now() FROM generate_series(1, 2000) n",
)
CHANGED = (
    "ALTER TABLE member ADD COLUMN more text",
    "ALTER TABLE member RENAME TO somebody",
    "DROP TABLE message_outbox",
    "CREATE TABLE another (a int)",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP INDEX member_by_creation",
    "DELETE FROM schema_migration",
)


@pytest.fixture
def some_databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    some = Databases(postgres_server)
    yield some
    some.close()


def test_a_database_comes_back_as_the_migrations_left_it(some_databases: Databases) -> None:
    url = some_databases.lend()
    clean = everything(url)
    assert clean.pop("schema_migration")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in WRITTEN:
            connection.execute(statement.encode())
    assert len(everything(url)["audit"]) == 2000
    held = psycopg.connect(url)
    held.execute("LOCK TABLE audit")  # by a test that is torn away in a transaction
    some_databases.take_back()
    held.close()
    assert some_databases.lend() == url, "emptied, not made again"
    again = everything(url)
    assert again.pop("schema_migration")
    assert again == clean
    assert some_databases.made == 1


@pytest.mark.parametrize("statement", CHANGED)
def test_a_changed_schema_is_not_lent_again(some_databases: Databases, statement: str) -> None:
    url = some_databases.lend()
    clean = everything(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
    some_databases.take_back()
    assert some_databases.lend() != url
    assert everything(some_databases.lend()) == clean


def test_postgres_never_runs_as_root(postgres_server: PostgresServer) -> None:
    child = postgres_server.child
    assert child is not None
    with open(f"/proc/{child.pid}/status") as status:
        uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


async def test_the_store_is_apart_from_every_other_test(store: Store, settings: Settings) -> None:
    assert await store.redis.keys("*") == [f"{settings.redis_prefix}:built"]
    await store.database.ping()


async def test_chromium_opens_a_page_in_a_context(chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.set_content("<title>Jaga</title>")
    assert await page.title() == "Jaga"


async def test_a_crashed_chromium_is_another_one_for_the_next(
    browsers: Callable[[], Awaitable[Browser]],
) -> None:
    crashed = await browsers()
    assert await browsers() is crashed
    await crashed.close()
    assert (await browsers()).is_connected()


left: list[asyncio.Task[None]] = []


@pytest.mark.parametrize("turn", [1, 2])
async def test_what_a_test_leaves_running_is_cancelled(turn: int) -> None:
    assert all(task.cancelled() for task in left)
    left.append(asyncio.create_task(asyncio.sleep(3600)))


timers: list[asyncio.TimerHandle] = []


@pytest.mark.parametrize("turn", [1, 2])
async def test_what_a_test_leaves_due_is_never_called(turn: int) -> None:
    assert all(timer.cancelled() for timer in timers)
    timers.append(asyncio.get_running_loop().call_later(3600, print, "late"))
