"""A worker inside the test's own process: threads that take jobs from the real queues.

The jobs, the queues and RQ's own handling of both are the real ones; what is left out is the
process, its start and the fork for each job. Where a worker dies or is stopped, `product` is.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import rq
from redis.exceptions import RedisError
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty

from jobs.__main__ import SHARES
from store.queue import RESULT_SECONDS, queue_redis
from store.settings import SETTING_NAMES, Settings

WAIT_SECONDS = 1
AWAY_SECONDS = 0.1
STOP_SECONDS = 35.0
"""A persist job goes on for up to 30 s while there is work."""


class ThreadJob(Job):
    """A job whose loop is closed behind it: no process's end does it here."""

    def _execute(self) -> Any:
        result = self.func(*self.args, **self.kwargs)
        return asyncio.run(result) if inspect.iscoroutine(result) else result


class ThreadWorker(rq.SimpleWorker):
    """A worker in a thread, where no signal can end a job that takes too long."""

    death_penalty_class = TimerDeathPenalty
    job_class = ThreadJob


class Hand:
    """One thread that works off some of the queues."""

    def __init__(self, settings: Settings, queues: tuple[str, ...]) -> None:
        self._redis = queue_redis(settings)
        self._worker = ThreadWorker(
            [self._queue(name) for name in queues],
            connection=self._redis,
            serializer=JSONSerializer,
            default_result_ttl=RESULT_SECONDS,
        )
        self._client = self._redis.client_id()
        self._unblocking = queue_redis(settings)
        self._asked = False
        self._thread = threading.Thread(target=self._work, name="hand", daemon=True)
        self._thread.start()

    def _queue(self, name: str) -> rq.Queue:
        return rq.Queue(
            name, connection=self._redis, serializer=JSONSerializer, job_class=ThreadJob
        )

    def _work(self) -> None:
        self._worker.register_birth()
        while not self._asked:
            try:
                if found := self._next():
                    self._worker.execute_job(*found)
            except (RedisError, OSError):  # it comes back, or its replica; a process does the same
                time.sleep(AWAY_SECONDS)
        self._worker.register_death()

    def _next(self) -> tuple[Job, rq.Queue] | None:
        try:
            return rq.Queue.dequeue_any(
                self._worker.queues,
                timeout=WAIT_SECONDS,
                connection=self._redis,
                job_class=ThreadJob,
                serializer=JSONSerializer,
            )
        except DequeueTimeout:
            return None

    def ask_to_stop(self) -> None:
        """Take no further job."""
        self._asked = True

    def join(self) -> None:
        """Wait for the job in hand; raises AssertionError when it does not end."""
        for _ in range(int(STOP_SECONDS / 0.02)):
            self._unblocking.client_unblock(self._client)
            self._thread.join(0.02)
            if not self._thread.is_alive():
                break
        self._redis.close()
        self._unblocking.close()
        assert not self._thread.is_alive(), "the job in hand does not end"


@asynccontextmanager
async def working(env: Mapping[str, str]) -> AsyncIterator[None]:
    """Work off the queues of the settings `env`, which are this process's environment meanwhile."""
    settings = Settings.from_environment(env)
    with pytest.MonkeyPatch.context() as patch:
        for name in set(SETTING_NAMES) & set(os.environ):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        hands = [Hand(settings, queues) for queues in SHARES]
        try:
            yield
        finally:
            for hand in hands:
                hand.ask_to_stop()
            await asyncio.gather(*(asyncio.to_thread(hand.join) for hand in hands))
