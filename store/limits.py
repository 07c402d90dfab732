"""Limits: how often something may be tried, counted in Redis so that every process counts alike."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from redis.asyncio import Redis

from store.errors import RateLimited
from store.keys import Keys
from store.scripts import Script

FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 900
"""A locked subject waits one minute, then twice as long each time, up to a quarter of an hour:
long enough to make guessing hopeless, short enough for a person who forgot a password."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` in `seconds`."""

    most: int
    seconds: int


WRONG_PASSWORDS_PER_ACCOUNT = Limit(10, 300)
WRONG_PASSWORDS_PER_ADDRESS = Limit(50, 300)


def source_of(address: str) -> str:
    """Return the subject that stands for where a request comes from.

    A household or a server has a whole /64 of IPv6 addresses, so that the network is counted.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, ipaddress.IPv4Address):
        return f"address:{parsed}"
    if parsed.ipv4_mapped:
        return f"address:{parsed.ipv4_mapped}"
    return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"


class Limits:
    """Counters of turns and of failures."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._fail = Script(redis, "limit_fail")
        self._take = Script(redis, "limit_take")

    async def take(self, subject: str, limit: Limit) -> None:
        """Take a turn. Raises RateLimited when the window has none left."""
        wait_ms = await self._take([self._keys.failures(subject)], [limit.most, limit.seconds])
        if wait_ms:
            raise RateLimited(int(wait_ms) / 1000)

    async def fail(self, subject: str, limit: Limit) -> None:
        """Count a failure; when the window is full the subject is locked, each time longer."""
        keys = self._keys
        await self._fail(
            [keys.failures(subject), keys.locked(subject), keys.strikes(subject)],
            [limit.most, limit.seconds, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS],
        )

    async def require_open(self, *subjects: str) -> None:
        """Raise RateLimited while one of the subjects has to wait."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for subject in subjects:
                pipe.pttl(self._keys.locked(subject))
            waits = await pipe.execute()
        if max(waits) > 0:
            raise RateLimited(max(waits) / 1000)

    async def forgive(self, subject: str) -> None:
        """Forget a subject's failures: it has shown that it knows."""
        await self._redis.delete(self._keys.failures(subject), self._keys.strikes(subject))
