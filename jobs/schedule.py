"""`python -m jobs.schedule`: the table of periodic work, and the clock that has it done.

rq-scheduler keeps the times in Redis. Any number of these processes may run: one holds the lock
and is active, the others stand by and take over when it is let go or runs out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from rq.job import Job
from rq.scripts import acquire_or_refresh_lock, release_lock
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler
from rq_scheduler.utils import to_unix

from jobs.stopping import StopSignals
from store.heartbeats import Heartbeat
from store.queue import RUN_SECONDS, push, queue_redis
from store.settings import Settings
from store.starting import started

PASS_SECONDS = 1.0
"""How often the table is looked at; no work below is due more exactly than that."""

LOCK_SECONDS = 4
"""How long the lock stays after its clock was killed. Longer than a few passes, so that a clock
that only waited for Redis keeps it; short, because nothing is scheduled until another takes
over."""

log = logging.getLogger("jaga.schedule")


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job to be enqueued again and again; never while the one before still waits."""

    name: str
    function: str
    every: int  # seconds
    queue: str = "default"
    longest: int = RUN_SECONDS  # seconds


TABLE = (
    # the gate goes by the clock; this is for whoever looks at the list
    Periodic("attendance", "jobs.attendance.close", every=30),
    # the safety net under the wake-up that every writer sends
    Periodic("persist", "jobs.persist.run", every=3),
    # those with an open tab end at the moment; nobody waits for the others
    Periodic("sessions", "jobs.sessions.expire", every=60),
    Periodic("qr", "jobs.qr.expire", every=60),
    # what was kept while Redis was away, what failed and is due again, mails likewise
    Periodic("payments", "jobs.payments.process", every=10),
    Periodic("mail", "jobs.mail.send", every=30),
    # what nobody needs any more, a little at a time
    Periodic("retention", "jobs.retention.forget", every=3_600),
)


def table_of(settings: Settings) -> tuple[Periodic, ...]:
    """Return the table with what only some sites have: a router to keep in step."""
    if not settings.routers:
        return TABLE
    every = settings.hotspot_sync_seconds
    return (
        *TABLE,
        Periodic("sync", "jobs.hotspot.run", every=every, queue="hotspot"),
        # a router that was away is green within 15 s of its return, and made to agree at once
        Periodic("probe", "jobs.hotspot.probe", every=8, queue="hotspot"),
        Periodic("garden", "jobs.hotspot.keep_garden", every=3_600, queue="hotspot"),
        Periodic("messages", "jobs.messages.deliver", every=30),
    )


def main() -> int:
    """Keep the clock until SIGTERM; returns the process's exit status."""
    settings = started("scheduler")
    connection = queue_redis(settings)
    with StopSignals() as signals:
        clock = Clock(connection, settings.redis_prefix, table_of(settings))
        keep(clock, Heartbeat(connection, settings.redis_prefix, "scheduler"), signals)
    return 0


def keep(clock: Clock, heartbeat: Heartbeat, signals: StopSignals) -> None:
    """Run passes until asked to stop; Redis being away is waited out."""
    away = False
    while not signals.asked:
        try:
            clock.run_pass()
            heartbeat.beat()
            away = False
        except (redis.RedisError, OSError) as error:
            if not away:
                log.warning("redis away: %s", error)
            away = True
        signals.wait(PASS_SECONDS)
    heartbeat.end()
    try:
        clock.remove_lock()
    except (redis.RedisError, OSError) as error:
        log.warning("lock not released, it runs out in %d s: %s", LOCK_SECONDS, error)


class JsonJob(Job):
    """An RQ job whose arguments are JSON, also where rq-scheduler makes or reads it."""

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None):
        super().__init__(id, connection, serializer or JSONSerializer)


class Clock(Scheduler):  # type: ignore[misc]
    """rq-scheduler, with two things put right.

    Its lock is taken and dropped at every pass, by whoever comes; here it has an owner. And it
    enqueues the very job that stands in its table: a second time while the first still runs, and
    thousands of times while no worker is there. Here each time is a job of its own, and none is
    added while the last one waits.
    """

    job_class = JsonJob

    def __init__(self, connection: redis.Redis, prefix: str, table: Sequence[Periodic]) -> None:
        super().__init__(connection=connection, interval=PASS_SECONDS, job_class=JsonJob)
        self._prefix = prefix
        self._table = {_entry_id(periodic): periodic for periodic in table}

    def run_pass(self) -> bool:
        """Enqueue what is due; returns whether this clock is the active one."""
        active: bool = self.acquire_lock()
        if active:
            self.enqueue_jobs()
        return active

    def acquire_lock(self) -> bool:
        """Take the lock or keep it; who takes it writes the table, also after Redis was emptied."""
        verdict = acquire_or_refresh_lock(
            self.connection, self.scheduler_lock_key, self.name, LOCK_SECONDS
        )
        if verdict == "acquired":
            log.info("active")
            self.register()
        return verdict != "taken"

    def remove_lock(self) -> None:
        """Let a clock that stands by take over at its next pass."""
        release_lock(self.connection, self.scheduler_lock_key, self.name)

    def register(self) -> None:
        """Make the entries in Redis equal to the table; one that is unchanged keeps its time."""
        kept = {job.id: job for job in self.get_jobs()}
        for entry_id in kept.keys() - self._table.keys():
            self.cancel(entry_id)
            kept[entry_id].delete()
            log.info("removed %s", entry_id)
        for entry_id, periodic in self._table.items():
            if entry_id not in kept or kept[entry_id].meta != _meta(periodic):
                self._enter(entry_id, periodic)

    def _enter(self, entry_id: str, periodic: Periodic) -> None:
        entry = self._create_job(
            periodic.function, id=entry_id, queue_name=periodic.queue, commit=False, result_ttl=-1
        )
        entry.meta = _meta(periodic)
        entry.save()
        self.connection.zadd(self.scheduled_jobs_key, {entry_id: to_unix(datetime.now(UTC))})
        log.info("registered %s every %d s", entry_id, periodic.every)

    def enqueue_job(self, job: Job) -> None:
        """Enqueue a fresh job for an entry that is due, and move the entry on."""
        periodic = self._table[job.id]
        push(
            self.connection,
            self._prefix,
            periodic.function,
            (),
            periodic.queue,
            periodic.name,
            periodic.longest,
        )
        due = datetime.now(UTC) + timedelta(seconds=periodic.every)
        self.connection.zadd(self.scheduled_jobs_key, {job.id: to_unix(due)})


def _entry_id(periodic: Periodic) -> str:
    return f"periodic-{periodic.name}"


def _meta(periodic: Periodic) -> dict[str, Any]:
    return {
        "function": periodic.function,
        "interval": periodic.every,
        "queue": periodic.queue,
        "longest": periodic.longest,
    }


if __name__ == "__main__":
    sys.exit(main())
