"""Payments while parts of us are down, hang, are full or die: acknowledged means kept."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from jobs.payments import processing
from jobs.payments.granting import Granting
from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Supervisor
from scripts.migrate import migrate
from store.locks import Lock, locked
from store.opening import Store, open_store
from store.payments import intake
from store.payments.licences import digest_of
from store.settings import SETTING_NAMES, Settings
from tests.client import Answer
from tests.forkserver import ForkServer
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, payment
from tests.serving import Serving, serving, until
from tests.stopwatch import Stopwatch

ANSWER_SECONDS = 2.0


@pytest.fixture
def own_postgres(supervisor: Supervisor, tmp_path: Path) -> Iterator[PostgresServer]:
    # durable, because some of these tests kill it
    server = PostgresServer(tmp_path / "pg" / "data", supervisor)
    server.start()
    server.create("jaga")
    migrate(server.url_of("jaga"))
    yield server
    server.stop()


@pytest.fixture
def parts(
    environment: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> dict[str, str]:
    """The environment of servers that belong to this test alone."""
    return environment | {
        "REDIS_URL": own_redis.url,
        "DATABASE_URL": own_postgres.url_of("jaga"),
        "LYNK_MERCHANT_KEYS": KEY,
    }


async def timed(site: Serving, ref: str, **more) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = await deliver(site.browser(), payment(ref, **more))
    return answer, time.monotonic() - began


async def take_in(site: Serving, refs: list[str]) -> None:
    """Every delivery is answered 200, and in time."""
    for answer, seconds in await asyncio.gather(*(timed(site, ref) for ref in refs)):
        assert (answer.status, answer.body) == (200, b'{"status":"success"}')
        assert seconds < ANSWER_SECONDS


async def settle(store: Store) -> None:
    await LogReader(store).run()
    await Processing(store).run()


async def licences(store: Store) -> list[str]:
    rows = await store.database.fetch(b"SELECT trx_lynk_id FROM lynk_webhook ORDER BY 1")
    return [str(row["trx_lynk_id"]) for row in rows]


async def has_granted(store: Store, refs: list[str]) -> None:
    """Each order is granted, once, at the latest some seconds after everything is back."""

    async def there() -> bool:
        try:
            await settle(store)
            return len(await licences(store)) >= len(refs)
        except Exception as error:  # whatever is still away answers soon
            assert not isinstance(error, AssertionError)
            return False

    await until(there, 30)
    assert await licences(store) == sorted(refs)
    rows = await store.database.fetch(b"SELECT state, tier FROM lynk_inbox")
    assert {row["state"] for row in rows} == {"done"}


def taken(site: Serving) -> dict[str, int]:
    return site.store.payments.intake.taken


REFS = [f"{number:032x}" for number in range(12)]


async def test_redis_down(parts: dict[str, str], own_redis: RedisServer) -> None:
    async with serving(parts) as site:
        own_redis.kill()
        await take_in(site, REFS)
        assert taken(site) == {"received:postgres": len(REFS)}
        own_redis.start()
        await site.store.redis.set(site.store.keys.built(), "1")
        await has_granted(site.store, REFS)


async def test_redis_hangs(parts: dict[str, str], own_redis: RedisServer) -> None:
    """And what Redis was given meanwhile is done after all when it goes on: kept twice, one row."""
    async with serving(parts) as site:
        await take_in(site, ["f" * 32])
        own_redis.pause()
        try:
            await take_in(site, REFS)
        finally:
            own_redis.resume()
        assert taken(site)["received:postgres"] == len(REFS)
        await has_granted(site.store, ["f" * 32, *REFS])


async def test_postgres_down(parts: dict[str, str], own_postgres: PostgresServer) -> None:
    async with serving(parts) as site:
        own_postgres.kill()
        await take_in(site, REFS)
        # a Redis that takes a third of a second is passed by, here to the spool
        assert set(taken(site)) <= {"received:redis", "received:spool"}
        assert sum(taken(site).values()) == len(REFS)
        own_postgres.start()
        await has_granted(site.store, REFS)


async def test_both_down(
    parts: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    async with serving(parts) as site:
        own_redis.kill()
        own_postgres.kill()
        await take_in(site, REFS)
        assert taken(site) == {"received:spool": len(REFS)}
        own_redis.start()
        own_postgres.start()
        await site.store.redis.set(site.store.keys.built(), "1")
        await has_granted(site.store, REFS)
        assert await site.store.payments.intake.waiting() == 0


class Line:
    """A line to a server that can fall silent: what is said is taken, and nothing comes back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._relays: set[asyncio.Task[None]] = set()
        self.port = free_port()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            server.close()
            for relay in self._relays:
                relay.cancel()

    def fall_silent(self) -> None:
        self._speaks.clear()

    def speak(self) -> None:
        self._speaks.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, other_writer), (other_reader, writer)):
            relay = asyncio.create_task(self._carry(source, sink))
            self._relays.add(relay)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._speaks.wait()
                sink.write(data)
        except OSError:
            return
        finally:
            sink.close()


