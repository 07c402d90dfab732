"""A Redis that may not write, or has closed what lay idle: "try again" or no word at all, never a
fault of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from redis.asyncio import Redis

from scripts.embedded.redis_server import RedisServer
from tests.serving import PASSWORD, serving, until


@pytest.fixture
def environment(environment: dict[str, str], own_redis: RedisServer) -> dict[str, str]:
    return environment | {"REDIS_URL": own_redis.url, "GRACE_SECONDS": "0"}


async def without_replicas(redis: Redis) -> None:
    await redis.config_set("min-replicas-to-write", "1")


async def unable_to_save(redis: Redis) -> None:
    await redis.config_set("save", "3600 1")
    await redis.config_set("dir", "/proc/self")
    await redis.bgsave()
    await until(lambda: _failed_to_save(redis))


async def _failed_to_save(redis: Redis) -> bool:
    return bool((await redis.info("persistence"))["rdb_last_bgsave_status"] == "err")


async def a_replica(redis: Redis) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")


@pytest.mark.parametrize("refuse", [without_replicas, unable_to_save, a_replica])
async def test_a_redis_that_may_not_write_is_503(
    environment, refuse: Callable[[Redis], Coroutine[Any, Any, None]]
) -> None:
    async with serving(environment) as site:
        member = await site.member()
        browser = await site.logged_in(member)
        await refuse(site.store.redis)
        for answer in (
            await site.browser().login(member.email, PASSWORD),
            await site.browser().login(member.email, "salah sekali"),
            await browser.post("/logout"),
            await site.browser().post(
                "/api/auth/qr/generate", {"browser_id": "b" * 16, "fingerprint": "f"}
            ),
            await site.browser().post("/api/auth/request-otp", {"phone_number": "08123456789"}),
        ):
            assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE"), answer
            assert int(answer.headers["retry-after"]) > 0


async def test_lines_that_redis_closed_cost_nobody_an_answer(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        for _ in range(3):
            answers = await asyncio.gather(*(browser.get("/api/session") for _ in range(8)))
            assert {answer.status for answer in answers} == {200}
            for client in await site.store.redis.client_list():
                if not client["cmd"].startswith(("xread", "client")):
                    await site.store.redis.client_kill(client["addr"])


async def test_idle_lines_that_redis_lets_go_cost_nobody_an_answer(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        await asyncio.gather(*(browser.get("/api/session") for _ in range(8)))
        await site.store.redis.config_set("timeout", "1")
        before = {client["addr"] for client in await site.store.redis.client_list()}
        await asyncio.sleep(2.5)
        answers = await asyncio.gather(*(browser.get("/api/session") for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        after = {client["addr"] for client in await site.store.redis.client_list()}
        assert len(before - after) > 1  # it really did let go


async def test_after_a_restart_of_redis_nobody_hears_of_the_old_lines(
    environment, own_redis: RedisServer
) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        await asyncio.gather(*(browser.get("/api/session") for _ in range(8)))
        await asyncio.to_thread(own_redis.stop)
        await asyncio.to_thread(own_redis.start)
        answers = await asyncio.gather(*(browser.get("/api/session") for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
