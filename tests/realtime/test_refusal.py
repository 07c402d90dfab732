"""What is no request at all still gets an answer that can be read, and costs nothing (CONTRACT §3).

Raw sockets: no client library would send any of this.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket

import pytest

from realtime.transport import refusal
from tests.client import spoken
from tests.serving import serving, until
from tests.stopwatch import Stopwatch

ASK = b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\n"
CHUNKED = ASK + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    "no words": b"\r\n\r\nhello\r\n\r\n",
    "http 0.9": b"GET /login\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\n\r\n",
    "no version": b"GET /login FTP/9\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "noise": bytes(range(1, 10)) * 20 + b"\r\n\r\n",
    "a line that is no header": b"GET /login HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a name with a blank": b"GET /login HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
    "a control byte": b"GET /login HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    "folded at once": b"GET /login HTTP/1.1\r\n folded\r\n\r\n",
    "no host": b"GET /login HTTP/1.1\r\n\r\n",
    "two lengths": ASK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "no length": ASK + b"Content-Length: 0x10\r\n\r\n",
    "length and chunks": ASK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unknown encoding": ASK + b"Transfer-Encoding: gzip\r\n\r\n",
    "bad chunk": CHUNKED + b"zz\r\n",
    "endless chunk size": CHUNKED + b"1" * 4_000,
    "chunk without its end": CHUNKED + b"2\r\n{}xx",
    "bad form": ASK + b"Connection: close\r\nContent-Length: 1\r\n"
    b"Content-Type: multipart/form-data; boundary=a\r\n\r\nx",
}

TOO_LARGE = {
    "path": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
    "header": (b"GET /login HTTP/1.1\r\nX: " + b"a" * 400_000 + b"\r\n\r\n", 431),
    "headers": (b"GET /login HTTP/1.1\r\n" + b"X: a\r\n" * 20_000 + b"\r\n", 431),
    "never ending": (b"x" * 1_000_000, 431),
    "length": (ASK + b"Content-Length: 262145\r\n\r\n", 413),
    "length and body": (ASK + b"Content-Length: 600000\r\n\r\n" + b"x" * 600_000, 413),
    "absurd length": (ASK + b"Content-Length: 99999999999999999999999\r\n\r\n", 413),
    "chunk": (CHUNKED + b"fffff\r\n" + b"x" * 300_000, 413),
    "chunks": (CHUNKED + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 20, 413),
}


def taken_apart(answer: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert int(headers["content-length"]) == len(body) > 0, answer
    return int(first.split()[1]), headers, json.loads(body)


async def test_whatever_cannot_be_read_gets_the_json_of_an_error(environment) -> None:
    async with serving(environment) as site:
        for name, data in MALFORMED.items():
            status, headers, body = taken_apart(await spoken(site.port, data))
            assert (status, body["success"]) == (400, False), name
            assert body["type"] == "INVALID_REQUEST" and body["message"], name
            assert headers["content-type"] == "application/json; charset=utf-8", name
            assert headers["connection"] == "close", name


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_what_is_too_large_is_told_so(environment, name: str) -> None:
    data, status = TOO_LARGE[name]
    async with serving(environment) as site:
        answer = taken_apart(await spoken(site.port, data))
        assert (answer[0], answer[2]["type"]) == (status, "TOO_LARGE")
        assert answer[2]["success"] is False and answer[2]["message"]


async def test_an_unknown_method_is_405_and_the_connection_goes_on(environment) -> None:
    async with serving(environment) as site:
        for method in (b"BREW", b"PROPFIND", b"TRACE"):
            ask = method + b" /login HTTP/1.1\r\nHost: x\r\n"
            status, _, body = taken_apart(
                await spoken(site.port, ask + b"Connection: close\r\n\r\n")
            )
            assert (status, body["type"], body["success"]) == (405, "METHOD_NOT_ALLOWED", False)


async def test_what_was_answered_before_it_stays(environment) -> None:
    async with serving(environment) as site:
        good = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await spoken(site.port, good + b"GET /login\r\n\r\n")
        first, _, rest = answer.partition(b'{"alive": true}')
        assert first.startswith(b"HTTP/1.1 200") and taken_apart(rest)[0] == 400


async def test_who_pours_on_is_cut_and_costs_no_descriptor(environment, monkeypatch) -> None:
    monkeypatch.setattr(refusal, "LINGER_SECONDS", 0.3)
    async with serving(environment) as site:
        assert await spoken(site.port, MALFORMED["http 0.9"])
        before = len(os.listdir("/proc/self/fd"))
        began = Stopwatch()
        writers = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(MALFORMED["http 0.9"])
            writers.append(writer)
            async with asyncio.timeout(5):
                await reader.read()  # to its end; our own side stays open

        async def pour(writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    writer.write(b"more")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            except ConnectionError:
                return

        async with asyncio.timeout(5):
            await asyncio.gather(*(pour(writer) for writer in writers))
        assert began.seconds < 3
        for writer in writers:
            writer.close()

        async def are_given_back() -> bool:
            return len(os.listdir("/proc/self/fd")) <= before

        await until(are_given_back)


async def test_without_a_descriptor_it_is_closed_without_a_word(environment, monkeypatch) -> None:
    async with serving(environment) as site:

        def full(connection: socket.socket) -> socket.socket:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(socket.socket, "dup", full)
        answer = await spoken(site.port, MALFORMED["http 0.9"])
        assert answer in (refusal.BARE_REFUSAL, b"")
        monkeypatch.undo()
        assert (await site.browser().get("/healthz")).status == 200
