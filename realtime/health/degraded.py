"""What is not as it should be although requests are served, in lines for `/readyz`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from store.heartbeats import ROLES

LAG_SECONDS = 60.0
"""Postgres is behind by a second at rest, and by some in a rush."""

LEAST_BYTES = 64 * 2**20
"""More than the spool may hold (`store.payments.spool.MOST_FILES`)."""

CLOCK_SECONDS = 60.0
"""More than any machine that keeps its time, and less than anything of ours that runs out."""


def reasons(parts: Mapping[str, Any]) -> list[str]:
    """Return one line for each trouble of what `Health.report` found, the part's name first."""
    return [
        *_redis(parts["redis"]),
        *_log(parts["event_log"]),
        *_others(parts),
        *_processes(parts["processes"]),
        *_clocks(parts),
    ]


def _redis(redis: Mapping[str, Any]) -> Iterator[str]:
    if not redis["ok"]:
        yield f"redis: away ({redis['error']})"
    elif not redis["durable"]:
        yield "redis: it may lose what it took (appendonly yes, maxmemory-policy noeviction)"
    yield from (f"redis: {line}" for line in redis.get("lacks", ()))


def _log(log: Mapping[str, Any]) -> Iterator[str]:
    if not log["following"]:
        yield "event_log: out of reach, no open page hears of anything"
    if (log["lag_seconds"] or 0) > LAG_SECONDS:
        yield f"event_log: Postgres is {log['lag_seconds']:.0f} s behind"
    if broken := log["broken"]:
        yield f"event_log: {broken}"
    if aside := log["set_aside"]:
        yield (
            f"event_log: {aside['count']} events wait that could not be applied, the last of type "
            f"{aside['type']} ({aside['error']}); python -m scripts.set_aside"
        )
    if holder := log["held_by"]:
        yield (
            f"event_log: its cursor has been held for {holder['seconds']:.0f} s by process "
            f"{holder['pid']} of Postgres ({holder['state']}); "
            f"if no worker lives there: SELECT pg_terminate_backend({holder['pid']})"
        )


def _others(parts: Mapping[str, Any]) -> Iterator[str]:
    postgres = parts["postgres"]
    if not postgres["ok"]:
        yield f"postgres: away ({postgres['error']})"
    yield from _spool(parts["spool"])
    for name, router in parts["routers"].items():
        if router["state"] == "away":
            yield f"routers: {name} is away"
    for name, words in parts["outboxes"].items():
        if words is not None:
            yield f"outboxes: no {name} leave"


def _spool(spool: Mapping[str, Any]) -> Iterator[str]:
    if spool["waiting"] is None:
        yield "spool: its disk cannot be read"
        return
    if spool["waiting"]:
        yield f"spool: {spool['waiting']} deliveries wait on this disk"
    if spool["free_bytes"] < LEAST_BYTES:
        yield f"spool: {spool['free_bytes'] // 2**20} MB are left on its disk"


def _processes(processes: Mapping[str, Any] | None) -> Iterator[str]:
    """None where the queue's Redis could not be asked: it is away, which is said already, unless
    it is another one."""
    if processes is None:
        yield "queue: its Redis is away, nothing is worked off"
        return
    for role in ROLES:
        if not any(one["alive"] for one in processes[role]):
            yield f"{role}: silent"


def _clocks(parts: Mapping[str, Any]) -> Iterator[str]:
    processes = parts["processes"] or {}
    clocks = {one["name"]: one["clock_seconds"] for role in processes.values() for one in role}
    for name, ahead in {"web": parts["redis"].get("clock_seconds", 0.0), **clocks}.items():
        if abs(ahead) > CLOCK_SECONDS:
            where = "ahead of" if ahead > 0 else "behind"
            yield f"clocks: that of {name} is {abs(ahead):.0f} s {where} Redis'"
