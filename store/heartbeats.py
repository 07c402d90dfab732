"""Signs of life of the processes that no address reaches: the worker and the scheduler.

They give them in the queue's Redis, without which they can do nothing; a web process reads them
for `/readyz`. Each comes with how far the process's clock is off from Redis's own: clocks that
disagree make sessions, codes and the log seem older or younger than they are.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from store.keys import Keys

ROLES = ("worker", "scheduler")

BEAT_SECONDS = 5.0
"""Rare enough to cost nothing; six of them are SILENT_SECONDS."""

SILENT_SECONDS = 30.0
"""Some may be late or lost: a Redis that restarts, a worker on a busy machine."""

FORGOTTEN_SECONDS = 24 * 3600
"""How long a process that was killed is remembered as one that is missing."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What was last heard of a process; seconds, `clock_seconds` ahead of Redis when positive."""

    role: str
    name: str
    age_seconds: float
    clock_seconds: float

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return self.age_seconds < SILENT_SECONDS


class Heartbeat:
    """One process's own."""

    def __init__(self, connection: redis.Redis, prefix: str, role: str) -> None:
        self._redis = connection
        self._key = Keys(prefix).heartbeats()
        self._name = f"{role}:{socket.gethostname()}:{os.getpid()}"
        self._due = 0.0

    def beat(self) -> None:
        """Say that this process lives, if that is due. A Redis that is away hears it later."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + BEAT_SECONDS
        try:
            self._say()
        except (redis.RedisError, OSError):
            return

    def end(self) -> None:
        """Take the sign away: who goes in an orderly way is not missing."""
        try:
            self._redis.hdel(self._key, self._name)
        except (redis.RedisError, OSError):
            return

    def _say(self) -> None:
        seconds, ahead = clock_of(self._redis)
        value = json.dumps({"at": seconds, "ahead": ahead})
        self._redis.hset(self._key, self._name, value)
        gone = [
            beat.name
            for beat in _beats(_hash(self._redis, self._key), seconds)
            if beat.age_seconds > FORGOTTEN_SECONDS
        ]
        if gone:
            self._redis.hdel(self._key, *gone)


def heartbeats(connection: redis.Redis, prefix: str) -> list[Beat]:
    """Return what was last heard of each process, by name; blocking. Raises redis.RedisError."""
    return _beats(_hash(connection, Keys(prefix).heartbeats()), clock_of(connection)[0])


def clock_of(connection: redis.Redis) -> tuple[float, float]:
    """Return Redis's own time and how far ours is ahead of it, both in seconds; blocking."""
    before = time.time()
    seconds, micros = connection.time()
    theirs = seconds + micros / 1e6
    return theirs, round((before + time.time()) / 2 - theirs, 3)


def _hash(connection: redis.Redis, key: str) -> dict[bytes, bytes]:
    return connection.hgetall(key)  # type: ignore[return-value]


def _beats(found: dict[bytes, bytes], now: float) -> list[Beat]:
    return sorted(_read(found.items(), now), key=lambda beat: beat.name)


def _read(found: Iterable[tuple[bytes, bytes]], now: float) -> Iterable[Beat]:
    for name, text in found:
        value: dict[str, Any] = json.loads(text)
        whose = name.decode()
        yield Beat(whose.partition(":")[0], whose, max(0.0, now - value["at"]), value["ahead"])
