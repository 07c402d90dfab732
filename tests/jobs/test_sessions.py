"""Sessions that run out while nobody looks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from store.opening import open_store
from store.sessions import Device, Ended
from store.settings import Settings


async def test_a_session_that_ran_out_unseen_is_ended_by_the_job(settings: Settings) -> None:
    brief = replace(settings, session_idle_seconds=1, session_lifetime_seconds=1)
    async with open_store(brief) as store:
        await store.redis.set(store.keys.built(), "1")
        member = await store.members.create(email="budi@jaga.test", password="rahasia sekali")
        device = Device(id="d" * 24, name="Chrome - Linux")
        opened = await store.sessions.open(member.id, device, method="password")
        assert await store.sessions.expire_due() == 0
        await asyncio.sleep(1.1)
        assert await store.sessions.expire_due() == 1
        found = await store.sessions.look(member.id, opened.session.sid)
        assert isinstance(found, Ended) and found.reason == "absolute"
        events = [event.type for event in await store.events.read("0-0", 10)]
        assert events == ["member.changed", "session.opened", "session.ended"]
        assert await store.sessions.expire_due() == 0
