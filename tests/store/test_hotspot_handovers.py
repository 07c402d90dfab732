"""Links to another browser: once, for five minutes, and only while their session lives."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from store.errors import Forbidden, HandoverOver
from store.hotspot.handovers import FRESH_SECONDS, LIFE_SECONDS
from store.opening import Store
from store.sessions import CurrentSession, Opened, digest
from tests.serving import HASH, open_session


async def place(store: Store) -> tuple[Opened, CurrentSession]:
    member = await store.members.create(email="siti@jaga.test", password_hash=HASH)
    opened = await open_session(store, member)
    return opened, await store.sessions.check(opened.credential, touch=False)


async def test_of_many_at_once_one_gets_in(store: Store) -> None:
    opened, here = await place(store)
    token = await store.hotspot.handovers.make(here)
    answers = await asyncio.gather(
        *(store.hotspot.handovers.redeem(token) for _ in range(20)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, str)] == [opened.session.member]
    assert sum(isinstance(answer, HandoverOver) for answer in answers) == 19


async def test_redis_knows_no_token_and_forgets_it_in_time(store: Store) -> None:
    _, here = await place(store)
    token = await store.hotspot.handovers.make(here)
    assert len(token) >= 22
    name = store.keys.hotspot_handover(digest(token))
    assert 0 < await store.redis.ttl(name) <= LIFE_SECONDS
    for key in await store.redis.keys("*"):
        assert token not in key
    assert token not in str(await store.redis.get(name))


async def test_it_dies_with_the_session_that_made_it(store: Store) -> None:
    opened, here = await place(store)
    token = await store.hotspot.handovers.make(here)
    await store.sessions.end(here.member, opened.session.sid, reason="logged_out", by="x")
    with pytest.raises(HandoverOver):
        await store.hotspot.handovers.redeem(token)


async def test_it_dies_when_another_login_takes_the_place(store: Store) -> None:
    _, here = await place(store)
    token = await store.hotspot.handovers.make(here)
    await open_session(store, await store.members.get(here.member))
    with pytest.raises(HandoverOver):
        await store.hotspot.handovers.redeem(token)


async def test_it_is_no_way_to_stay_logged_in_for_ever(store: Store) -> None:
    opened, here = await place(store)
    hour = FRESH_SECONDS * 1000
    assert await store.hotspot.handovers.make(replace(here, now=opened.session.opened_at + hour))
    with pytest.raises(Forbidden):
        await store.hotspot.handovers.make(replace(here, now=opened.session.opened_at + hour + 1))
    await store.hotspot.handovers.arrived(opened.session)
    with pytest.raises(Forbidden):
        await store.hotspot.handovers.make(here)


async def test_unknown_and_odd_ones_get_the_same_answer(store: Store) -> None:
    for token in ("", "x", "\ud800", "a" * 22):
        with pytest.raises(HandoverOver):
            await store.hotspot.handovers.redeem(token)
