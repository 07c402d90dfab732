"""Leases: one writer per router, known by a number that is never given twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.keys import Keys
from store.scripts import Script

LEASE_MS = 12_000
"""How long a writer that was killed keeps the router from others. Kept up by a heartbeat while the
run lives, and asked for before every chunk of writes, none of which takes as long."""

BEAT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one router."""

    key: str
    fence: str
    token: int


class LeaseLost(Exception):
    """Somebody else writes to the router by now: not one more write."""


class Leases:
    """Taking, keeping and giving back."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._keys = keys
        self._lease = Script(redis, "hotspot_lease")

    @asynccontextmanager
    async def taken(self, router: str) -> AsyncIterator[Lease | None]:
        """Take a router's lease for a while; None when somebody has it."""
        key, fence = self._keys.hotspot_lease(router), self._keys.hotspot_fence(router)
        token = int(await self._lease([key, fence], ["take", 0, LEASE_MS]))
        if not token:
            yield None
            return
        lease = Lease(key, fence, token)
        beating = asyncio.create_task(self._beat(lease))
        try:
            yield lease
        finally:
            beating.cancel()
            with suppress(RedisError):  # then it runs out by itself
                await self._lease([key, fence], ["give", token, LEASE_MS])

    async def _beat(self, lease: Lease) -> None:
        """Keep it while the run reads and waits; who lost it hears so before its next write."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(RedisError, LeaseLost):
                await self.keep(lease)

    async def keep(self, lease: Lease) -> None:
        """Have it for LEASE_MS more. Raises LeaseLost."""
        if not await self._lease([lease.key, lease.fence], ["keep", lease.token, LEASE_MS]):
            raise LeaseLost(lease.key)
