"""Leases: one writer per router, known by a number that is never given twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from store.keys import Keys
from store.scripts import Script

LEASE_MS = 30_000
"""How long a writer that was killed keeps the router from others. Kept up before every chunk of
writes, and no chunk takes half as long."""


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
        lease = Lease(key, fence, token) if token else None
        try:
            yield lease
        finally:
            if lease is not None:
                await self._lease([key, fence], ["give", token, LEASE_MS])

    async def keep(self, lease: Lease) -> None:
        """Have it for LEASE_MS more. Raises LeaseLost."""
        if not await self._lease([lease.key, lease.fence], ["keep", lease.token, LEASE_MS]):
            raise LeaseLost(lease.key)
