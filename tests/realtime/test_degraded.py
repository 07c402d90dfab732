"""What `/readyz` says of each trouble, and that none of it takes the traffic away."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.health import report
from realtime.health.degraded import reasons
from scripts.embedded.redis_server import RedisServer
from store.continuity import Break
from store.database import statement
from store.heartbeats import Heartbeat
from store.queue import queue_redis
from tests.lynk import KEY, deliver, payment
from tests.serving import Serving, serving, until

ALIVE = {"name": "worker:a:1", "alive": True, "seen_seconds": 1.0, "clock_seconds": 0.1}

SPOOL = {"waiting": 0, "free_bytes": 10 * 2**30}

LOG: dict[str, Any] = {
    "following": True,
    "lag_seconds": 0.4,
    "held_by": None,
    "set_aside": None,
    "broken": None,
}

WHOLE: dict[str, Any] = {
    "redis": {"ok": True, "durable": True, "lacks": [], "clock_seconds": 0.0},
    "postgres": {"ok": True},
    "event_log": LOG,
    "spool": SPOOL,
    "routers": {"utara": {"state": "done"}},
    "outboxes": {"mails": None, "messages": None},
    "processes": {"worker": [ALIVE], "scheduler": [ALIVE | {"name": "scheduler:a:2"}]},
}


def test_nothing_is_said_of_what_is_well() -> None:
    assert reasons(WHOLE) == []
    assert reasons(WHOLE | {"event_log": LOG | {"lag_seconds": None}}) == []


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"redis": {"ok": False, "error": "ConnectionError"}}, "redis: away (ConnectionError)"),
        ({"redis": WHOLE["redis"] | {"durable": False}}, "redis: it may lose"),
        ({"redis": WHOLE["redis"] | {"lacks": ["DURABILITY=x"]}}, "redis: DURABILITY=x"),
        (
            {"event_log": LOG | {"following": False}},
            "event_log: out of reach",
        ),
        (
            {"event_log": LOG | {"lag_seconds": 75.0}},
            "event_log: Postgres is 75 s",
        ),
        (
            {
                "event_log": WHOLE["event_log"]
                | {"held_by": {"pid": 7, "state": "idle in transaction", "seconds": 90.0}}
            },
            "event_log: its cursor has been held for 90 s by process 7 of Postgres (idle",
        ),
        (
            {"event_log": LOG | {"broken": Break.TRIMMED.words}},
            "event_log: the log was trimmed beyond what Postgres has; nothing is applied until ",
        ),
        (
            {"event_log": LOG | {"set_aside": {"count": 2, "type": "x.done", "error": "why"}}},
            "event_log: 2 events wait that could not be applied, the last of type x.done (why)",
        ),
        ({"postgres": {"ok": False, "error": "Unavailable"}}, "postgres: away"),
        ({"spool": SPOOL | {"waiting": 3}}, "spool: 3 deliveries"),
        ({"spool": SPOOL | {"waiting": None, "free_bytes": None}}, "spool: its disk cannot"),
        ({"spool": SPOOL | {"free_bytes": 3 * 2**20}}, "spool: 3 MB are left"),
        ({"routers": {"utara": {"state": "away"}}}, "routers: utara is away"),
        ({"outboxes": {"mails": "450 quota"}}, "outboxes: no mails leave"),
        ({"processes": None}, "queue: its Redis is away"),
        ({"processes": WHOLE["processes"] | {"worker": []}}, "worker: silent"),
        (
            {"processes": WHOLE["processes"] | {"scheduler": [ALIVE | {"alive": False}]}},
            "scheduler: silent",
        ),
        (
            {"processes": WHOLE["processes"] | {"worker": [ALIVE | {"clock_seconds": 7200.0}]}},
            "clocks: that of worker:a:1 is 7200 s ahead of Redis'",
        ),
        ({"redis": WHOLE["redis"] | {"clock_seconds": -3600.0}}, "clocks: that of web is 3600 s"),
    ],
)
def test_each_trouble_is_a_line(parts: dict[str, Any], said: str) -> None:
    (line,) = reasons(WHOLE | parts)
    assert line.startswith(said)


async def degraded(site: Serving) -> list[str]:
    answer = await site.browser().get("/readyz")
    assert answer.status == 200 and answer.json["serving"] is True
    return [line.partition(":")[0] for line in answer.json["degraded"]]


async def test_it_serves_without_redis_and_keeps_deliveries(
    environment, own_redis: RedisServer
) -> None:
    own = {"REDIS_URL": own_redis.url, "LYNK_MERCHANT_KEYS": KEY}
    async with serving(environment, **own) as site:
        with queue_redis(site.settings) as connection:
            for role in ("worker", "scheduler"):
                Heartbeat(connection, site.settings.redis_prefix, role).beat()
        assert await degraded(site) == []
        own_redis.kill()
        await until(lambda: _says(site, ["redis", "event_log", "queue"]))
        answer = await deliver(site.browser(), payment())
        assert (answer.status, answer.json) == (200, {"status": "success"})


async def _says(site: Serving, parts: list[str]) -> bool:
    return await degraded(site) == parts


async def test_a_cursor_that_nobody_alive_holds_is_named(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that vanished in the middle of a batch, behind a pooler that did not notice."""
    monkeypatch.setattr(report, "HELD_SECONDS", 0.05)
    async with serving(environment) as site:
        await site.store.redis.xadd(site.store.keys.events(), {"type": "audit", "data": "{}"})
        await site.store.events.append("audit", {"act": "late"})
        async with site.store.database.connection() as lost:
            await lost.execute(statement("events", "add_cursor"), {"name": "any"})
            await lost.execute(statement("events", "take_cursor"), {"name": "any"})
            pid = lost.info.backend_pid
            await until(lambda: _names(site, f"by process {pid} of Postgres"))
        await until(lambda: _is_free(site))


async def _names(site: Serving, words: str) -> bool:
    lines = (await site.browser().get("/readyz")).json["degraded"]
    return any(words in line for line in lines)


async def _is_free(site: Serving) -> bool:
    return (await site.browser().get("/readyz")).json["event_log"]["held_by"] is None
