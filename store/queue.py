"""The only door to RQ: jobs are enqueued by name, with JSON arguments, never on the event loop.

RQ is synchronous, so each call is made in a thread of our own, with a deadline. A job is a wish:
what must not be lost is kept in the log or in an outbox row, and is found there by the periodic
work if the queue should lose it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
import rq
from rq.serializers import JSONSerializer

from store.errors import Unavailable
from store.heartbeats import Beat, heartbeats
from store.redis_servers import open_blocking_redis
from store.settings import Settings

QUEUES = ("urgent", "default", "hotspot", "visitors")
"""`urgent` is for blocks and login codes. `visitors` is for what the routers are asked for anybody
who opens a page: what strangers cause never waits in front of what is urgent."""

MOST_WAITING = {"visitors": 30}
"""Jobs that may wait in a queue. A page waits four seconds for its visitor's answer, in which a
worker gives some twenty: one that would come too late is refused at once, and asked again.
Two threads may look in the same moment: one more is no harm."""

ASKED_SECONDS = 30
"""How long a visitor's question may wait for a worker. Its page has long stopped looking then."""

JOB_SECONDS = 24 * 3600
"""How long a job may wait for a worker. After a day nobody needs the code or the wake-up any more;
lasting work is found again by its outbox row."""

RUN_SECONDS = 180
"""How long a job may run unless its caller says otherwise: twice the longest of ours, a router
pass over a large site; RQ then stops it."""

RESULT_SECONDS = 0
"""No job of ours returns anything, so nothing stays in Redis after a success."""

FAILURE_SECONDS = 3600
"""A failed job can be looked at for an hour (`rq info`); the log has its traceback for good. A job
that fails every three seconds leaves 1,200 of them, a few megabytes, not a year's."""

WAKE_SECONDS = 0.2
"""The persist job is woken at once, then at most this often (DESIGN §1)."""

REPLY_SECONDS = 1.0

PUSH_SECONDS = 4.0
"""The deadline of one call: a connection and two replies, at their own limits of 1 s."""

MOST_PENDING = 256
"""Calls that may wait for the threads. More wait only when Redis hangs: refuse, do not pile up."""

THREADS = 2

CLOSE_SECONDS = 1.0

log = logging.getLogger("jaga.queue")


