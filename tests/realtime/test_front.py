"""The front: what it answers by itself, and what it lets pass as it came."""

from __future__ import annotations

import asyncio

from redis.exceptions import ConnectionError

from tests.serving import serving
from tests.stopwatch import Stopwatch


async def test_a_refusal_is_whole_json_and_the_end(environment) -> None:
    async with serving(environment) as site:
        began = Stopwatch()
        answer = await site.browser().get("/api/realtime/attendance-stream")
        assert began.seconds < 1  # the client sees the end without waiting for ours
        assert answer.status == 401 and len(answer.body) == int(answer.headers["content-length"])
        assert answer.headers["connection"] == "close"


async def test_redis_away_at_the_door_is_503(environment, monkeypatch) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        device = await browser.device_id()

        async def fail(text: str, **how: bool):
            raise ConnectionError("away")

        monkeypatch.setattr(site.store.sessions, "check", fail)
        answer = await browser.get("/api/realtime/attendance-stream")
        assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
        async with browser.tab(device) as tab:
            assert tab.status == 503
        assert site.hub.count == 0 and not site.hub._expected


async def test_requests_on_one_connection_follow_each_other(environment) -> None:
    async with serving(environment) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        async with asyncio.timeout(3):
            for _ in range(3):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                assert await reader.readexactly(size) == b'{"alive": true}'
        writer.close()


async def test_an_odd_length_is_refused_with_an_answer(environment) -> None:
    async with serving(environment) as site:
        for length in ("²", "-1", "1_0", "+1", "x"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            head = f"POST /webhook/lynk HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            writer.write(head.encode("latin1"))
            async with asyncio.timeout(3):
                assert (await reader.read()).startswith(b"HTTP/1.1 400"), length
            writer.close()
