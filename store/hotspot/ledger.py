"""What the engine's runs have seen: counted bytes, statuses that routers agree with, runs, routers.

Everything that a run changes here it changes only while it holds its router's lease.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from store.changes import Changes, Part, only
from store.clock import now_ms, redis_ms
from store.hotspot.account import (
    Counted,
    look_field,
    obstacle_field,
    settled_field,
    settled_set_field,
)
from store.hotspot.accounts import BATCH
from store.hotspot.leases import Lease
from store.hotspot.quota import today
from store.hotspot.stack import STACK_FIELDS, Stack
from store.routers import Router
from store.scripts import Script
from store.settings import Settings

RUNS_KEPT = 400
"""Runs that can be looked at: most of a day of one router's, every five minutes."""

AWAY_SECONDS = 15
"""A router that was just found to be away is not tried again for so long by runs for one member:
each would keep a worker for the seconds of a connection that is not answered."""

PROFILES_SECONDS = 900
"""How long a router's profiles, once seen, are relied on; runs without writes look again."""

ADDED, RESTACKED = 1, 2
"""What the script says of bytes: added, or that the packages they go to have changed meanwhile."""

COUNTS = 3
"""Tries within one run; what could not be added then is counted from the same look by the next."""


class Ledger(Part):
    """The book that runs are written into."""

    def __init__(self, changes: Changes, settings: Settings) -> None:
        super().__init__(changes)
        self._settings = settings
        self._routers = settings.routers
        self._count = changes.script("hotspot_count", wrote=lambda verdicts: ADDED in verdicts)
        self._settle = changes.script("hotspot_settle", wrote=only(1))
        self._obstacle = changes.script("hotspot_obstacle", wrote=only(1))
        self._clean = Script(changes.redis, "hotspot_clean")
        self._notice = changes.script("hotspot_notice")

    # Members

    async def count(self, router: str, counted: Sequence[Counted], lease: Lease) -> list[str]:
        """Add the bytes that were counted between two looks at a router: to the package in use, and
        what is more than it has left, to the next. Returns the members they were added to.

        Nothing is added for a member at whom another run has looked meanwhile, or when the lease is
        not ours any more.
        """
        added: list[str] = []
        for at in range(0, len(counted), BATCH):
            part = list(counted[at : at + BATCH])
            # of two routers that count for one member at once, one counts into the other's stack
            for _ in range(COUNTS):
                verdicts = await self._count_some(router, part, lease)
                pairs = list(zip(part, verdicts, strict=False))
                added += [one.member for one, verdict in pairs if verdict == ADDED]
                part = [one for one, verdict in pairs if verdict == RESTACKED]
                if not part:
                    break
        return added

    async def _count_some(
        self, router: str, part: Sequence[Counted], lease: Lease
    ) -> Sequence[int]:
        """Return a verdict for each, none for a lease that was lost."""
        now, day = await redis_ms(self._redis), today(self._settings.timezone)
        stacks = await self._stacks(part)
        words = [
            word
            for one, (before, stack) in zip(part, stacks, strict=True)
            for word in (*one.words(), before, stack.pour(one.used, now).text())
        ]
        verdicts: Sequence[int] = await self._count(
            [lease.key, self._keys.events(), *self._count_keys(part)],
            [lease.token, now, day, look_field(router), *words],
        )
        return verdicts

    async def _stacks(self, part: Sequence[Counted]) -> list[tuple[str, Stack]]:
        """Each one's packages, as they stand in Redis and as they are."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for one in part:
                pipe.hmget(self._keys.hotspot(one.member), STACK_FIELDS)
            rows = await pipe.execute()
        kept = [dict(zip(STACK_FIELDS, row, strict=True)) for row in rows]
        return [(fields["stack"] or "", Stack.read(fields)) for fields in kept]

    def _count_keys(self, counted: Sequence[Counted]) -> list[str]:
        keys = self._keys
        return [
            name
            for one in counted
            for name in (keys.hotspot(one.member), keys.hotspot_days(one.member))
        ]

    async def settle(
        self,
        router: str,
        member: str,
        status: str,
        decided_at: int,
        lease: Lease,
        device_set: str = "",
    ) -> bool:
        """Note that a router was seen to agree with a status that was decided at a moment (ms), for
        the devices there were when the run looked (the number of their set); returns whether that
        is news. The member is told by the first router that agrees."""
        verdict = await self._settle(
            [self._keys.hotspot(member), self._keys.events(), lease.key],
            [
                *(member, now_ms(), status, lease.token, router, settled_field(router)),
                *(decided_at, settled_set_field(router), device_set),
            ],
        )
        return bool(verdict == 1)

    async def note_obstacle(self, router: str, member: str, text: str, lease: Lease) -> None:
        """Note what is in the way of a member's status at a router (JSON), or "" for nothing. Until
        it is gone the router does not count as one that agrees."""
        await self._obstacle(
            [self._keys.hotspot(member), self._keys.events(), lease.key],
            [member, now_ms(), lease.token, obstacle_field(router), text],
        )

    async def clean(self, router: str, member: str, lease: Lease) -> bool:
        """Note that a router has no trace of a member who is to be deleted; returns whether that
        holds of every router now."""
        names = [other.name for other in self._routers]
        return bool(
            await self._clean(
                [self._keys.hotspot(member), self._keys.hotspot_leaving(), lease.key],
                [member, lease.token, router, *names],
            )
        )

    async def notice(self, member: str, kind: str, key: str) -> None:
        """Have a member told of something, once for each key."""
        keys = [self._keys.hotspot(member), self._keys.events()]
        await self._notice(keys, [member, now_ms(), kind, key])

    # Routers

    async def note_run(self, run: Mapping[str, Any]) -> None:
        """Keep what became of a run, for the pages that show runs and routers."""
        name = str(run["router"])
        key = self._keys.hotspot_router(name)
        seen: dict[str, Any] = {"state": run["state"], "at": run["at"], "errors": run["errors"]}
        if not run["only"]:
            seen |= {
                field: run[field] for field in ("took_ms", "members", "prints", "writes", "pending")
            } | {"conflicts": run.get("conflict_count", len(run["conflicts"]))}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.lpush(self._keys.hotspot_runs(), json.dumps(run))
            pipe.ltrim(self._keys.hotspot_runs(), 0, RUNS_KEPT - 1)
            pipe.hset(key, items=[word for one in seen.items() for word in _as_words(*one)])
            if run["state"] == "away":
                pipe.hsetnx(key, "away_since", json.dumps(run["at"]))
                pipe.set(self._keys.hotspot_away(name), "1", ex=AWAY_SECONDS)
            elif run["state"] != "busy":  # then nobody has spoken to it
                pipe.hdel(key, "away_since")
                pipe.delete(self._keys.hotspot_away(name))
            await pipe.execute()

    async def runs(self, most: int = 50) -> list[dict[str, Any]]:
        """Return the newest runs."""
        kept = await self._redis.lrange(self._keys.hotspot_runs(), 0, most - 1)
        return [json.loads(text) for text in kept]

    async def routers(self) -> list[dict[str, Any]]:
        """Return every router with what its last runs saw; moments in unix seconds."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for router in self._routers:
                pipe.hgetall(self._keys.hotspot_router(router.name))
            kept = await pipe.execute()
        return [_public(router, seen) for router, seen in zip(self._routers, kept, strict=True)]

    async def members_on(self, router: str) -> int:
        """Return how many members the last run over everybody planned at a router, 0 before one."""
        return int(await self._redis.hget(self._keys.hotspot_router(router), "members") or 0)

    async def profiles(self, router: str) -> list[str] | None:
        """Return the names of a router's profiles as they were seen last, None when that is too
        long ago."""
        kept = await self._redis.get(self._keys.hotspot_preflight(router))
        return None if kept is None else list(json.loads(kept))

    async def note_profiles(self, router: str, names: Sequence[str]) -> None:
        """Keep the names of a router's profiles."""
        key = self._keys.hotspot_preflight(router)
        await self._redis.set(key, json.dumps(list(names)), ex=PROFILES_SECONDS)

    async def note_away(self, router: str, reason: str = "") -> None:
        """Note that a router was found to be away just now, whoever asked: every page says so."""
        key, now = self._keys.hotspot_router(router), json.dumps(time.time())
        seen = {"state": '"away"', "at": now, "errors": json.dumps([reason] if reason else [])}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, items=[word for one in seen.items() for word in one])
            pipe.hsetnx(key, "away_since", now)
            pipe.set(self._keys.hotspot_away(router), "1", ex=AWAY_SECONDS)
            await pipe.execute()

    async def note_back(self, router: str) -> None:
        """Note that a router that was away has answered; what it missed is made up for next."""
        key = self._keys.hotspot_router(router)
        seen = {"state": '"back"', "at": json.dumps(time.time()), "errors": "[]"}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, items=[word for one in seen.items() for word in one])
            pipe.hdel(key, "away_since")
            pipe.delete(self._keys.hotspot_away(router))
            await pipe.execute()

    async def note_told(self, router: str, away_since: float | None) -> None:
        """Note that the owner was told of a router that is away since then; None: that it is
        back."""
        key = self._keys.hotspot_router(router)
        if away_since is None:
            await self._redis.hdel(key, "told")
        else:
            await self._redis.hset(key, "told", json.dumps(away_since))

    async def is_away(self, router: str) -> bool:
        """Whether a router was found to be away a moment ago."""
        return bool(await self._redis.exists(self._keys.hotspot_away(router)))

    async def is_known_away(self, router: str) -> bool:
        """Whether a router was found to be away and has not been reached since."""
        return bool(await self._redis.hexists(self._keys.hotspot_router(router), "away_since"))

    async def owed(self) -> list[str]:
        """Return the routers that need a run over everybody: they were found to be away and have
        not been reached since, or never had a run."""
        return [
            router["name"]
            for router in await self.routers()
            if router["away_since"] or router["state"] == "back" or router["took_ms"] is None
        ]


_UNSEEN: dict[str, Any] = {
    "state": "unknown",
    "at": None,
    "took_ms": None,
    "members": 0,
    "prints": 0,
    "writes": 0,
    "pending": 0,
    "conflicts": 0,
    "errors": [],
    "away_since": None,
    "told": None,
}


def _public(router: Router, seen: Mapping[str, str]) -> dict[str, Any]:
    where = {
        "name": router.name,
        "host": router.host,
        "port": router.port,
        "tls": router.use_ssl,
    }
    return where | _UNSEEN | {field: json.loads(text) for field, text in seen.items()}


def _as_words(field: str, value: Any) -> tuple[str, str]:
    return field, json.dumps(value)
