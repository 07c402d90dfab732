"""`python -m jobs.schedule`: what is due is enqueued, by one of any number of clocks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import rq
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

from jobs.schedule import LOCK_SECONDS, Clock, Periodic, table_of
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Child, Supervisor
from store.queue import queue_redis
from store.settings import Settings
from tests.jobs.processes import Start, starting
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]

PERSIST = Periodic("persist", "jobs.persist.run", every=3)

TIDY = Periodic("tidy", "jobs.tidy.run", every=60, queue="hotspot")


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    with queue_redis(settings) as connection:
        yield connection


@pytest.fixture
async def start(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Start]:
    """Starts `python -m jobs.schedule`."""
    words = ("-m", "jobs.schedule")
    async with starting(supervisor, environment, tmp_path, "scheduler", *words) as start:
        yield start


def test_the_table_is_registered_once_and_what_left_it_is_removed(connection: redis.Redis) -> None:
    first = Clock(connection, "t", (PERSIST, TIDY))
    assert first.run_pass()
    assert _entries(connection) == {"periodic-persist", "periodic-tidy"}
    due = connection.zscore("rq:scheduler:scheduled_jobs", "periodic-tidy")
    first.register()
    assert connection.zscore("rq:scheduler:scheduled_jobs", "periodic-tidy") == due
    first.remove_lock()
    assert Clock(connection, "t", (PERSIST,)).run_pass()
    assert _entries(connection) == {"periodic-persist"}
    assert not connection.exists("rq:job:periodic-tidy")


WITH_ROUTERS = table_of(
    Settings.from_environment(
        {"JAGA_ENV": "dev", "MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PASSWORD": "x"}
    )
)
"""Everything that any site has done again and again."""


@pytest.mark.parametrize("periodic", WITH_ROUTERS, ids=lambda periodic: periodic.name)
def test_what_the_table_names_is_there(periodic: Periodic) -> None:
    assert callable(import_attribute(periodic.function))


def test_a_changed_interval_is_taken_over(connection: redis.Redis) -> None:
    first = Clock(connection, "t", (TIDY,))
    first.run_pass()
    first.remove_lock()
    Clock(connection, "t", (Periodic("tidy", "jobs.tidy.run", every=1),)).run_pass()
    score = connection.zscore("rq:scheduler:scheduled_jobs", "periodic-tidy")
    assert isinstance(score, float) and score <= time.time() + 2


def test_what_is_due_is_a_json_job_of_its_queue(connection: redis.Redis) -> None:
    Clock(connection, "t", (TIDY,)).run_pass()
    (job_id,) = rq.Queue("hotspot", connection=connection).get_job_ids()
    job = Job.fetch(job_id, connection=connection, serializer=JSONSerializer)
    assert (job.func_name, job.args) == ("jobs.tidy.run", [])


def test_without_a_worker_one_job_waits_not_one_for_each_time(connection: redis.Redis) -> None:
    clock = Clock(connection, "t", (Periodic("often", "jobs.often.run", every=0),))
    for _ in range(20):
        clock.run_pass()
    assert connection.llen("rq:queue:default") == 1
    connection.lpop("rq:queue:default")  # a worker took it: it may have looked already
    clock.run_pass()
    assert connection.llen("rq:queue:default") == 1


def test_one_clock_is_active_and_the_other_stands_by(connection: redis.Redis) -> None:
    active, waiting = Clock(connection, "t", (PERSIST,)), Clock(connection, "t", (PERSIST,))
    assert [active.run_pass(), waiting.run_pass(), active.run_pass()] == [True, False, True]
    waiting.remove_lock()  # not its own: nothing happens
    assert [waiting.run_pass(), active.run_pass()] == [False, True]
    active.remove_lock()
    assert [waiting.run_pass(), active.run_pass()] == [True, False]


async def test_the_log_is_asked_for_every_few_seconds(
    start: Start, connection: redis.Redis
) -> None:
    start()
    for _ in range(2):
        await _until(lambda: _waits_for_the_log(connection))
        connection.delete("rq:queue:default")


async def _two(start: Start, connection: redis.Redis, seconds: float) -> tuple[Child, bytes | None]:
    """Start a clock, and another when it works; returns the first, and who holds the lock."""
    active = start()
    await _until(lambda: _holder(connection))
    first = _holder(connection)
    start()
    await asyncio.sleep(seconds)
    return active, first


async def test_another_clock_takes_over_from_one_that_was_killed(
    start: Start, connection: redis.Redis
) -> None:
    active, first = await _two(start, connection, 1.5)
    assert _holder(connection) == first
    active.send(signal.SIGKILL)
    began = Stopwatch()
    await _until(lambda: _holder(connection) not in (None, first))
    assert began.seconds < LOCK_SECONDS + 3
    connection.delete("rq:queue:default")
    await _until(lambda: _waits_for_the_log(connection))


async def test_a_clock_that_is_stopped_lets_the_next_one_in_at_once(
    start: Start, connection: redis.Redis
) -> None:
    active, first = await _two(start, connection, 1)
    active.send(signal.SIGTERM)
    assert await asyncio.to_thread(active.wait, 5) == 0
    began = Stopwatch()
    await _until(lambda: _holder(connection) not in (None, first))
    assert began.seconds < 3


async def test_redis_away_is_waited_out_and_an_emptied_one_gets_the_table_again(
    own_redis: RedisServer, environment: dict[str, str], start: Start
) -> None:
    environment["REDIS_URL"] = own_redis.url
    own_redis.stop()
    clock = start()
    await asyncio.sleep(1)
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as connection:
        await _until(lambda: _waits_for_the_log(connection))
        connection.flushall()
        await _until(lambda: _waits_for_the_log(connection))
    assert clock.returncode is None


def _waits_for_the_log(connection: redis.Redis) -> bool:
    """Whether one persist job waits, beside whatever else is periodic."""
    ids = rq.Queue("default", connection=connection).get_job_ids()
    return len([job_id for job_id in ids if job_id.startswith("jobs-persist-run-")]) == 1


def _entries(connection: redis.Redis) -> set[str]:
    found: Any = connection.zrange("rq:scheduler:scheduled_jobs", 0, -1)
    return {entry.decode() for entry in found}


def _holder(connection: redis.Redis) -> bytes | None:
    holder = connection.get("rq:scheduler_lock")
    assert holder is None or isinstance(holder, bytes)
    return holder


async def _until(
    ask: Callable[[], object] | Callable[[], Awaitable[object]], seconds: float = 15.0
) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)
