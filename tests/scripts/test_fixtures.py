"""The fixtures themselves: what every other test stands on."""

from __future__ import annotations

import asyncio
import time

import psycopg
from playwright.async_api import Browser
from redis.asyncio import Redis

from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from store.opening import Store
from store.settings import Settings


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


def test_a_database_is_migrated_and_made_quickly(postgres_server: PostgresServer) -> None:
    began = time.monotonic()
    postgres_server.create("quick", template="migrated")
    took = time.monotonic() - began
    print(f"a database from the template: {took * 1000:.0f} ms")
    with psycopg.connect(postgres_server.url_of("quick")) as connection:
        row = connection.execute("SELECT count(*) FROM schema_migration").fetchone()
    postgres_server.drop("quick")
    assert row is not None and row[0] > 0


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
