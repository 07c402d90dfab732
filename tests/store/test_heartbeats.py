"""Signs of life in the queue's Redis: who lives, who went, who is missing, whose clock is off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import redis

from store import heartbeats as signs
from store.heartbeats import Heartbeat, heartbeats
from store.keys import Keys
from store.queue import queue_redis
from store.settings import Settings


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    with queue_redis(settings) as connection:
        yield connection


def test_who_beats_is_alive_and_who_ends_is_forgotten(
    settings: Settings, connection: redis.Redis
) -> None:
    heart = Heartbeat(connection, settings.redis_prefix, "worker")
    heart.beat()
    (seen,) = heartbeats(connection, settings.redis_prefix)
    assert seen.role == "worker" and seen.is_alive and seen.age_seconds < 5
    assert abs(seen.clock_seconds) < 1
    heart.end()
    assert heartbeats(connection, settings.redis_prefix) == []


def test_a_clock_that_is_hours_ahead_is_measured_by_redis(
    settings: Settings, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 7_200)
    Heartbeat(connection, settings.redis_prefix, "worker").beat()
    (seen,) = heartbeats(connection, settings.redis_prefix)
    assert seen.is_alive and 7_199 < seen.clock_seconds < 7_201


def test_who_was_killed_is_missed_for_a_day(settings: Settings, connection: redis.Redis) -> None:
    prefix = settings.redis_prefix
    for name, age in (("lost", 2 * signs.SILENT_SECONDS), ("old", 2 * signs.FORGOTTEN_SECONDS)):
        value = json.dumps({"at": time.time() - age, "ahead": 0.0})
        connection.hset(Keys(prefix).heartbeats(), f"worker:{name}:1", value)
    Heartbeat(connection, prefix, "scheduler").beat()
    found = heartbeats(connection, prefix)
    seen = {beat.role: beat.is_alive for beat in found}
    assert seen == {"scheduler": True, "worker": False}


def test_a_redis_that_is_away_hears_it_later(environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment | {"QUEUE_REDIS_URL": "redis://127.0.0.1:1"})
    with queue_redis(settings) as nobody:
        heart = Heartbeat(nobody, settings.redis_prefix, "worker")
        heart.beat()
        heart.end()
