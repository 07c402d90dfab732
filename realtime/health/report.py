"""How this process and all that it needs are, asked at once: for /readyz and the figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from psycopg.errors import UndefinedColumn, UndefinedTable
from redis.exceptions import RedisError

from realtime.first_admin import FirstAdmin
from realtime.health.degraded import reasons
from realtime.metrics import Metrics, Snapshot
from realtime.presence.handshake import Handshake
from realtime.presence.hub import Hub
from realtime.presence.sweep import Sweep
from realtime.relay import Relay
from store.clock import redis_ms
from store.database import statement
from store.durability import Means
from store.errors import Unavailable
from store.heartbeats import ROLES
from store.opening import Store
from store.weak_settings import weaknesses

HELD_SECONDS = 30.0
"""A batch of the log is applied in a fraction of a second; the longest takes some."""

ANSWER_SECONDS = 2.0
"""How long a dependency may take before it counts as away."""


class Health:
    """Asks every part how it is."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        relay: Relay,
        sweep: Sweep,
        handshake: Handshake,
        metrics: Metrics,
        first_admin: FirstAdmin,
        warnings: Callable[[], list[str]],
    ) -> None:
        """`warnings` are what this process has noticed of how it is used."""
        self._store = store
        self._hub = hub
        self._relay = relay
        self._sweep = sweep
        self._handshake = handshake
        self._metrics = metrics
        self._first_admin = first_admin
        self._noticed = warnings
        self._weaknesses = weaknesses(store.settings)
        self._means: Means | None = None

    @property
    def is_serving(self) -> bool:
        """Whether traffic may come here: everything was there once, and we are not leaving.

        What goes away later makes the service poorer and is said in the report. It is no reason to
        send traffic elsewhere: the others miss it too, and what is left is reached through us
        (CONTRACT §16, DESIGN §6).
        """
        was_ready = self._relay.has_followed and self._sweep.is_built and self._first_admin.exists
        return was_ready and not self._handshake.is_closing

    async def report(self) -> dict[str, Any]:
        """Return each part's state, and what of it is not as it should be."""
        # at once, so that an answer comes within the patience of whoever asks when all are away
        (redis, postgres, lag, aside), others = await asyncio.gather(
            asyncio.gather(self._redis(), self._postgres(), self._lag(), self._set_aside()),
            asyncio.gather(self._spool(), self._routers(), self._troubles(), self._processes()),
        )
        spool, routers, outboxes, processes = others
        parts = {
            "redis": redis,
            "postgres": postgres,
            "event_log": {"following": self._relay.is_following, "set_aside": aside, **lag},
            "members": {
                "restored": self._sweep.is_built,
                "first_admin": self._first_admin.exists,
            },
            "spool": spool,
            "routers": routers,
            "outboxes": outboxes,
            "processes": processes,
            "connections": self._hub.count,
            "closing": self._handshake.is_closing,
            "warnings": [*self._weaknesses, *self._noticed(), *self._weak()],
        }
        return {"serving": self.is_serving, "degraded": reasons(parts), **parts}

    async def _redis(self) -> dict[str, Any]:
        redis = self._store.redis
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                persistence = await redis.info("persistence")
                memory = await redis.info("memory")
                means = self._means = await self._store.durability.means()
                before = time.time()
                theirs = await redis_ms(redis) / 1000
                ahead = (before + time.time()) / 2 - theirs
        except (RedisError, OSError, TimeoutError) as error:
            return {"ok": False, "error": type(error).__name__}
        aof = bool(persistence.get("aof_enabled"))
        policy = str(memory.get("maxmemory_policy", ""))
        return {
            "ok": True,
            "aof": aof,
            "maxmemory_policy": policy,
            "durable": aof and policy == "noeviction",
            "confirms": sorted(means.confirmed),
            "lacks": means.lacks(self._store.durability.asked),
            "clock_seconds": round(ahead, 3),
        }

    def _weak(self) -> list[str]:
        """What this Redis was last seen not to be able to, where nobody insists."""
        if self._means is None or self._store.settings.is_dev:
            return []
        return self._means.weaknesses(self._store.durability.asked)

    async def _postgres(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._store.database.ping()
        except (Unavailable, TimeoutError) as error:
            return {"ok": False, "error": type(error).__name__}
        return {"ok": True}

    async def _lag(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                lag = round(await self._store.events.lag_seconds(), 3)
                broken = await self._store.continuity.broken()
        except (RedisError, OSError, TimeoutError):
            return {"lag_seconds": None, "held_by": None, "broken": None}
        held_by = await self._holder() if lag > HELD_SECONDS else None
        return {"lag_seconds": lag, "held_by": held_by, "broken": broken and broken.words}

    async def _set_aside(self) -> dict[str, Any] | None:
        """The events that could not be applied, None for none; or while Postgres is away or has
        not been migrated."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                waiting = await self._store.set_aside.waiting()
        except (Unavailable, UndefinedTable, UndefinedColumn, TimeoutError):
            return None
        return asdict(waiting) if waiting else None

    async def _holder(self) -> dict[str, Any] | None:
        """Who has the cursor of the log in hand for longer than a batch takes: in Postgres, a
        process whose reader may be dead."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                row = await self._store.database.fetch_one(statement("events", "cursor_holder"))
        except (Unavailable, TimeoutError):
            return None
        return dict(row) if row and row["seconds"] > HELD_SECONDS else None

    async def _spool(self) -> dict[str, int | None]:
        """How many payments wait on this machine's disk, and its bytes that are left; None when it
        cannot be asked."""
        intake = self._store.payments.intake
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return {"waiting": await intake.waiting(), "free_bytes": await intake.room()}
        except (Unavailable, OSError, TimeoutError):
            return {"waiting": None, "free_bytes": None}

    async def _routers(self) -> dict[str, Any]:
        """What the last run at each router saw: nobody here speaks to one. Empty when Redis is
        away, or there is none."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                routers = await self._store.hotspot.ledger.routers()
        except (RedisError, OSError, TimeoutError):
            return {}
        told = ("state", "at", "away_since", "took_ms", "pending")
        return {router["name"]: {name: router[name] for name in told} for router in routers}

    async def _troubles(self) -> dict[str, Any]:
        """Why no mails and no messages leave, None while they do; empty when Postgres is away
        or has not been migrated."""
        mails, messages = self._store.mails, self._store.messages
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return {"mails": await mails.trouble(), "messages": await messages.trouble()}
        except (Unavailable, UndefinedTable, TimeoutError):
            return {}

    async def _processes(self) -> dict[str, Any] | None:
        """What was last heard of workers and schedulers, None when the queue cannot be asked."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                beats = await self._store.queue.heartbeats()
        except (Unavailable, TimeoutError):
            return None
        return {
            role: [
                {
                    "name": beat.name,
                    "alive": beat.is_alive,
                    "seen_seconds": round(beat.age_seconds, 1),
                    "clock_seconds": beat.clock_seconds,
                }
                for beat in beats
                if beat.role == role
            ]
            for role in ROLES
        }

    async def _counts(self) -> dict[str, dict[str, int]]:
        """How many mails and messages are in each state; empty when Postgres is away."""
        mails, messages = self._store.mails, self._store.messages
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return {"mails": await mails.counts(), "messages": await messages.counts()}
        except (Unavailable, UndefinedTable, TimeoutError):
            return {}

    async def figures(self) -> bytes:
        """Return the metrics as they are now."""
        report, counts = await asyncio.gather(self.report(), self._counts())
        return self._metrics.text(
            Snapshot(
                serving=report["serving"],
                degraded=len(report["degraded"]),
                up={name: bool(report[name]["ok"]) for name in ("redis", "postgres")},
                connections=self._hub.counts,
                ended=self._hub.left,
                sessions=self._hub.session_count,
                payments=self._store.payments.intake.taken,
                spooled=report["spool"]["waiting"],
                log_lag_seconds=report["event_log"]["lag_seconds"],
                routers=report["routers"],
                outboxes=counts,
                resting={name: words is not None for name, words in report["outboxes"].items()},
                processes={
                    role: sum(one["alive"] for one in found)
                    for role, found in (report["processes"] or {}).items()
                },
            )
        )
