"""An older replica is promoted: under DURABILITY=replica nothing acknowledged comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Supervisor
from store import durability
from tests.client import Browser
from tests.lynk import KEY, deliver, payment
from tests.sentinels import follow
from tests.serving import serving

BROWSERS = 16


@pytest.mark.parametrize(("asked", "comes_back"), [("replica", False), ("none", True)])
async def test_no_acknowledged_logout_comes_back_with_an_older_replica(
    environment,
    own_redis: RedisServer,
    supervisor: Supervisor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    comes_back: bool,
) -> None:
    replica = RedisServer(tmp_path / "replica", supervisor)
    replica.start()
    try:
        await follow(replica, own_redis)
        env = environment | {"REDIS_URL": own_redis.url, "DURABILITY": asked}
        async with serving(env) as site:
            browsers = [await site.logged_in(await site.member()) for _ in range(BROWSERS)]
            await site.store.redis.execute_command("WAIT", 1, 1000)
            cookies = [browser.cookies["jaga_session"] for browser in browsers]
            early = await _log_out(browsers[: BROWSERS // 2])
            monkeypatch.setattr(durability, "KEPT_SECONDS", 0.3)
            # from here on the two know nothing of each other, as across a cut network
            async with Redis(port=replica.port) as redis:
                await redis.execute_command("REPLICAOF", "NO", "ONE")
            late = await _log_out(browsers[BROWSERS // 2 :])
            own_redis.kill()
        assert early == {302} and late == ({302} if comes_back else {503})
        acknowledged = cookies if comes_back else cookies[: BROWSERS // 2]
        own = {"REDIS_URL": replica.url, "PORT": str(free_port())}
        async with serving(env, **own) as site:
            again = [await _is_in(site.browser(), cookie) for cookie in acknowledged]
            assert any(again) == comes_back
    finally:
        replica.kill()


async def test_a_payment_that_no_replica_has_is_kept_by_postgres_and_counts_once(
    environment, own_redis: RedisServer
) -> None:
    own = {"REDIS_URL": own_redis.url, "DURABILITY": "replica", "LYNK_MERCHANT_KEYS": KEY}
    async with serving(environment, **own) as site:
        order = payment()
        for _ in range(2):  # and so is the same one again
            answer = await deliver(site.browser(), order)
            assert (answer.status, answer.json) == (200, {"status": "success"})
        assert set(site.store.payments.intake.taken) == {"received:postgres"}
        await LogReader(site.store).run()
        rows = await site.store.database.fetch(b"SELECT tier FROM lynk_inbox")
        assert rows == [{"tier": "postgres"}]


async def _log_out(browsers: list[Browser]) -> set[int]:
    answers = await asyncio.gather(*(browser.post("/logout", {}) for browser in browsers))
    return {answer.status for answer in answers}


async def _is_in(browser: Browser, cookie: str) -> bool:
    browser.cookies["jaga_session"] = cookie
    return (await browser.get("/api/session")).status == 200
