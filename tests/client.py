"""A browser's network side, without a browser: cookies, requests, a WebSocket, an event stream.

Written on asyncio's bare streams so that it shares no line with the server it tests.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

ANSWER_SECONDS = 30.0


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    set_cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """A cookie jar and an address: one device."""

    def __init__(
        self, port: int, agent: str = "Mozilla/5.0 (X11; Linux) Chrome/150 Safari"
    ) -> None:
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.agent = agent
        self.cookies: dict[str, str] = {}

    @property
    def session(self) -> str:
        return self.cookies.get("jaga_session", "")

    def copy(self) -> Browser:
        """The same cookies in another hand."""
        other = Browser(self.port, self.agent)
        other.cookies = dict(self.cookies)
        return other

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", path, b"", headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        return await self.send("POST", path, data, {"Content-Type": "application/json"} | headers)

    async def post_form(self, path: str, **fields: str) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.send("POST", path, urlencode(fields).encode(), form)

    async def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                named = {
                    "Host": f"127.0.0.1:{self.port}",
                    "User-Agent": self.agent,
                    "Connection": "close",
                    "Content-Length": str(len(body)),
                    **self._cookie_header(),
                    **{name.replace("_", "-"): value for name, value in (headers or {}).items()},
                }
                writer.write(_head(method, path, named) + body)
                answer = await _answer_of(reader)
            finally:
                writer.close()
        self._keep(answer)
        return answer

    def _cookie_header(self) -> dict[str, str]:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": jar} if jar else {}

    def _keep(self, answer: Answer) -> None:
        for text in answer.set_cookies:
            pair, _, rest = text.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in rest.lower() or not value.strip('"'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    async def login(
        self, username: str, password: str, *, keep: bool = True, **more: str
    ) -> Answer:
        """The second of the two addresses alone."""
        fields = {"username": username, "password": password} | more
        if keep:
            fields["action"] = "keep"
        return await self.post_form("/auth/authenticate", **fields)

    async def device_id(self) -> str:
        return str((await self.get("/api/session")).json["session"]["device_id"])

    @asynccontextmanager
    async def tab(
        self, device_id: str = "", *, port: int = 0, **headers: str
    ) -> AsyncIterator[Tab]:
        """A tab's WebSocket; asks for the session's own device unless one is named, or a path."""
        tab = await Tab.open(self, device_id or await self.device_id(), port or self.port, headers)
        try:
            yield tab
        finally:
            tab.writer.close()

    @asynccontextmanager
    async def stream(self, query: str = "", *, port: int = 0) -> AsyncIterator[Events]:
        """The member's event stream."""
        events = await Events.open(self, query, port or self.port)
        try:
            yield events
        finally:
            events.writer.close()


class Tab:
    """One WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.closed_with: int | None = None

    @classmethod
    async def open(
        cls, browser: Browser, device_id: str, port: int, headers: dict[str, str]
    ) -> Tab:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        tab = cls(reader, writer)
        named = {
            "Host": f"127.0.0.1:{port}",
            "Origin": f"http://127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **browser._cookie_header(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        named = {name: value for name, value in named.items() if value}
        path = f"/api/devices/ws/{device_id}?tab_id=tab_1_abc"
        writer.write(_head("GET", device_id if device_id.startswith("/") else path, named))
        async with asyncio.timeout(ANSWER_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        tab.status = int(head.split()[1])
        return tab

    async def frame(self) -> tuple[int, bytes]:
        """The next frame as it is."""
        async with asyncio.timeout(ANSWER_SECONDS):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack("!H", await self.reader.readexactly(2))[0]
            return first & 0x0F, await self.reader.readexactly(size)

    async def event(self) -> dict[str, Any]:
        """The next event that is no ping; `{"event": "close", "code": …}` for the end."""
        while True:
            try:
                opcode, payload = await self.frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                return {"event": "gone"}
            if opcode == 8:
                self.closed_with = struct.unpack("!H", payload[:2])[0]
                return {"event": "close", "code": self.closed_with}
            if opcode == 1 and (event := json.loads(payload))["event"] != "ping":
                return dict(event)

    async def until(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        while (event := await self.event())["event"] != name:
            if event["event"] in ("gone", "close"):
                raise AssertionError(f"{event} before {name}")
        return event

    def say(self, **event: Any) -> None:
        self.write(1, json.dumps(event).encode())

    def write(
        self, opcode: int, payload: bytes, *, final: bool = True, masked: bool = True
    ) -> None:
        """Any frame, also one that is not allowed."""
        self.writer.write(client_frame(opcode, payload, final=final, masked=masked))


def client_frame(opcode: int, payload: bytes, *, final: bool = True, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    head = bytes([(0x80 if final else 0) | opcode])
    flag = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    else:
        head += struct.pack("!BH", flag | 126, len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Events:
    """One event stream; `answer` holds the head, `next` the events as (event, id, data)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def open(
        cls,
        browser: Browser,
        query: str,
        port: int,
        name: str = "attendance-stream",
        path: str = "",
    ) -> Events:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        events = cls(reader, writer)
        path = path or f"/api/realtime/{name}{'?' + query if query else ''}"
        named = {"Host": f"127.0.0.1:{port}", **browser._cookie_header()}
        writer.write(_head("GET", path, named))
        async with asyncio.timeout(ANSWER_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        events.status, events.headers, _ = _parse_head(head)
        return events

    async def next(self) -> tuple[str, str, Any] | None:
        """The next event that is no beat, None at the end of the stream."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    block = (await self.reader.readuntil(b"\n\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            fields = dict(line.split(": ", 1) for line in block.strip().split("\n"))
            if "data" in fields and fields.get("event") != "beat":
                data = fields["data"]
                parsed = json.loads(data) if data[:1] in "{[" else data
                return fields.get("event", "message"), fields.get("id", ""), parsed

    async def rest(self) -> bytes:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self.reader.read()


def _head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _answer_of(reader: asyncio.StreamReader) -> Answer:
    status, headers, cookies = _parse_head(await reader.readuntil(b"\r\n\r\n"))
    body = await reader.read()
    return Answer(status, headers, body, cookies)


def _parse_head(head: bytes) -> tuple[int, dict[str, str], list[str]]:
    first, *lines = head.decode().strip().split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    cookies = [value for name, value in pairs if name.lower() == "set-cookie"]
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, cookies


def unchunked(answer: Answer) -> bytes:
    """The body of an answer that came in chunks."""
    if answer.headers.get("transfer-encoding") != "chunked":
        return answer.body
    body, rest = b"", answer.body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
    return body


async def spoken(port: int, data: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes as they are; return what comes until the end, b"" when the connection is reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
