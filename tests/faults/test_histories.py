"""Redis or Postgres comes back older, emptied or cut: what was acknowledged is there once after it,
and nothing that was taken away is back. Each has its word on /readyz, and its way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio.client import Pipeline

from jobs.payments.processing import Processing
from jobs.persist import reader
from jobs.persist.reader import LogReader
from jobs.persist.refilling import refill
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.supervisor import Supervisor
from scripts.migrate import migrate
from store.continuity import Break
from store.events import EventLog
from store.opening import Store
from store.restoring import restore_if_needed
from tests.faults.ledger import Ledger, is_whole
from tests.histories import PostgresCopy, RedisCopy
from tests.lynk import KEY
from tests.serving import Serving, serving, until
from tests.standbys import Standby, both
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


@pytest.mark.parametrize("times", [2, reader.MENDS])
async def test_one_older_redis_after_another_fails_no_job(
    environment, redis_url: str, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Two failovers in a row: the second comes when the first has just been mended."""
    async with serving(environment, SWEEP_SECONDS="300") as site:
        await site.member("ani")
        await LogReader(site.store).run()
        older = RedisCopy(redis_url)
        await site.member("budi")
        await LogReader(site.store).run()
        left = [None] * times

        async def mended(store: Store) -> bool:
            is_mended = await restore_if_needed(store)
            if left:
                left.pop()
                older.put_back()
            return is_mended

        monkeypatch.setattr(reader, "restore_if_needed", mended)
        older.put_back()
        await LogReader(site.store).run()
        assert len(left) == max(0, times - reader.MENDS)
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


async def test_a_real_standby_that_was_behind_is_promoted(
    environment, supervisor: Supervisor, tmp_path: Path
) -> None:
    """Said while none may be written; then the other one is found, and reads the rest again."""
    primary = PostgresServer(tmp_path / "first" / "data", supervisor, durable=False)
    standby = Standby(tmp_path / "second" / "data", supervisor, primary)
    with ExitStack() as stack:
        for server in (primary, standby):
            stack.callback(server.stop)
        primary.start()
        migrate(primary.url)
        standby.start()
        env = environment | {"DATABASE_URL": both(primary, standby)}
        async with kept_by(env) as ledger:
            site = ledger.site
            await ledger.balance()
            await until(lambda: asyncio.to_thread(standby.has_all), 10)
            standby.stop()
            await ledger.act()
            await ledger.balance()
            primary.kill()
            standby.start()
            assert "postgres: away" in await degraded(site)
            assert (await site.browser().get("/readyz")).status == 200
            await asyncio.to_thread(standby.promote)
            await until(lambda: _is_back(site), 20, "the other one is found")
            await settle(site)
            await ledger.balance()
            await ledger.redeliver()
            await ledger.act()
            await ledger.balance()
            assert "postgres" not in await degraded(site)


async def _is_back(site: Serving) -> bool:
    return "postgres" not in await degraded(site)


UNKNOWN_AT_FIRST = ("hotspot.package_removed", "hotspot.purchase", "student.renamed")
"""The types of event that came after the first release (the tree of 2026-11-21, dcb0481)."""


async def test_what_a_worker_of_an_older_version_does_not_know_waits_for_a_newer(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that knows what the first release knew, beside today's web. Its code is today's: a
    release that passed over what it did not know cannot be mended now."""
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, GRACE_SECONDS="0") as site:
        with monkeypatch.context() as older:
            for type in UNKNOWN_AT_FIRST:
                older.delitem(reader.EFFECTS, type)
            async with working(environment | {"LYNK_MERCHANT_KEYS": KEY}):
                ledger = await Ledger.open(site)
                await ledger.prepare()
                await ledger.act()
                await ledger.buy()
                await ledger.rename()
                lacking = {"purchase", "package", "rename"}
                await until(lambda: _lacks(ledger, lacking), 20)
        assert {row["type"] for row in await site.store.set_aside.rows()} == set(UNKNOWN_AT_FIRST)
        assert "events wait that could not be applied" in await degraded(site)
        await site.store.set_aside.try_now()
        await settle(site)
        await ledger.balance()
        assert "events wait" not in await degraded(site)


async def _lacks(ledger: Ledger, names: set[str]) -> bool:
    return {line.split()[0] for line in await ledger.faults()} == names


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
