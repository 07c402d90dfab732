"""Clients that stall, dribble, flood or never read: closed in their time, at nobody's cost."""

from __future__ import annotations

import asyncio
import time

import pytest

from realtime import server as servers
from realtime.presence import expiry
from tests.client import ANSWER_SECONDS, Browser, client_frame
from tests.serving import Serving, serving, until
from tests.stopwatch import Stopwatch


async def is_well(site: Serving, browser: Browser) -> None:
    """The others are served meanwhile, and soon."""
    began = Stopwatch()
    assert (await browser.get("/api/session")).status == 200
    assert began.seconds < 1


async def seconds_until_closed(port: int, first: bytes, then: bytes = b"") -> float:
    """How long a connection lives that sends one thing, then another byte by byte, for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(first)

    async def dribble() -> None:
        while then:
            await asyncio.sleep(0.05)
            writer.write(then)

    dribbling = asyncio.create_task(dribble())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await reader.read()
    except ConnectionError:
        pass
    finally:
        dribbling.cancel()
        writer.close()
    return time.monotonic() - began


class TestSilence:
    @pytest.fixture(autouse=True)
    def short_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(servers, "HEAD_SECONDS", 0.5)
        monkeypatch.setattr(servers, "BODY_SECONDS", 0.5)

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (b"", b""),
            (b"GET /login HT", b""),
            (b"GET /login HTTP/1.1\r\nHost: x\r\n", b""),
            (b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b""),
            (b"GET /login HTTP/1.1\r\nHost: x\r\nX: ", b"a"),
            (b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n", b" "),
            (
                b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"1\r\n \r\n",
            ),
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        ],
    )
    async def test_half_a_request_is_not_waited_for(
        self, environment, first: bytes, then: bytes
    ) -> None:
        async with serving(environment) as site:
            browser = await site.logged_in(await site.member())
            closing = asyncio.create_task(seconds_until_closed(site.port, first, then))
            await asyncio.sleep(0.2)
            await is_well(site, browser)
            assert await closing < 2

    async def test_a_hundred_of_them_hold_nobody_up(self, environment) -> None:
        async with serving(environment) as site:
            browser = await site.logged_in(await site.member())
            asked = [seconds_until_closed(site.port, b"GET /login HT", b"x") for _ in range(100)]
            closing = asyncio.gather(*asked)
            await asyncio.sleep(0.2)
            await is_well(site, browser)
            assert max(await closing) < 3


async def test_ten_megabytes_of_rubbish_cost_nothing(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())

        async def pour(first: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            try:
                writer.write(first)
                for _ in range(160):
                    writer.write(bytes(65_536))
                    async with asyncio.timeout(5):
                        await writer.drain()
            except ConnectionError:
                pass
            finally:
                writer.close()

        heads = (
            b"",
            b"GET ",
            b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n",
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        pouring = asyncio.gather(*(pour(head) for head in heads))
        await is_well(site, browser)
        async with asyncio.timeout(10):
            await pouring
        await is_well(site, browser)


async def test_a_tab_that_does_not_read_is_closed_and_the_others_hear(environment) -> None:
    async with serving(environment, SEND_BUFFER_BYTES="1024") as site:
        member = await site.member()
        slow, brisk = await site.logged_in(member), await site.logged_in(await site.member())
        async with slow.tab() as deaf, brisk.tab() as hearing:
            await deaf.event()
            assert (await hearing.event())["event"] == "connected"
            deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
            heard = asyncio.create_task(_words(hearing))
            for number in range(200):
                await site.store.events.append("announced", {"text": f"{number}" + "x" * 60_000})
                if site.hub.left.get("slow"):
                    break
                await asyncio.sleep(0.005)
            assert site.hub.left == {"slow": 1} and site.hub.count == 1
            sent = number + 1
            await until(lambda: _is(len(heard_so_far) == sent))
            heard.cancel()
    assert [word["text"].rstrip("x") for word in heard_so_far] == [str(n) for n in range(sent)]


heard_so_far: list[dict[str, str]] = []


async def _words(tab) -> None:
    heard_so_far.clear()
    while True:
        heard_so_far.append(await tab.event())


async def _is(true: bool) -> bool:
    return true


async def test_a_storm_of_connections_that_hang_up_leaves_nothing(environment) -> None:
    async with serving(environment) as site:
        member = await site.member()
        browser = await site.logged_in(member)
        device = await browser.device_id()

        async def come_and_go(number: int) -> None:
            async with browser.tab(device) as tab:
                if number % 3 == 0:
                    await tab.event()
                elif number % 3 == 1:
                    tab.writer.write(client_frame(1, b'{"event":"ping"}')[:-3])

        for _ in range(5):
            await asyncio.gather(*(come_and_go(number) for number in range(18)))
        await until(lambda: _is(site.hub.count == 0))
        assert site.hub.sessions() == [] and not site.hub._expected and not site.hub._topics
        assert site.hub.counts == {"sse": 0, "ws": 0}
        await until(lambda: _is(len(site.server._connections) == 0))


async def test_coming_and_going_does_not_pile_up_in_the_clocks(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page load is a tab that comes and goes; its clock may be twenty hours ahead."""
    monkeypatch.setattr(expiry, "SLACK", 20)
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        device = await browser.device_id()
        for _ in range(60):
            async with browser.tab(device) as tab:
                await tab.event()
            await until(lambda: _is(site.hub.count == 0))
        assert len(site.server._expiry._heap) < 30
