"""Connections to Redis in a crowd of strangers: members find one, strangers are told in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import Token
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from store import sharing
from store.redis_servers import Pool
from store.sharing import is_for_stranger
from tests.lynk import KEY, deliver, payment
from tests.serving import Serving, until

CONNECTIONS = 4
STRANGERS = 3


@pytest.fixture
async def pool(redis_url: str) -> AsyncIterator[Pool]:
    pool = Pool.from_url(redis_url, max_connections=CONNECTIONS, timeout=0.3)
    yield pool
    await pool.disconnect()


@pytest.fixture
def as_stranger() -> Iterator[None]:
    before: Token[bool] = is_for_stranger.set(True)
    yield
    is_for_stranger.reset(before)


async def _ask(pool: Pool, *, stranger: bool = True) -> Any:
    is_for_stranger.set(stranger)
    return await pool.get_connection()


async def test_strangers_leave_some_to_members(pool: Pool) -> None:
    lent = [await asyncio.create_task(_ask(pool)) for _ in range(STRANGERS)]
    with pytest.raises(RedisConnectionError):
        await asyncio.create_task(_ask(pool))
    member = await asyncio.create_task(_ask(pool, stranger=False))
    for connection in (*lent, member):
        await pool.release(connection)
    again = [await asyncio.create_task(_ask(pool)) for _ in range(STRANGERS)]
    assert {id(one) for one in again} <= {id(one) for one in (*lent, member)}


async def test_who_has_waited_longest_is_next(pool: Pool) -> None:
    lent = [await asyncio.create_task(_ask(pool)) for _ in range(STRANGERS)]
    first, last = (asyncio.create_task(_ask(pool)) for _ in range(2))
    await asyncio.sleep(0.05)
    await pool.release(lent.pop())
    await first
    assert not last.done()
    with pytest.raises(RedisConnectionError):
        await last
    await pool.release(await first)
    lent.append(await asyncio.create_task(_ask(pool)))


async def test_who_gives_up_takes_no_place_along(pool: Pool) -> None:
    lent = [await asyncio.create_task(_ask(pool)) for _ in range(STRANGERS)]
    waiting = [asyncio.create_task(_ask(pool)) for _ in range(5)]
    await asyncio.sleep(0.05)
    await pool.release(lent.pop())  # in the moment in which the last one is cancelled
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    lent.append(await asyncio.create_task(_ask(pool)))


async def test_in_a_crowd_nothing_is_begun_for_another(
    serve: Any, as_stranger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "CROWDED_SECONDS", 0.0)
    site: Serving = await serve(LYNK_MERCHANT_KEYS=KEY)
    member = await site.logged_in(await site.member("ani"))
    newcomer = await site.logged_in(await site.member("budi"))
    assert (await member.get("/api/session")).status == 200
    pool: Any = site.store.redis.connection_pool
    held = await _hold_the_part(pool)
    waiting = asyncio.create_task(_ask(pool))
    await until(lambda: _waits(pool), what="a stranger who waits")
    refused = await site.browser().post("/api/auth/request-otp", {"phone_number": "081234567890"})
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert (await member.get("/api/session")).status == 200
    assert (await deliver(site.browser(), payment("a" * 32))).status == 200
    # a process that has just begun knows nobody, and finds out who is a member
    assert (await newcomer.get("/api/session")).status == 200
    newcomer.cookies["jaga_session"] = "junk"
    assert (await newcomer.get("/api/session")).status == 503
    held += [await waiting] if waiting.done() else []
    waiting.cancel()
    for connection in held:
        await pool.release(connection)


async def test_who_has_shown_a_good_session_is_none(serve: Any, as_stranger: None) -> None:
    """Strangers hold their part for as long as they like; a member's pages are answered."""
    site: Serving = await serve()
    member = await site.logged_in(await site.member("ani"))
    assert (await member.get("/api/session")).status == 200
    pool: Any = site.store.redis.connection_pool
    held = await _hold_the_part(pool)
    assert (await member.get("/api/session")).status == 200
    wish = {"phone_number": "081234567890"}
    for credential in ("", "junk", "a.b.c"):
        nobody = site.browser()
        nobody.cookies["jaga_session"] = credential
        asked = asyncio.create_task(nobody.post("/api/auth/request-otp", wish))
        await until(lambda: _waits(pool), what="a stranger who waits")
        await pool.release(held.pop())
        assert (await asked).status == 200
        held.append(await pool.get_connection())
    for connection in held:
        await pool.release(connection)


async def _hold_the_part(pool: Any) -> list[Any]:
    """Take all the connections that strangers may have."""
    held = []
    while pool._coming < pool._part:
        held.append(await pool.get_connection())
    return held


async def _waits(pool: Any) -> bool:
    return bool(pool._waiting)
