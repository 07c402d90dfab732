"""Reception: who says nothing makes room, and where nobody does, accepting pauses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from realtime.transport import reception
from tests.serving import Serving, serving, until

MOST = 24

HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
HALF_A_BODY = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n"
    b'Content-Type: application/json\r\n\r\n{"email": '
)


@pytest.fixture
async def site(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Serving]:
    monkeypatch.setattr("realtime.server.sockets_that_fit", lambda: MOST)
    async with serving(environment, MAX_TABS_PER_DEVICE="100") as site:
        yield site


@asynccontextmanager
async def knocking(port: int, count: int, say: bytes) -> AsyncIterator[None]:
    """As many connections that say no more than this."""
    writers = []
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(say)
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("say", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "head", "body"])
async def test_who_says_nothing_makes_room(site: Serving, say: bytes) -> None:
    async with knocking(site.port, 4 * MOST, say):
        for _ in range(5):
            began = time.monotonic()
            assert (await site.browser().get("/healthz")).status == 200
            assert time.monotonic() - began < 1.0
        assert site.server._reception.count <= MOST
    await until(lambda: _has(site, 0))


async def test_who_is_served_makes_room_for_nobody(
    site: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    member = await site.member()
    browser = await site.logged_in(member)
    streams = [browser.stream(f"?tab_id=t{number}") for number in range(MOST)]
    opened = [await stream.__aenter__() for stream in streams[: MOST - 2]]
    await until(lambda: _has(site, MOST - 2))
    with caplog.at_level(logging.WARNING, "jaga.server"):
        async with knocking(site.port, MOST // 2, HALF_A_HEAD):
            assert (await browser.get("/healthz")).status == 200
            # the last two places go to streams as well: now nobody waits
            opened += [await stream.__aenter__() for stream in streams[MOST - 2 :]]
            await until(lambda: _is_paused(site))
            late = asyncio.create_task(browser.get("/healthz"))
            await asyncio.sleep(5 * reception.PAUSE_SECONDS)
            assert not late.done()
            await streams[0].__aexit__(None, None, None)
            assert (await late).status == 200
    said = [record for record in caplog.records if "accepting pauses" in record.message]
    assert len(said) == 1
    for stream in streams[1:]:
        await stream.__aexit__(None, None, None)
    await until(lambda: _has(site, 0))


async def test_one_address_has_half_of_the_room(
    site: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another than this machine's own; so the loopback is taken for one here."""
    monkeypatch.setattr(reception, "source_of", lambda address: "203.0.113.9")
    async with knocking(site.port, 2 * MOST, HALF_A_HEAD):
        assert (await site.browser().get("/healthz")).status == 200
        await until(lambda: _at_most(site, MOST // 2))


async def test_a_refused_client_is_counted_until_it_has_gone(site: Serving) -> None:
    async with knocking(site.port, 3 * MOST, b"no http at all\r\n\r\n"):
        assert (await site.browser().get("/healthz")).status == 200
        assert site.server._reception.count <= MOST
    await until(lambda: _has(site, 0))


async def test_keeping_a_connection_open_between_requests_is_waiting(site: Serving) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with knocking(site.port, 3 * MOST, request):
        began = time.monotonic()
        assert (await site.browser().get("/healthz")).status == 200
        assert time.monotonic() - began < 1.0


async def _has(site: Serving, count: int) -> bool:
    return site.server._reception.count == count


async def _at_most(site: Serving, count: int) -> bool:
    return site.server._reception.count <= count


async def _is_paused(site: Serving) -> bool:
    return site.server._reception._paused is not None
