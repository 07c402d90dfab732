"""`python -m jobs`: real workers on a real Redis, killed and stopped in every way."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs.__main__ import SHARES
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Child, Supervisor
from store.opening import Store, open_store
from store.queue import QUEUES
from store.settings import Settings
from tests.jobs.processes import Start, starting
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]

JOBS = Path(__file__).parent
"""Where `examples` is found: the name `tests` is not ours alone on a path with other packages."""


@pytest.fixture
async def start(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Start]:
    """Starts `python -m jobs`, on settings that may be changed."""
    env = {"PYTHONPATH": str(JOBS)} | environment
    async with starting(supervisor, env, tmp_path, "worker", "-m", "jobs") as start:
        yield start


async def test_the_workers_take_jobs_of_their_queues(store: Store, start: Start) -> None:
    start()
    for queue in QUEUES:
        await _note(store, queue, queue=queue)
    for queue in QUEUES:
        await _until(partial(_done, store, queue))


async def test_a_long_router_pass_delays_no_urgent_job(store: Store, start: Start) -> None:
    start()
    await _note(store, "pass", 6, queue="hotspot")
    await _note(store, "next pass", queue="hotspot")
    await _until(lambda: _begun(store, "pass"))
    await _note(store, "code", queue="urgent")
    await _until(lambda: _done(store, "code"))
    assert not await _done(store, "pass")
    assert not await _begun(store, "next pass")


async def test_what_is_urgent_waits_neither_for_the_log_nor_for_a_router(
    store: Store, start: Start
) -> None:
    start()
    for queue in ("default", "hotspot"):
        await _note(store, queue, 6, queue=queue)
        await _until(partial(_begun, store, queue))
    await _note(store, "code", queue="urgent")
    await _until(lambda: _done(store, "code"))
    # the log's job was begun first, and may be done by now where a machine is slow
    assert not await _done(store, "hotspot")


async def test_visitors_delay_nobody_but_each_other(store: Store, start: Start) -> None:
    start()
    for number in range(3):
        await _note(store, f"visitor {number}", 6, queue="visitors")
    await _until(lambda: _begun(store, "visitor 0"))
    for queue in ("urgent", "default", "hotspot"):
        await _note(store, queue, queue=queue)
    for queue in ("urgent", "default", "hotspot"):
        await _until(partial(_done, store, queue))
    assert not await _done(store, "visitor 0")
    assert not await _begun(store, "visitor 1")


async def test_a_change_reaches_postgres_within_moments(
    store: Store, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the change to its row, with everything at rest before: wake-up, job, batch, commit."""
    start()
    await _note(store, "ready")
    await _until(lambda: _done(store, "ready"))
    delays = []
    for number in range(10):
        began = time.monotonic()
        member = await store.members.create(email=f"m{number}@example.id", password_hash="x")
        await _until(partial(_has_row, store, member.id), pause=0.002)
        delays.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(0.3)
    delays.sort()
    with capsys.disabled():
        print(f"\npersist: from change to row p50 {delays[5]:.0f} ms, worst {delays[-1]:.0f} ms")
    assert delays[5] < 2000


async def test_nothing_stays_in_redis_after_a_success_and_a_failure_not_for_long(
    store: Store, start: Start
) -> None:
    start()
    await _note(store, "one")
    await _until(lambda: _done(store, "one"))
    await store.queue.enqueue("examples.fail", unique="fail")
    await _until(lambda: _keys(store, "rq:failed:default"))
    await _until(lambda: _as_many(store, "rq:job:*", 1))
    (job,) = await store.redis.keys("rq:job:*")
    assert 0 < await store.redis.ttl(job) <= 3600


async def test_a_job_whose_worker_was_killed_runs_again(store: Store, start: Start) -> None:
    crew = start()
    await _note(store, "killed", 1)
    await _until(lambda: _begun(store, "killed"))
    horse = psutil.Process(int((await _notes(store, "killed"))[1]))
    assert horse.parent().ppid() == crew.pid  # type: ignore[union-attr]
    horse.kill()
    await _until(lambda: _done(store, "killed"))
    assert (await _notes(store, "killed")).count("began") == 2


async def test_a_dead_worker_is_replaced(store: Store, start: Start) -> None:
    crew = start()
    before = await _workers(crew)
    for worker in before:
        worker.kill()
    await _until(lambda: _are_others(crew, before))
    await _note(store, "after")
    await _until(lambda: _done(store, "after"))


async def test_sigterm_lets_the_job_in_hand_finish(store: Store, start: Start) -> None:
    crew = start()
    await _note(store, "long", 1.5)
    await _until(lambda: _begun(store, "long"))
    family = psutil.Process(crew.pid).children(recursive=True)
    crew.send(signal.SIGTERM)
    assert await asyncio.to_thread(crew.wait, 10) == 0
    assert (await _notes(store, "long"))[-1] == "done"
    assert not [process for process in family if process.is_running()]


