"""Leases: one writer per router, known by a number that is never given twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from redis.exceptions import RedisError

from store.changes import Changes, Part
from store.scripts import Script

LEASE_MS = 12_000
"""How long a writer that was killed keeps the router from others. Kept up by a heartbeat while the
run lives, and asked for before every chunk of writes, none of which takes as long."""

BEAT_SECONDS = 3.0

WANTED_MS = 1_000
"""How long the mark of who waits outlives them; they renew it at every try."""

TRY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one router."""

    key: str
    fence: str
    wanted: str
    token: int


class LeaseLost(Exception):
    """Somebody else writes to the router by now: not one more write."""


class Leases(Part):
    """Taking, keeping and giving back."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._lease = Script(changes.redis, "hotspot_lease")

    @asynccontextmanager
    async def taken(
        self, router: str, wait: float = 0.0, *, in_hurry: bool = False
    ) -> AsyncIterator[Lease | None]:
        """Hold a router's lease as long as the `with`. Waits up to `wait` seconds for it; gives
        None on timeout. `in_hurry`: the holder learns of it at its next renewal."""
        lease = await self._take(router, wait, WANTED_MS if in_hurry else 0)
        if lease is None:
            yield None
            return
        beating = asyncio.create_task(self._beat(lease))
        try:
            yield lease
        finally:
            beating.cancel()
            with suppress(RedisError):  # then it runs out by itself
                await self._act(lease, "give")

    async def _take(self, router: str, wait: float, mark_ms: int) -> Lease | None:
        keys = self._keys
        places = (
            keys.hotspot_lease(router),
            keys.hotspot_fence(router),
            keys.hotspot_lease_wanted(router),
        )
        deadline = time.monotonic() + wait
        while True:
            token = int(await self._lease(places, ["take", mark_ms, LEASE_MS]))
            if token:
                return Lease(*places, token)
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(TRY_SECONDS)

    async def _beat(self, lease: Lease) -> None:
        """Keep it while the run reads and waits; who lost it hears so before its next write."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(RedisError, LeaseLost):
                await self.keep(lease)

    async def keep(self, lease: Lease) -> bool:
        """Have it for LEASE_MS more; returns whether somebody waits for it. Raises LeaseLost."""
        verdict = await self._act(lease, "keep")
        if not verdict:
            raise LeaseLost(lease.key)
        return verdict == 2

    async def _act(self, lease: Lease, act: str) -> int:
        places = [lease.key, lease.fence, lease.wanted]
        return int(await self._lease(places, [act, lease.token, LEASE_MS]))
