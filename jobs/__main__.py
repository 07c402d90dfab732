"""`python -m jobs`: four RQ workers, each a process of its own, watched by this one.

One serves `urgent` alone: a login code and a block wait neither for the log, which in a crowd is
worked on without a pause, nor for a router pass of minutes. The second prefers `default`, the third
`hotspot`: a busy log never keeps the router waiting, nor a long pass the log. The fourth serves
visitors alone: whoever opens pages in a crowd keeps nobody waiting but other visitors.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import NoReturn

import redis
import rq
from rq.serializers import JSONSerializer

import jobs.hotspot
import jobs.persist  # noqa: F401  (loaded once, before the forks, so that a job starts at once)
from jobs.stopping import StopSignals
from store.heartbeats import Heartbeat
from store.queue import RESULT_SECONDS, queue_redis
from store.settings import Settings
from store.starting import started

SHARES = (("urgent",), ("urgent", "default"), ("urgent", "hotspot", "default"), ("visitors",))

FINISH_SECONDS = 20.0
"""How long a job in hand may take to finish after SIGTERM; a platform kills at 30 s. What is cut
off is run again, or found by the periodic work."""

KILL_SECONDS = 2.0
"""And how long its worker then has to take it down."""

REPEAT_SECONDS = 1.1
"""RQ takes a second SIGTERM within a second for an echo of the first."""

CALM_SECONDS = 30.0
"""A worker that lived this long is started again at once; one that did not, after a pause."""

LONGEST_PAUSE_SECONDS = 5.0

WORKER_TTL_SECONDS = 30
"""RQ waits for jobs in turns of half of it: so a Redis that vanished without a word is noticed."""

MAINTENANCE_SECONDS = 60
"""How often RQ looks for jobs whose worker died; they run again."""

MONITORING_SECONDS = 10
"""How often a running job is known to be alive; a minute after the last time it counts as dead."""

log = logging.getLogger("jaga.worker")


def main(finish_seconds: float = FINISH_SECONDS) -> int:
    """Run the workers until SIGTERM; returns the process's exit status.

    After SIGTERM a job in hand has `finish_seconds` to finish.
    """
    settings = started("worker")
    with StopSignals(also_wake=(signal.SIGCHLD,)) as signals:
        Crew(settings, signals, finish_seconds).run()
    return 0


@dataclass
class Seat:
    """One worker's place: who sits there, since when, and how often in a row it died young."""

    queues: tuple[str, ...]
    pid: int | None = None
    since: float = 0.0
    deaths: int = 0
    free_at: float = field(default=0.0)


class Crew:
    """Starts the workers, starts a dead one again, ends them all."""

    def __init__(self, settings: Settings, signals: StopSignals, finish_seconds: float) -> None:
        self._settings = settings
        self._signals = signals
        self._finish_seconds = finish_seconds
        self._seats = [Seat(queues) for queues in SHARES]
        # open for writing in this process alone: the workers see its end when this one is gone
        self._alive, self._lives = os.pipe()
        self._heartbeat = Heartbeat(queue_redis(settings), settings.redis_prefix, "worker")

    def run(self) -> None:
        """Keep every seat taken until asked to stop, then end the workers."""
        while not self._signals.asked:
            self._heartbeat.beat()
            now = time.monotonic()
            self._reap(now)
            for seat in self._seats:
                if seat.pid is None and now >= seat.free_at:
                    self._start(seat, now)
            self._signals.wait(1.0)
        self._heartbeat.end()
        self._end()

    def _start(self, seat: Seat, now: float) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_worker(seat)
        seat.pid, seat.since = pid, now
        log.info("worker started pid=%d queues=%s", pid, ",".join(seat.queues))

    def _become_worker(self, seat: Seat) -> NoReturn:
        status = 1
        try:
            self._signals.forget()
            os.close(self._lives)
            threading.Thread(target=_end_with, args=(self._alive,), daemon=True).start()
            serve(self._settings, seat.queues)
            status = 0
        except Exception:
            log.exception("worker failed")
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self, now: float) -> None:
        for seat in self._seats:
            if seat.pid is None or os.waitpid(seat.pid, os.WNOHANG)[0] == 0:
                continue
            calm = now - seat.since >= CALM_SECONDS
            seat.deaths = 0 if calm else seat.deaths + 1
            pause = min(LONGEST_PAUSE_SECONDS, 0.5 * seat.deaths)
            log.warning("worker died pid=%d, another in %.1f s", seat.pid, pause)
            seat.pid, seat.free_at = None, now + pause

    def _end(self) -> None:
        """Ask politely, then again (RQ takes the job in hand down), then insist."""
        for sign, seconds in (
            (signal.SIGTERM, max(self._finish_seconds, REPEAT_SECONDS)),
            (signal.SIGTERM, KILL_SECONDS),
            (signal.SIGKILL, KILL_SECONDS),
        ):
            self._send(sign)
            if self._all_gone(seconds):
                return

    def _send(self, sign: signal.Signals) -> None:
        for seat in self._seats:
            if seat.pid is not None:
                os.kill(seat.pid, sign)  # not reaped yet, so the pid is still its own

    def _all_gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            for seat in self._seats:
                if seat.pid is not None and os.waitpid(seat.pid, os.WNOHANG)[0] != 0:
                    seat.pid = None
            if not any(seat.pid for seat in self._seats):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)


def serve(settings: Settings, queues: tuple[str, ...]) -> None:
    """Be an RQ worker until SIGTERM. Redis being away is waited out."""
    with queue_redis(settings) as knocking:  # RQ gives its own connections longer timeouts
        _wait_for(knocking)
    connection = queue_redis(settings)
    worker = PatientWorker(
        [rq.Queue(name, connection=connection, serializer=JSONSerializer) for name in queues],
        connection=connection,
        serializer=JSONSerializer,
        default_result_ttl=RESULT_SECONDS,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
        log_job_description=False,
    )
    worker.work(logging_level=None)


class PatientWorker(rq.Worker):
    """A worker that asks again every two seconds while Redis is away, not after a minute."""

    max_connection_wait_time = 2.0


def _wait_for(connection: redis.Redis) -> None:
    away = False
    while True:
        try:
            connection.ping()
            return
        except (redis.RedisError, OSError) as error:
            if not away:
                log.warning("redis away: %s", error)
            away = True
            time.sleep(1.0)


def _end_with(alive: int) -> None:
    """Wait for the end of the process that watches us, and stop as it would have asked."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