class Queue:
    """Jobs for the workers; one of these per process, bound to its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis_prefix
        self._redis = queue_redis(settings)
        self._own = _Lane(THREADS)
        self._visitors = _Lane(1)
        self._looks = _Lane(1)
        self._wanted = False
        self._waking: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._failing = False

    async def enqueue(
        self,
        function: str,
        *args: Any,
        queue: str = "default",
        unique: str | None = None,
        seconds: int = RUN_SECONDS,
    ) -> None:
        """Ask a worker to call `function` (its dotted name) with `args`, which must be JSON.

        With `unique`, nothing is added while a job of that name waits; one that already runs does
        not count, because it may have read the state before the change that this call is about.
        `seconds` bounds the run. Raises Unavailable when Redis does not take it, or when as many
        wait as may.
        """
        lane = self._visitors if queue == "visitors" else self._own
        await lane.run(push, self._redis, self._prefix, function, args, queue, unique, seconds)

    async def is_waiting(self, queue: str) -> bool:
        """Return whether any job waits in a queue. Raises Unavailable."""
        length: int = await self._visitors.run(self._redis.llen, _queue_key(queue))
        return length > 0

    async def heartbeats(self) -> list[Beat]:
        """Return what was last heard of workers and schedulers. Raises Unavailable."""
        beats: list[Beat] = await self._looks.run(heartbeats, self._redis, self._prefix)
        return beats

    def wake_persist(self) -> None:
        """Have the log applied to Postgres soon: at once, then at most every WAKE_SECONDS.

        Never waits and never fails: a wake-up that is lost is made up for by the scheduler.
        """
        self._wanted = True
        if self._waking is None and not self._closing.is_set():
            self._waking = asyncio.get_running_loop().create_task(self._wake_while_wanted())

    async def close(self) -> None:
        """Send a wake-up that is still owed, wait briefly for it, then let go of Redis."""
        self._closing.set()
        if waking := self._waking:
            await asyncio.wait({waking}, timeout=CLOSE_SECONDS)
            waking.cancel()
        self._own.close()
        self._visitors.close()
        self._looks.close()
        self._redis.close()

    async def _wake_while_wanted(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                await self._wake()
                await self._pause()
        finally:
            self._waking = None

    async def _wake(self) -> None:
        try:
            await self.enqueue("jobs.persist.run", unique="persist")
        except Unavailable:
            if not self._failing:
                log.warning("queue away: the log is applied when the scheduler asks for it")
            self._failing = True
        else:
            self._failing = False

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), WAKE_SECONDS)
        except TimeoutError:
            return


class _Lane:
    """Threads for calls to RQ, and a bound on how many calls wait for them. Strangers' jobs have a
    lane of their own, so that they never fill the lane of the urgent ones."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="jaga-queue")
        self._pending = 0

    async def run(self, call: Any, *args: Any) -> Any:
        """Call it in a thread. Raises Unavailable when Redis does not answer, or too many wait."""
        if self._pending >= MOST_PENDING:
            raise Unavailable()
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, call, *args)
            return await asyncio.wait_for(running, PUSH_SECONDS)
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise Unavailable() from error
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def push(
    connection: redis.Redis,
    prefix: str,
    function: str,
    args: Sequence[Any],
    queue: str,
    unique: str | None,
    seconds: int,
) -> bool:
    """Put a job into a queue, as `Queue.enqueue` says; blocking, for callers without a loop.

    Returns whether it was added. Raises Unavailable when too many wait, ValueError for a queue that
    no worker serves, TypeError for arguments that are no JSON, redis.RedisError.
    """
    if queue not in QUEUES:
        raise ValueError(f"no worker serves the queue {queue!r}")
    most = MOST_WAITING.get(queue)
    if most and int(connection.llen(_queue_key(queue))) >= most:
        raise Unavailable()
    marker = f"rq:unique:{prefix}:{unique}"
    if unique and _waits(connection, queue, marker):
        return False
    job = _rq_queue(connection, queue).enqueue_call(
        function,
        args=tuple(args),
        # RQ takes letters, digits, dashes and underscores only
        job_id=f"{function.replace('.', '-')}-{secrets.token_hex(8)}",
        timeout=seconds,
        ttl=ASKED_SECONDS if queue == "visitors" else JOB_SECONDS,
        result_ttl=RESULT_SECONDS,
        failure_ttl=FAILURE_SECONDS,
        # a job that died with its worker runs once more; a unique one is asked for again anyway
        retry=None if unique else rq.Retry(max=1),
    )
    if unique:
        connection.set(marker, job.id, ex=JOB_SECONDS)
    return True


def queue_redis(settings: Settings) -> redis.Redis:
    """Return a blocking Redis for RQ; contacts nobody yet."""
    return open_blocking_redis(
        settings.queue_redis_url, settings.redis_ca, REPLY_SECONDS, connections=THREADS + 3
    )


def _waits(connection: redis.Redis, queue: str, marker: str) -> bool:
    """Whether the job that the marker names is still in the list: exact, so nothing gets stuck
    when a worker is killed, which a lock or RQ's own `unique` would."""
    job_id = connection.get(marker)
    return bool(job_id) and connection.lpos(_queue_key(queue), job_id) is not None  # type: ignore[arg-type]


def _rq_queue(connection: redis.Redis, name: str) -> rq.Queue:
    return rq.Queue(name, connection=connection, serializer=JSONSerializer)


def _queue_key(name: str) -> str:
    return f"{rq.Queue.redis_queue_namespace_prefix}{name}"