async def test_a_job_that_does_not_finish_is_taken_down(store: Store, start: Start) -> None:
    crew = start("-c", "from jobs.__main__ import main; main(finish_seconds=1.2)")
    await _note(store, "endless", 50)
    await _until(lambda: _begun(store, "endless"))
    family = psutil.Process(crew.pid).children(recursive=True)
    began = Stopwatch()
    crew.send(signal.SIGTERM)
    assert await asyncio.to_thread(crew.wait, 10) == 0
    assert began.seconds < 5
    assert len(family) == len(SHARES) + 1 and not [
        process for process in family if process.is_running()
    ]


async def test_sigterm_to_idle_workers_ends_them_at_once(store: Store, start: Start) -> None:
    crew = start()
    family = await _workers(crew)
    await _until(lambda: _as_many(store, "rq:worker:*", len(SHARES)))
    began = Stopwatch()
    crew.send(signal.SIGTERM)
    assert await asyncio.to_thread(crew.wait, 10) == 0
    assert began.seconds < 4
    assert not [process for process in family if process.is_running()]


async def test_workers_end_when_the_process_that_watches_them_is_killed(
    store: Store, start: Start
) -> None:
    crew = start()
    family = await _workers(crew)
    await _until(lambda: _as_many(store, "rq:worker:*", len(SHARES)))
    crew.send(signal.SIGKILL)
    await _until(lambda: _are_gone(family))


async def test_redis_away_at_the_start_and_later_is_waited_out(
    own_redis: RedisServer, environment: dict[str, str], start: Start
) -> None:
    environment["REDIS_URL"] = own_redis.url
    own_redis.stop()
    crew = start(REDIS_URL=own_redis.url)
    before = await _workers(crew)
    await asyncio.sleep(1.5)
    own_redis.start()
    async with open_store(Settings.from_environment(environment)) as store:
        await _note(store, "first")
        await _until(lambda: _done(store, "first"))
        # one that is not waiting for jobs just then may be started again, and that is well
        await _until(lambda: _are_at_rest(store))
    own_redis.kill()
    await asyncio.sleep(1.5)
    own_redis.start()
    async with open_store(Settings.from_environment(environment)) as store:
        await _note(store, "second")
        await _until(lambda: _done(store, "second"))
    assert await _workers(crew) == before  # they waited, nobody had to be started again


async def test_a_setting_that_cannot_be_used_is_one_line(start: Start, tmp_path: Path) -> None:
    crew = start(REDIS_URL="http://nowhere")
    assert await asyncio.to_thread(crew.wait, 10) == 1
    assert (tmp_path / "worker-0.log").read_text().startswith("worker: REDIS_URL must begin with")


async def _note(store: Store, key: str, seconds: float = 0, queue: str = "default") -> None:
    url = store.settings.redis_url
    await store.queue.enqueue("examples.note", url, key, seconds, queue=queue)


async def _notes(store: Store, key: str) -> list[str]:
    found: Any = await store.redis.lrange(key, 0, -1)
    return [str(note) for note in found]


async def _begun(store: Store, key: str) -> bool:
    return len(await _notes(store, key)) >= 2


async def _done(store: Store, key: str) -> bool:
    return "done" in await _notes(store, key)


async def _has_row(store: Store, member_id: str) -> bool:
    return bool(await store.database.fetch(b"SELECT 1 FROM member WHERE id = %s", [member_id]))


async def _keys(store: Store, pattern: str) -> bool:
    return bool(await store.redis.keys(pattern))


async def _as_many(store: Store, pattern: str, count: int) -> bool:
    return len(await store.redis.keys(pattern)) == count


async def _are_at_rest(store: Store) -> bool:
    workers = await store.redis.keys("rq:worker:*")
    states = [await store.redis.hget(worker, "state") for worker in workers]
    return states == ["idle"] * len(SHARES) and not await store.redis.keys("rq:job:*")


async def _workers(crew: Child) -> list[psutil.Process]:
    """The worker processes, once all are there."""
    await _until(lambda: _has_children(crew, len(SHARES)))
    return psutil.Process(crew.pid).children()


async def _has_children(crew: Child, count: int) -> bool:
    return len(psutil.Process(crew.pid).children()) == count


async def _are_others(crew: Child, before: list[psutil.Process]) -> bool:
    now = psutil.Process(crew.pid).children()
    return len(now) == len(SHARES) and not set(now) & set(before)


async def _are_gone(processes: list[psutil.Process]) -> bool:
    return not [process for process in processes if process.is_running()]


async def _until(
    ask: Callable[[], Awaitable[bool]], seconds: float = 30.0, pause: float = 0.02
) -> None:
    deadline = time.monotonic() + seconds
    while not await ask():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(pause)
