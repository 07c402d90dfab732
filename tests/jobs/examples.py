"""Jobs for the tests of the workers; RQ finds them by name."""

from __future__ import annotations

import asyncio
import os

from redis.asyncio import Redis


async def note(url: str, key: str, seconds: float = 0) -> None:
    """Write that it began and, after `seconds`, that it is done; keeps its pid."""
    async with Redis.from_url(url) as redis:
        await redis.rpush(key, "began", os.getpid())
        await asyncio.sleep(seconds)
        await redis.rpush(key, "done")


async def fail() -> None:
    """Raise, as a job with a fault would."""
    raise RuntimeError("on purpose")
