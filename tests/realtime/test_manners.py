"""Manners that clients of others' making count on, over bare sockets (RFC 6455, 9110, 9112)."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Mapping

import pytest

from realtime.transport import codes, messages
from realtime.transport.refusal import ClientStream
from store.errors import Unauthenticated
from tests.client import Browser, client_frame
from tests.serving import PASSWORD, Serving, serving

PING, CLOSE = 0x9, 0x8


@pytest.fixture
async def site(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


async def said_to(site: Serving, *parts: bytes, half_close: bool = False) -> bytes:
    """Everything the server answers to these bytes, sent one after another, up to its end."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if half_close:
                writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, *headers, "", ""]).encode()


# Sockets


async def closed_after(browser: Browser, words: bytes) -> int:
    """The code that a tab's Close of 1000 is answered with, after these words of its own."""
    async with browser.tab() as tab:
        await tab.until("connected")
        tab.writer.write(words + client_frame(CLOSE, struct.pack("!H", 1000)))
        while (await tab.event())["event"] not in ("close", "gone"):
            continue
        return tab.closed_with or 0


async def test_a_close_is_answered_with_its_own_code_also_after_pings(site: Serving) -> None:
    browser = await site.logged_in(await site.member())
    pings = b"".join(client_frame(PING, str(number).encode()) for number in range(30))
    assert await closed_after(browser, pings) == 1000
    texts = b"".join(client_frame(1, b'{"event":"ping"}') for _ in range(10))
    assert await closed_after(browser, texts) == 1000


async def test_what_follows_a_close_is_not_read(site: Serving) -> None:
    browser = await site.logged_in(await site.member())
    async with browser.tab() as tab:
        await tab.until("connected")
        tab.writer.write(client_frame(CLOSE, struct.pack("!H", 1000)) + b"\xff\xff no frame")
        assert (await tab.event())["event"] == "close"
        assert tab.closed_with == 1000


async def test_a_flood_of_pings_ends(site: Serving) -> None:
    browser = await site.logged_in(await site.member())
    assert await closed_after(browser, client_frame(PING, b"") * 1_000) == codes.FLOOD


@pytest.mark.parametrize("version", ["8", "14", ""])
async def test_another_version_is_told_which_one_we_speak(site: Serving, version: str) -> None:
    head = [
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    asked = [f"Sec-WebSocket-Version: {version}"] if version else []
    answer = await said_to(site, request("GET /api/devices/ws/x HTTP/1.1", *head, *asked))
    lines = answer.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 426 ")
    assert b"Sec-WebSocket-Version: 13" in lines and b"Upgrade: websocket" in lines
    assert json.loads(answer.split(b"\r\n\r\n")[1])["type"] == "UPGRADE_REQUIRED"


# Requests


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://jaga.test/healthz", 200),
        ("HTTPS://jaga.test:8443/healthz?x=1", 200),
        ("http://jaga.test", 302),
        ("http://jaga.test?x=1", 302),
        # of a live address, which the front answers itself
        ("http://jaga.test/api/realtime/attendance-stream?tab_id=a", 401),
        ("http://jaga.test/nowhere", 404),
        ("ftp://jaga.test/healthz", 404),
    ],
)
async def test_an_absolute_target_is_its_path(site: Serving, target: str, status: int) -> None:
    answer = await said_to(
        site, request(f"GET {target} HTTP/1.1", "Host: other", "Connection: close")
    )
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:80]


LOGIN = b"username=budi%40jaga.test&password=rahasia+sekali&action=keep"


def chunked(*lines: bytes, data: bytes = LOGIN) -> bytes:
    """A login in chunks: the first two with these lines before them, and the end."""
    half = len(data) // 2
    first, second = data[:half], data[half:]
    head = request(
        "POST /auth/authenticate HTTP/1.1",
        "Host: x",
        "Content-Type: application/x-www-form-urlencoded",
        "Transfer-Encoding: chunked",
        "Connection: close",
    )
    sizes = b"%x" % len(first), b"%x" % len(second), b"0"
    words = [size + line for size, line in zip(sizes, lines, strict=True)]
    return (
        head + words[0] + b"\r\n" + first + b"\r\n" + words[1] + b"\r\n" + second + b"\r\n"
        + words[2] + b"\r\n\r\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((b";name=value", b" ; a", b";last"), 200),
        ((b'; signature="a;b ' + b"c" * 150 + b'"', b"", b""), 200),
        # what another reader could take for the end of the line
        ((b";a\nb", b"", b""), 400),
        ((b"x;a", b"", b""), 400),
        ((b";" + b"a" * 5_000, b"", b""), 400),
    ],
)
async def test_extensions_of_chunks_are_read_over(
    site: Serving, lines: tuple[bytes, ...], status: int
) -> None:
    await site.member("budi")
    answer = await said_to(site, chunked(*lines))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:80]


