"""The two clocks of what is stored: ours, and Redis's, by which the scripts decide. What is
measured uses `time.monotonic`."""

from __future__ import annotations

import time

from redis.asyncio import Redis


def now_ms() -> int:
    """Return the moment in Unix milliseconds, by this machine's clock."""
    return int(time.time() * 1000)


async def redis_ms(redis: Redis) -> int:
    """Return the moment in Unix milliseconds, by Redis's clock: the one all processes share."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
