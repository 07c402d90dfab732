"""Lines that are cut."""

from __future__ import annotations

from redis.asyncio import Redis


async def cut_the_line(redis: Redis) -> None:
    """Cut the relay's connection: the one that is blocked in XREAD."""
    for client in await redis.client_list():
        if client["cmd"].startswith("xread"):
            await redis.client_kill(client["addr"])