async def test_extensions_are_bounded_in_all(site: Serving) -> None:
    head = request(
        "POST /auth/authenticate HTTP/1.1",
        "Host: x",
        "Content-Type: application/x-www-form-urlencoded",
        "Transfer-Encoding: chunked",
    )
    body = b"".join(b"1;" + b"a" * 200 + b"\r\nx\r\n" for _ in range(1_000))
    assert (await said_to(site, head + body)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /healthz HTTP/1.1", 200),
        # these wait for Redis before they answer
        ("GET /api/session HTTP/1.1", 401),
        ("GET /api/realtime/attendance-stream HTTP/1.0", 401),
    ],
)
async def test_who_has_said_all_is_answered(site: Serving, line: str, status: int) -> None:
    cookie = "Cookie: jaga_session=0123456789abcdef.0123456789abcdef.x"
    answer = await said_to(site, request(line, "Host: x", cookie), half_close=True)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:80]


async def test_who_has_said_all_is_answered_after_the_password(site: Serving) -> None:
    """A login takes a while on a thread; meanwhile nothing turns round and round."""
    await site.member("budi")
    whole = request(
        "POST /auth/authenticate HTTP/1.1",
        "Host: x",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(LOGIN)}",
    )
    answer = await said_to(site, whole + LOGIN, half_close=True)
    assert answer.startswith(b"HTTP/1.1 200 ")
    # several of them on one connection, all answered before it ends
    line = request("GET /api/session HTTP/1.1", "Host: x")
    answers = await said_to(site, line * 3, half_close=True)
    assert answers.count(b"HTTP/1.1 401 ") == 3
    # a request that was broken off is none
    assert not await said_to(site, whole + LOGIN[:-5], half_close=True)
    assert not await said_to(site, line[:-2], half_close=True)


async def test_an_end_that_nobody_reads_costs_nothing(
    site: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = ClientStream.read_from_fd

    def counted(stream: ClientStream, buffer: bytearray) -> int | None:
        nonlocal reads
        reads += 1
        return read(stream, buffer)

    async def slow(text: str, **how: bool) -> None:
        await asyncio.sleep(0.1)
        raise Unauthenticated()

    monkeypatch.setattr(ClientStream, "read_from_fd", counted)
    monkeypatch.setattr(site.store.sessions, "check", slow)
    line = request("GET /api/session HTTP/1.1", "Host: x", "Cookie: jaga_session=a.b.c")
    assert (await said_to(site, line, half_close=True)).startswith(b"HTTP/1.1 401 ")
    assert reads < 10


# Streams


def events_of_a_simple_client(text: bytes) -> list[tuple[str, str]]:
    """What a client makes of a stream that takes each block between blank lines for a message."""
    found = []
    for block in text.split(b"\n\n")[:-1]:
        fields = dict(
            line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":")
        )
        found.append((fields.get("event", "message"), fields.get("data", "")))
    return found


async def test_comments_make_no_empty_message(environment: Mapping[str, str]) -> None:
    async with serving(environment, HEARTBEAT_SECONDS="0.1") as site:
        browser = await site.logged_in(await site.member())
        async with browser.stream() as stream:
            heard = b""
            while heard.count(messages.PING_SSE) < 2:
                heard += await stream.reader.read(1_000)
        assert all(data for _, data in events_of_a_simple_client(heard)), heard


# Names


@pytest.mark.parametrize(
    "typed", ["bu\u200bdi@jaga.test", "\ufeffbudi@jaga.test", "budi\u200d@jaga.test\u2060"]
)
async def test_signs_that_nobody_sees_are_no_part_of_a_name(site: Serving, typed: str) -> None:
    await site.member("budi")
    assert (await site.browser().login(typed, PASSWORD)).status == 200


async def test_who_was_named_with_such_a_sign_before_logs_in(site: Serving) -> None:
    await site.member("budi")
    keys = site.store.keys
    await site.store.redis.rename(keys.login("budi@jaga.test"), keys.login("bu\u200bdi@jaga.test"))
    assert (await site.browser().login("bu\u200bdi@jaga.test", PASSWORD)).status == 200