async def test_both_hang(
    parts: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    address = own_postgres.url_of("jaga")
    port = urlsplit(address).port
    assert port is not None
    async with Line(port).open() as line:
        silent = parts | {"DATABASE_URL": address.replace(f":{port}/", f":{line.port}/")}
        async with serving(silent) as site:
            await take_in(site, ["f" * 32])
            await settle(site.store)
            own_redis.pause()
            line.fall_silent()
            try:
                await take_in(site, REFS)
            finally:
                own_redis.resume()
                line.speak()
            assert taken(site)["received:spool"] == len(REFS)
            await has_granted(site.store, ["f" * 32, *REFS])


async def test_redis_out_of_memory(parts: dict[str, str], own_redis: RedisServer) -> None:
    async with serving(parts) as site:
        with redis.Redis.from_url(own_redis.url) as admin:
            admin.config_set("maxmemory", 1)
            await take_in(site, REFS)
            assert taken(site) == {"received:postgres": len(REFS)}
            admin.config_set("maxmemory", 0)
        await has_granted(site.store, REFS)


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_redis_that_may_forget_is_not_trusted_from_that_moment(
    parts: dict[str, str], own_redis: RedisServer, name: str, value: str
) -> None:
    async with serving(parts) as site:
        await take_in(site, REFS[:1])
        with redis.Redis.from_url(own_redis.url) as admin:
            admin.config_set(name, value)
        await take_in(site, REFS[1:])
        assert taken(site) == {"received:redis": 1, "received:postgres": len(REFS) - 1}
        await has_granted(site.store, REFS)


async def test_a_postgres_without_our_tables_is_no_place(
    parts: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    own_postgres.create("empty")
    async with serving(parts | {"DATABASE_URL": own_postgres.url_of("empty")}) as site:
        with redis.Redis.from_url(own_redis.url) as admin:
            admin.config_set("appendonly", "no")
            await take_in(site, REFS)
            assert taken(site) == {"received:spool": len(REFS)}
            migrate(own_postgres.url_of("empty"))
            await has_granted(site.store, REFS)


async def test_what_redis_took_survives_its_death(
    parts: dict[str, str], own_redis: RedisServer
) -> None:
    async with serving(parts) as site:
        await take_in(site, REFS)
        own_redis.kill()
        own_redis.start()
        await has_granted(site.store, REFS)


async def test_nothing_can_keep_it(
    parts: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    async with serving(parts) as site:
        spool = site.store.settings.jaga_home / "spool"
        spool.parent.mkdir(parents=True, exist_ok=True)
        if spool.is_dir():
            spool.rmdir()
        spool.write_text("no directory")  # as unwritable to root as to anybody
        own_redis.kill()
        own_postgres.kill()
        answer, seconds = await timed(site, REFS[0])
        assert (answer.status, answer.json["status"]) == (503, "error")
        assert int(answer.headers["retry-after"]) == 30
        assert seconds < ANSWER_SECONDS
        spool.unlink()
        await take_in(site, REFS)
        own_redis.start()
        own_postgres.start()
        await site.store.redis.set(site.store.keys.built(), "1")
        await has_granted(site.store, REFS)


async def test_a_wrong_signature_is_401_whatever_is_down(
    parts: dict[str, str], own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    async with serving(parts) as site:
        own_redis.kill()
        own_postgres.kill()
        began = Stopwatch()
        assert (await deliver(site.browser(), payment(), "0" * 64)).status == 401
        assert began.seconds < ANSWER_SECONDS


# Death between two steps

MURDER = """
import asyncio, os, pkgutil, signal, sys
from jobs.payments.processing import Processing
from store.opening import open_store
from store.settings import Settings

place, when = sys.argv[1:]

def die_around(cls, name):
    real = getattr(cls, name)
    async def dying(*words, **named):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await real(*words, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(cls, name, dying)

cls, _, name = place.rpartition(".")
die_around(pkgutil.resolve_name(cls), name)

async def main():
    async with open_store(Settings.from_environment()) as store:
        await Processing(store).run()

asyncio.run(main())
"""

STEPS = [
    ("jobs.payments.judging:Judging.judge", "before"),
    ("jobs.payments.judging:Judging._claim_order", "after"),
    ("jobs.payments.judging:Judging.judge", "after"),
    ("jobs.payments.enrolling:Enrolling._created", "before"),
    ("jobs.payments.enrolling:Enrolling._created", "after"),
    ("jobs.payments.enrolling:Enrolling.enrol", "after"),
    ("jobs.payments.granting:Granting._add_licence", "after"),
    ("jobs.payments.granting:Granting._owe", "after"),
    ("jobs.payments.granting:Granting.grant", "after"),
    ("store.payments.pages:OrderPages.turn", "before"),
    ("jobs.payments.granting:Granting.publish", "after"),
    ("jobs.payments.work:Work.move", "after"),
]


@asynccontextmanager
async def paid(environment: dict[str, str]) -> AsyncIterator[Store]:
    """A store whose inbox holds one payment: two licences and a membership."""
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        items = [EBOOK | {"qty": 2}, MEMBERSHIP]
        await deliver(site.browser(), payment("a" * 32, items=items))
        await LogReader(site.store).run()
        yield site.store


@pytest.mark.parametrize(("step", "when"), STEPS)
async def test_death_between_any_two_steps(
    environment: dict[str, str], fork_server: ForkServer, step: str, when: str
) -> None:
    async with paid(environment) as store:
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        for _ in range(2):  # and once more at the same place, or past it
            murdered = await asyncio.to_thread(
                fork_server.run, "-c", MURDER, step, when, env=clean | environment, timeout=40
            )
            assert murdered.returncode in (-signal.SIGKILL, 0)

        async def is_done() -> bool:
            # the first may find the turn of the dead still taken: Postgres hears late of a death
            await Processing(store).run()
            (row,) = await store.database.fetch(b"SELECT state, reason FROM lynk_inbox")
            return (row["state"], row["reason"]) == ("done", "")

        await until(is_done, what="the delivery was done")
        assert await licences(store) == ["a" * 32] * 2
        mails = await store.database.fetch(b"SELECT template FROM email_outbox ORDER BY id")
        assert [mail["template"] for mail in mails] == ["license", "pendaftaran_member"]
        (order,) = await store.database.fetch(b"SELECT member_id FROM lynk_order")
        member = await store.members.find("siti.rahma@example.com")
        assert member is not None and order["member_id"] == member.id
        page = await store.payments.pages.look("a" * 32)
        assert page is not None and (page["state"], page["licences"]) == ("done", 2)
        rows = await store.database.fetch(b"SELECT key_license FROM lynk_webhook")
        for licence in rows:
            digest = digest_of(licence["key_license"])
            assert await store.payments.licences.look(digest) is not None


async def test_a_delivery_that_keeps_failing_is_dead_at_last_and_can_be_replayed(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with paid(environment) as store:

        async def broken(*_: object) -> None:
            raise RuntimeError("a bug of ours")

        with monkeypatch.context() as breaking:
            breaking.setattr(Granting, "grant", broken)
            for attempt in range(len(processing.RETRY.seconds) + 1):
                assert await Processing(store).run() == 1
                (row,) = await store.database.fetch(
                    b"SELECT *, extract(epoch FROM next_at - now())::float8 AS wait FROM lynk_inbox"
                )
                if attempt < len(processing.RETRY.seconds):
                    due = processing.RETRY.seconds[attempt]
                    assert due * 0.79 < row["wait"] < due * 1.21
                async with store.database.connection() as connection:
                    await connection.execute(b"UPDATE lynk_inbox SET next_at = now()")
        assert (row["state"], row["reason"]) == ("dead", "RuntimeError")
        assert await Processing(store).run() == 0
        plan = await store.payments.inbox.replay(row["id"], dry_run=False)
        assert (plan.possible, plan.licences, plan.mails) == (True, 2, 2)
        await Processing(store).run()
        assert await licences(store) == ["a" * 32] * 2


async def test_a_run_that_finds_the_turn_taken_asks_for_no_other(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with paid(environment) as store:
        rung: list[str] = []

        async def enqueue(function: str, *_: object, **__: object) -> None:
            if function != "jobs.persist.run":  # every writer wakes that one, in its own time
                rung.append(function)

        monkeypatch.setattr(store.queue, "enqueue", enqueue)
        async with locked(store.database, Lock.PAYMENTS, store.keys.prefix) as ours:
            assert ours is not None
            assert await Processing(store).run() == 0
            assert rung == []
        assert await Processing(store).run() == 1
        assert rung == ["jobs.mail.send"]


async def test_two_runs_at_once_grant_once(environment: dict[str, str]) -> None:
    async with paid(environment) as store:
        settings = Settings.from_environment(environment)
        async with open_store(settings) as other, open_store(settings) as third:
            await asyncio.gather(*(Processing(one).run() for one in (store, other, third)))
        assert await licences(store) == ["a" * 32] * 2
        (count,) = await store.database.fetch(b"SELECT count(*) AS n FROM email_outbox")
        assert count["n"] == 2


async def test_without_a_key_what_comes_while_redis_is_away_is_held_in_postgres(
    parts: dict[str, str], own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more of it than this process may count by itself."""
    few = dataclasses.replace(intake.HELD_AWAY_PER_ADDRESS, most=3)
    monkeypatch.setattr(intake, "HELD_AWAY_PER_ADDRESS", few)
    async with serving(parts | {"LYNK_MERCHANT_KEYS": "", "JAGA_ENV": "production"}) as site:
        own_redis.stop()
        answers = [await timed(site, f"{number:032x}") for number in range(5)]
        assert [answer.status for answer, _ in answers] == [200] * 3 + [503] * 2
        assert all(seconds < ANSWER_SECONDS for _, seconds in answers)
        assert site.store.payments.intake.taken == {"held:postgres": 3, "held:dropped": 2}
        held = await site.store.database.fetch(b"SELECT state, tier FROM lynk_inbox")
        assert held == [{"state": "held", "tier": "postgres"}] * 3
