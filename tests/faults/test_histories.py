"""Redis or Postgres comes back older, emptied or cut: what was acknowledged is there once after it,
and nothing that was taken away is back. Each has its word on /readyz, and its way back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from jobs.persist.refilling import refill
from store.continuity import Break
from store.errors import JagaError
from store.events import EventLog
from tests.faults.ledger import Ledger
from tests.histories import PostgresCopy, RedisCopy
from tests.lynk import KEY
from tests.sentinels import Watched
from tests.serving import Serving, serving, until
from tests.working import working


@asynccontextmanager
async def kept_by(environment: dict[str, str], **changes: str) -> AsyncIterator[Ledger]:
    """A site at work, and a ledger of it that holds an act of each kind already."""
    env = environment | {
        "LYNK_MERCHANT_KEYS": KEY,
        "GRACE_SECONDS": "0",
        "SWEEP_SECONDS": "1",
        **changes,
    }
    async with serving(env) as site, working(env):
        ledger = await Ledger.open(site)
        await ledger.prepare()
        await ledger.act()
        yield ledger


async def is_whole(site: Serving) -> bool:
    """Whether people are let in, and nothing is broken."""
    try:
        built = await site.store.redis.exists(site.store.keys.built())
        return bool(built) and await site.store.continuity.broken() is None
    except (RedisError, OSError):
        return False


async def degraded(site: Serving) -> str:
    return "\n".join((await site.browser().get("/readyz")).json["degraded"])


async def settle(site: Serving) -> None:
    """Apply what the log holds, and work off what is due."""
    await LogReader(site.store).run()
    await Processing(site.store).run()


async def test_all_acts_are_there_once(environment) -> None:
    async with kept_by(environment) as ledger:
        assert len(ledger) == 10
        await ledger.balance()


async def test_the_ledger_sees_what_is_not_there(environment) -> None:
    async with kept_by(environment) as ledger:
        await ledger.balance()
        store = ledger.site.store
        async with store.database.connection() as connection:
            for table in ("attendances", "hotspot_device", "license_devices"):
                await connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608
            await connection.execute(b"UPDATE member SET status = 'active', password = 'x'")
            await connection.execute(b"UPDATE lynk_webhook SET device_active = NULL")
        wrong = {line.split()[0] for line in await ledger.faults()}
        assert wrong == {"block", "password", "attendance", "licence", "bind"}


@pytest.mark.parametrize("durability", ["auto", "disk"])
async def test_an_older_redis_lets_nothing_back_in(
    environment, redis_url: str, durability: str
) -> None:
    """Also where only Postgres can say that something is kept, which it cannot before its end."""
    async with kept_by(environment, DURABILITY=durability) as ledger:
        site = ledger.site
        inside = await site.logged_in(await site.member())
        await ledger.balance()
        older = RedisCopy(redis_url)
        await ledger.leave(inside)
        await ledger.act()
        await ledger.balance()

        older.put_back()
        await settle(site)  # whoever is the first to look
        await until(lambda: is_whole(site), 20)
        await ledger.balance()
        await ledger.act()
        await ledger.balance()


@pytest.mark.parametrize("moment", [(EventLog, "note_persisted"), (Pipeline, "multi")])
async def test_an_older_redis_that_comes_behind_a_batch_heals_like_any_other(
    environment, redis_url: str, monkeypatch: pytest.MonkeyPatch, moment: tuple[type, str]
) -> None:
    """It has no entry of the batch, and must not be told that Postgres has it."""
    async with serving(environment, SWEEP_SECONDS="300") as site:
        await site.member("ani")
        await LogReader(site.store).run()
        older = RedisCopy(redis_url)
        await site.member("budi")
        real = getattr(*moment)

        with monkeypatch.context() as swap:

            def behind(*args: object) -> object:
                swap.undo()
                older.put_back()
                return real(*args)

            swap.setattr(*moment, behind)
            await LogReader(site.store).run()
        await LogReader(site.store).run()
        await until(lambda: is_whole(site), what="people are let in again")
        assert await site.store.members.find("budi@jaga.test") is not None


async def test_what_is_said_of_an_older_redis_until_it_is_mended(environment) -> None:
    async with serving(environment, SWEEP_SECONDS="300") as site:
        browser = await site.logged_in(await site.member())
        await site.store.continuity.note(Break.REDIS_OLDER)
        assert "Redis is an older copy of itself" in await degraded(site)
        assert (await browser.get("/api/session")).status == 503
        assert (await site.browser().get("/readyz")).status == 200
        site.server._sweep.soon()
        await until(lambda: is_whole(site), 20)
        assert "older copy" not in await degraded(site)
        assert (await browser.get("/api/session")).status == 200


async def test_after_flushall_nothing_is_back_and_nothing_twice(environment, own_redis) -> None:
    async with kept_by(environment, REDIS_URL=own_redis.url) as ledger:
        await ledger.balance()
        await ledger.site.store.redis.flushall()
        await until(lambda: is_whole(ledger.site), 20)
        await ledger.balance()


async def test_a_log_that_is_cut_stops_the_reader_and_is_filled_from_redis(environment) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, GRACE_SECONDS="0") as site:
        async with working(environment | {"LYNK_MERCHANT_KEYS": KEY}):
            ledger = await Ledger.open(site)
            await ledger.prepare()
            await ledger.balance()
        await ledger.act()
        await site.store.redis.xtrim(site.store.keys.events(), maxlen=0, approximate=False)
        await site.member()
        await settle(site)
        assert "the log was trimmed beyond what Postgres has" in await degraded(site)
        await refill(site.store, print)
        await ledger.redeliver()
        await settle(site)
        await ledger.balance()
        assert "event_log" not in await degraded(site)


async def test_a_standby_that_was_behind_reads_the_rest_again(environment, database_url) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, GRACE_SECONDS="0") as site:
        async with working(environment | {"LYNK_MERCHANT_KEYS": KEY}):
            ledger = await Ledger.open(site)
            await ledger.prepare()
            await ledger.balance()
            older = PostgresCopy(database_url)
            await ledger.act()
            await ledger.balance()
        older.put_back()
        await settle(site)
        await ledger.balance()


async def test_an_event_of_a_newer_version_is_said_and_waits(environment) -> None:
    async with kept_by(environment) as ledger:
        await ledger.balance()
        await ledger.site.store.events.append("weather.changed", {"city": "Bandung"})
        await settle(ledger.site)
        assert "1 events wait that could not be applied, the last of type weather.changed" in (
            await degraded(ledger.site)
        )
        await ledger.act()
        await ledger.balance()


async def act_unseen_by(watched: Watched, ledger: Ledger) -> None:
    """Cut the replication, then do an act of each kind."""
    site = ledger.site
    inside = await site.logged_in(await site.member())
    await site.store.redis.execute_command("WAIT", 1, 1000)
    watched.replica.pause()
    async with Redis(port=watched.master.port) as master:
        await master.execute_command("CLIENT", "KILL", "TYPE", "replica")
    await ledger.leave(inside)
    await ledger.act()


async def fail_over(site: Serving, watched: Watched) -> float:
    """Kill the master, have the replica back; returns the seconds without service."""
    watched.master.kill()
    began = time.monotonic()
    watched.replica.resume()

    async def is_served() -> bool:
        try:
            await site.logged_in(await site.member())
        except (RedisError, OSError, JagaError):
            return False
        return True

    await until(lambda: _leads(site, watched), 30)
    await until(is_served, 30)
    return time.monotonic() - began


async def _leads(site: Serving, watched: Watched) -> bool:
    try:
        info = await site.store.redis.info("server")
    except (RedisError, OSError):
        return False
    return int(info["tcp_port"]) == watched.replica.port


async def test_what_was_acknowledged_while_the_replica_was_cut_off_outlives_the_master(
    environment, watched: Watched
) -> None:
    """DURABILITY=replica with none connected: Postgres has it before the answer."""
    await outlive_a_failover(environment, watched)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(9))
async def test_the_same_again_and_again(environment, watched: Watched, turn: int) -> None:
    await outlive_a_failover(environment, watched)


async def outlive_a_failover(environment: dict[str, str], watched: Watched) -> None:
    env = environment | {
        "REDIS_URL": watched.url,
        "DURABILITY": "replica",
        "LYNK_MERCHANT_KEYS": KEY,
        "GRACE_SECONDS": "0",
    }
    async with serving(env) as site:
        async with working(env):
            ledger = await Ledger.open(site)
            await ledger.prepare()
            staying = await site.logged_in(await site.member())
            await act_unseen_by(watched, ledger)
        async with staying.tab() as tab:
            assert (await tab.event())["event"] == "connected"
            seconds = await fail_over(site, watched)
            async with working(env):
                await until(lambda: is_whole(site), 20)
                await ledger.balance()
                assert (await staying.post("/logout")).status == 302
            assert (await tab.until("force_logout"))["event"] == "force_logout"
        print(f"{len(ledger)} acts kept, {seconds:.1f} s without service")
