"""The door to RQ: jobs go in without holding up the loop, and wake-ups do not pile up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
import rq
from rq.job import Job
from rq.serializers import JSONSerializer

from scripts.embedded.redis_server import RedisServer
from store import queue as queue_module
from store.errors import Unavailable
from store.queue import (
    ASKED_SECONDS,
    FAILURE_SECONDS,
    JOB_SECONDS,
    MOST_WAITING,
    Queue,
    queue_redis,
)
from store.settings import Settings
from tests.stopwatch import Stopwatch


@pytest.fixture
async def queue(settings: Settings) -> AsyncIterator[Queue]:
    queue = Queue(settings)
    yield queue
    await queue.close()


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    with queue_redis(settings) as connection:
        yield connection


async def test_a_job_carries_json_and_goes_away_by_itself(
    queue: Queue, connection: redis.Redis
) -> None:
    await queue.enqueue("jobs.mail.send", "order-1", {"to": ["a@b.id"]}, queue="urgent")
    (job,) = _jobs(connection, "urgent")
    assert (job.func_name, job.args) == ("jobs.mail.send", ["order-1", {"to": ["a@b.id"]}])
    assert (job.result_ttl, job.failure_ttl) == (0, FAILURE_SECONDS)
    assert 0 < connection.ttl(job.key) <= JOB_SECONDS
    assert ":" not in job.id


async def test_a_unique_job_waits_only_once_but_may_follow_one_that_runs(
    queue: Queue, connection: redis.Redis
) -> None:
    for _ in range(3):
        await queue.enqueue("jobs.persist.run", unique="persist")
    assert connection.llen("rq:queue:default") == 1
    connection.lpop("rq:queue:default")  # a worker took it; whether it lives, nobody knows
    for _ in range(3):
        await queue.enqueue("jobs.persist.run", unique="persist")
    assert connection.llen("rq:queue:default") == 1


async def test_other_jobs_of_the_same_function_are_not_held_back(
    queue: Queue, connection: redis.Redis
) -> None:
    await queue.enqueue("jobs.mail.send", 1)
    await queue.enqueue("jobs.mail.send", 1)
    await queue.enqueue("jobs.mail.send", 1, unique="mail-1")
    await queue.enqueue("jobs.mail.send", 2, unique="mail-2")
    assert connection.llen("rq:queue:default") == 4


async def test_no_more_visitors_wait_than_can_be_answered(
    queue: Queue, connection: redis.Redis
) -> None:
    most = MOST_WAITING["visitors"]
    for _ in range(most):
        await queue.enqueue("jobs.hotspot.bind", queue="visitors")
    with pytest.raises(Unavailable):
        await queue.enqueue("jobs.hotspot.bind", queue="visitors")
    assert connection.llen("rq:queue:visitors") == most
    (job, *_) = _jobs(connection, "visitors")
    assert 0 < connection.ttl(job.key) <= ASKED_SECONDS
    await queue.enqueue("jobs.hotspot.sync_member", queue="urgent")


async def test_whether_a_queue_is_empty_can_be_asked(queue: Queue) -> None:
    assert not await queue.is_waiting("urgent")
    await queue.enqueue("jobs.mail.send", queue="urgent")
    assert await queue.is_waiting("urgent")


async def test_a_queue_that_nobody_serves_is_refused(queue: Queue) -> None:
    with pytest.raises(ValueError, match="no worker serves the queue 'low'"):
        await queue.enqueue("jobs.mail.send", queue="low")


async def test_arguments_that_are_no_json_are_refused(queue: Queue) -> None:
    with pytest.raises(TypeError):
        await queue.enqueue("jobs.mail.send", {1, 2})


async def test_a_hundred_wake_ups_are_few_jobs_and_the_last_is_heeded(
    queue: Queue, connection: redis.Redis
) -> None:
    pushed = 0
    began = time.monotonic()
    for _ in range(100):
        queue.wake_persist()
        await asyncio.sleep(0.005)
        pushed += bool(connection.lpop("rq:queue:default"))
    seconds = time.monotonic() - began
    await asyncio.sleep(0.3)
    pushed += bool(connection.lpop("rq:queue:default"))
    assert 3 <= pushed <= seconds / queue_module.WAKE_SECONDS + 2


async def test_the_first_wake_up_is_sent_at_once(queue: Queue, connection: redis.Redis) -> None:
    queue.wake_persist()
    await asyncio.sleep(0.1)
    assert [job.func_name for job in _jobs(connection, "default")] == ["jobs.persist.run"]


async def test_closing_sends_the_wake_up_that_is_owed(
    settings: Settings, connection: redis.Redis
) -> None:
    queue = Queue(settings)
    queue.wake_persist()
    await asyncio.sleep(0.05)
    connection.delete("rq:queue:default")
    queue.wake_persist()
    began = Stopwatch()
    await queue.close()
    assert began.seconds < 1
    assert connection.llen("rq:queue:default") == 1


async def test_a_redis_that_hangs_holds_up_nobody_but_the_caller(
    own_redis: RedisServer, environment: dict[str, str]
) -> None:
    queue = Queue(Settings.from_environment(environment | {"REDIS_URL": own_redis.url}))
    await queue.enqueue("jobs.mail.send")
    own_redis.pause()
    began = Stopwatch()
    calls = asyncio.gather(*(queue.enqueue("jobs.mail.send") for _ in range(8)), **_KEEP)
    queue.wake_persist()
    worst = await _worst_stall(calls)
    assert {type(result) for result in await calls} == {Unavailable}
    assert began.seconds < queue_module.PUSH_SECONDS + 1.5
    assert worst < 0.25
    own_redis.resume()
    await asyncio.sleep(2.5)  # what hung in the threads ends by its own deadline
    await queue.enqueue("jobs.mail.send")
    await queue.close()


async def test_a_redis_that_is_away_is_unavailable_and_found_again(
    own_redis: RedisServer, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue(Settings.from_environment(environment | {"REDIS_URL": own_redis.url}))
    await queue.enqueue("jobs.mail.send")
    own_redis.stop()
    with pytest.raises(Unavailable):
        await queue.enqueue("jobs.mail.send")
    for _ in range(4):
        queue.wake_persist()
        await asyncio.sleep(0.21)
    assert [r.name for r in caplog.records].count("jaga.queue") == 1  # once, not at every try
    own_redis.start()
    await queue.enqueue("jobs.mail.send", unique="back")
    await queue.close()


async def test_more_than_fit_are_refused_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "MOST_PENDING", 3)
    queue = Queue(settings)
    results: list[Any] = await asyncio.gather(
        *(queue.enqueue("jobs.mail.send") for _ in range(5)), **_KEEP
    )
    assert [type(result) for result in results].count(Unavailable) == 2
    await queue.enqueue("jobs.mail.send")
    await queue.close()


_KEEP: Any = {"return_exceptions": True}


def _jobs(connection: redis.Redis, name: str) -> list[Job]:
    return rq.Queue(name, connection=connection, serializer=JSONSerializer).jobs


async def _worst_stall(calls: asyncio.Future[Any]) -> float:
    """The longest that a sleep of 10 ms overran while the calls were under way."""
    worst = 0.0
    while not calls.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - before - 0.01)
    return worst
