"""What a dead cookie may leave in Redis: a bounded number of bytes, whatever tabs it makes up."""

from __future__ import annotations

import asyncio

from store.sessions import sessions as module
from tests.client import Events
from tests.serving import serving

BYTES = 64 * 1024


async def test_a_dead_cookie_that_comes_back_for_ever_fills_nothing(environment) -> None:
    async with serving(environment) as site:
        member = await site.member()
        browser = await site.logged_in(member)
        await site.store.sessions.end(member.id, "all", reason="logged_out", by="x")
        told = site.store.keys.told(member.id)

        async def come_back(number: int) -> int:
            events = await Events.open(browser, f"tab_id={number:064d}", site.port)
            events.writer.close()
            return events.status

        for start in range(0, 2 * module.MOST_TOLD, 50):
            answers = await asyncio.gather(*(come_back(start + number) for number in range(50)))
            assert set(answers) <= {200, 204}
        assert await site.store.redis.hlen(told) == module.MOST_TOLD
        assert int(await site.store.redis.memory_usage(told, samples=0) or 0) < BYTES
        assert await come_back(10_000) == 204
        assert 0 < await site.store.redis.ttl(told)
