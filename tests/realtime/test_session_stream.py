"""The member's event stream: who gets one, its first bytes, its beat, its end."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from tests.client import Browser, Events
from tests.serving import Serving, open_session, serving, until
from tests.stopwatch import Stopwatch

PATH = "/api/realtime/attendance-stream"


async def raw(port: int, text: str, seconds: float = 5.0) -> bytes:
    """Send bytes as they are; return all that comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    try:
        async with asyncio.timeout(seconds):
            return await reader.read()
    finally:
        writer.close()


def request(browser: Browser, *lines: str, path: str = PATH, start: str = "GET") -> str:
    cookie = f"Cookie: jaga_session={browser.session}"
    return "\r\n".join([f"{start} {path} HTTP/1.1", "Host: x", cookie, *lines, "", ""])


@pytest.mark.parametrize(
    "cookie", ["", "jaga_session=", "jaga_session=a.b.c", "jaga_session=..", "jaga_session=%00"]
)
async def test_nobody_gets_401_and_no_stream_byte(environment, cookie: str) -> None:
    async with serving(environment) as site:
        answer = await raw(site.port, f"GET {PATH} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"event-stream" not in head and b"application/json" in head
    assert b'"type":"UNAUTHENTICATED"' in body and b"event:" not in body


async def test_who_may_listen_and_to_whom(environment) -> None:
    async with serving(environment) as site:
        budi, tini = await site.member("budi"), await site.member("tini")
        browser = await site.logged_in(budi)
        for own in ("", "user=budi@jaga.test", "user=budi%40jaga.test", "user=BUDI@Jaga.test"):
            async with browser.stream(own) as events:
                assert events.status == 200, own
        for other in (tini.username, "nobody", "%00", "budi@jaga.test%0d%0aX:y"):
            refused = await browser.get(f"{PATH}?user={other}")
            assert (refused.status, refused.json["type"]) == (403, "FORBIDDEN"), other
        stolen = site.browser()
        stolen.cookies["jaga_session"] = f"{tini.id}.{browser.session.split('.', 1)[1]}"
        assert (await stolen.get(PATH)).status == 401


async def test_first_bytes_come_at_once_with_the_promised_head(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        began = Stopwatch()
        async with browser.stream("tab_id=tab_1") as events:
            first = await events.next()
            assert began.seconds < 0.5
        headers = events.headers
        assert headers["content-type"].startswith("text/event-stream")
        cache = headers["cache-control"].replace(" ", "").split(",")
        assert {"no-cache", "no-store", "no-transform"} <= set(cache)
        assert headers["x-accel-buffering"] == "no"
        assert headers["connection"] == "keep-alive"
        assert not {"content-length", "content-encoding", "transfer-encoding"} & set(headers)
        assert first is not None and first[0] == "connected"
        assert first[2]["tab_id"] == "tab_1" and first[2]["conn_id"]
        assert abs(first[2]["server_now"] - time.time()) < 5


async def test_it_beats_and_every_event_has_an_id(environment) -> None:
    async with serving(environment, HEARTBEAT_SECONDS="0.2") as site:
        member = await site.member("budi")
        browser = await site.logged_in(member)
        async with browser.stream() as events:
            began = time.monotonic()
            text = b""
            while text.count(b": ping\nevent: beat\n") < 5:
                async with asyncio.timeout(2):
                    text += await events.reader.readuntil(b"\n\n")
            took = time.monotonic() - began
            await open_session(site.store, member)
            async with asyncio.timeout(2):
                while b"event: force_logout" not in text:
                    text += await events.reader.readuntil(b"\n\n")
    assert 0.8 <= took < 2.5
    blocks = [
        block
        for block in text.decode().split("\n\n")
        if "data:" in block and "event: beat" not in block
    ]
    assert len(blocks) == 3  # connected, the documented change, force_logout
    assert all(re.search(r"^id: \d+-\d+$", block, re.MULTILINE) for block in blocks)


async def test_each_client_is_told_its_own_delay(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        delays = set()
        for _ in range(12):
            async with browser.stream() as events:
                async with asyncio.timeout(2):
                    while not (line := await events.reader.readline()).startswith(b"retry:"):
                        pass
                delays.add(int(line.split()[1]))
    assert len(delays) >= 6 and 2000 <= min(delays) and max(delays) <= 4000


@pytest.mark.parametrize(
    "query", ["last_event_id=0-0", "last_event_id=%0d%0a", "last_event_id=x&last_event_id=y"]
)
async def test_any_cursor_is_taken(environment, query: str) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        async with browser.stream(query) as events:
            assert events.status == 200 and (await events.next())[0] == "connected"  # type: ignore[index]


@pytest.mark.parametrize("tab", ["a" * 65, "a%0ab", "%3Cscript%3E", "a+b", "%ff"])
async def test_an_odd_tab_id_is_refused(environment, tab: str) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        refused = await browser.get(f"{PATH}?tab_id={tab}")
    assert (refused.status, refused.json["field"]) == (400, "tab_id")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_only_get(environment, method: str) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        refused = await browser.send(method, PATH, b"")
    assert refused.status == 405
    assert method == "HEAD" or refused.json["success"] is False


async def test_an_http_1_0_client_gets_its_stream(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        cookie = f"Cookie: jaga_session={browser.session}"
        writer.write(f"GET {PATH} HTTP/1.0\r\nHost: x\r\n{cookie}\r\n\r\n".encode())
        async with asyncio.timeout(3):
            assert b" 200 " in await reader.readline()
            await reader.readuntil(b"event: connected")
        writer.close()


async def test_an_expired_session_is_419(environment) -> None:
    async with serving(environment, SESSION_IDLE_SECONDS="1", SESSION_LIFETIME_SECONDS="1") as site:
        browser = await site.logged_in(await site.member("budi"))
        await asyncio.sleep(1.05)
        for _ in range(2):
            gone = await browser.get(PATH)
            assert gone.status == 419
            assert gone.json["type"] == "SESSION_EXPIRED"
            assert gone.json["reason"] in ("idle", "absolute")
            assert gone.json["redirect"] == "/login"


async def test_a_kicked_tab_hears_why_once_for_each_tab_then_204(environment) -> None:
    async with serving(environment, GRACE_SECONDS="0") as site:
        member = await site.member("budi")
        first = await site.logged_in(member)
        await site.logged_in(member)
        for tab in ("a", "b"):
            async with first.stream(f"tab_id={tab}") as events:
                assert events.status == 200
                assert (await events.next())[0] == "message"  # type: ignore[index]
                told = await events.next()
                assert told is not None and told[0] == "force_logout"
                assert told[2]["reason"] == "Session digantikan oleh login baru"
                assert await events.next() is None
            for _ in range(2):
                async with first.stream(f"tab_id={tab}") as events:
                    assert events.status == 204 and await events.rest() == b""


async def test_the_change_tells_nothing_of_the_other_device(environment) -> None:
    async with serving(environment, GRACE_SECONDS="0") as site:
        member = await site.member("budi", name="Budi Rahasia", phone="0812999")
        first = await site.logged_in(member)
        async with first.stream() as events:
            await events.next()
            other = await open_session(site.store, member, fp="fp-of-the-other")
            change = await events.next()
        assert change is not None
        (row,) = change[2]["changes"]["updated_attendances"]
    assert set(row) == {"username", "fp", "action", "reason", "at"}
    text = str(change)
    for secret in (other.credential, other.session.device, "fp-of-the-other", "0812999", "Rahasia"):
        assert secret not in text


async def test_a_client_that_vanishes_while_it_is_let_in_leaves_nothing(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        for _ in range(30):
            _, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(request(browser).encode())
            writer.close()
        await asyncio.sleep(0.1)
        await until(lambda: _nobody(site))


async def test_words_on_a_stream_are_not_read_as_requests(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        async with browser.stream() as events:
            assert (await events.next())[0] == "connected"  # type: ignore[index]
            events.writer.write(request(browser, path="/logout").encode() * 100)
            events.writer.write(bytes(1_000_000))
            await asyncio.wait_for(events.writer.drain(), 5)
            await asyncio.sleep(0.1)
            assert (await browser.get("/api/session")).status == 200
            assert site.hub.count == 1


async def test_a_stream_whose_client_does_not_read_is_closed_and_the_rest_go_on(
    environment,
) -> None:
    async with serving(environment, SEND_BUFFER_BYTES="1024", HEARTBEAT_SECONDS="20") as site:
        slow = await site.logged_in(await site.member("slow"))
        brisk = await site.logged_in(await site.member("brisk"))
        async with slow.stream() as deaf, brisk.stream() as hearing:
            assert (await deaf.next())[0] == "connected"  # type: ignore[index]
            assert (await hearing.next())[0] == "connected"  # type: ignore[index]
            deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
            text = "x" * 200_000
            reading = asyncio.create_task(_count(hearing))
            for _ in range(100):
                await site.store.events.append("announced", {"text": text})
                if site.hub.left.get("slow"):
                    break
                await asyncio.sleep(0.01)
            assert site.hub.left.get("slow") == 1 and site.hub.count == 1
            reading.cancel()
            assert (await brisk.get("/api/session")).status == 200


async def _count(events: Events) -> None:
    while await events.reader.read(1 << 20):
        pass


async def _nobody(site: Serving) -> bool:
    return site.hub.count == 0 and not site.hub.sessions()
