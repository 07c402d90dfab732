"""What is measured: the product, or a peer, in one shape."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

from scripts.benchmark.client import Plan
from scripts.embedded.supervisor import StartError

Transport = Literal["sse", "ws"]
TRANSPORTS: tuple[Transport, ...] = ("sse", "ws")

REPLY_SECONDS = 10.0
READ_BYTES = 65_536


@dataclass(frozen=True)
class Push:
    """One message, ready to go: the bytes that publish it, and what its receivers will find."""

    request: bytes
    marker: bytes


class Subject(Protocol):
    """A server under measurement, alone on its core."""

    name: str
    transports: tuple[Transport, ...]
    remark: str
    """What is different about its work, for the foot of the table; empty for nothing."""

    async def start(self) -> None:
        """Start it anew, with nobody connected; returns when it answers."""

    async def stop(self) -> None:
        """End it."""

    def pids(self) -> list[int]:
        """The processes whose memory and time count."""

    async def settle(self) -> None:
        """Have it collect its garbage, where it can be asked to."""

    async def populate(self, devices: int, progress: Callable[[int, int], None]) -> None:
        """Have sessions for so many devices."""

    def plan(self, transport: Transport, device: int, tab: int) -> Plan:
        """How to open a tab of a device."""

    async def push(self, device: int) -> Push:
        """Prepare a message to all tabs of one device."""

    async def announcement(self) -> Push:
        """Prepare a message to everybody."""

    def publisher(self) -> Publisher:
        """Where pushes are sent."""


class Publisher:
    """A bare connection that sends a request and reads its reply: as light as can be."""

    def __init__(self, address: tuple[str, int], greetings: Sequence[bytes] = ()) -> None:
        """`greetings` are sent first, each answered before the next."""
        self._connection = socket.create_connection(address, REPLY_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replied_after = 0
        self.reply = b""
        for greeting in greetings:
            self._connection.sendall(greeting)
            self._connection.recv(READ_BYTES)

    @classmethod
    def to_redis(cls, url: str) -> Publisher:
        """A connection to Redis that is ready for commands. Raises StartError."""
        parts = urlsplit(url)
        if parts.scheme != "redis":
            raise StartError(f"{parts.scheme}:// is more than this speaks to Redis: use redis://")
        greetings = []
        if parts.password:
            words = [word for word in (parts.username, parts.password) if word]
            greetings.append(command("AUTH", *words))
        if database := parts.path.strip("/"):
            greetings.append(command("SELECT", database))
        return cls((parts.hostname or "127.0.0.1", parts.port or 6379), greetings)

    def send(self, push: Push) -> int:
        """Publish; returns the moment just before (ns). Waits for the reply; `reply` is what
        it says, `replied_after` how long that took (ns)."""
        began = time.perf_counter_ns()
        self._connection.sendall(push.request)
        self.reply = self._connection.recv(READ_BYTES)
        self.replied_after = time.perf_counter_ns() - began
        return began

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Caller:
    """A bare HTTP client on one connection that is kept: a request, its answer, no more."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), REPLY_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: 127.0.0.1:{port}\r\n" + (f"Cookie: {cookie}\r\n" if cookie else "")

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._connection.fileno()

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "text/plain") -> int:
        """Send a request; returns the moment just before (ns)."""
        request = (
            f"{method} {path} HTTP/1.1\r\n{self._head}"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter_ns()
        self._connection.sendall(request.encode() + body)
        return began

    def answer(self) -> tuple[int, bytes]:
        """Wait for the answer; returns status and body. Raises OSError when there is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < size:
            body += self._more()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        data = self._connection.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("the server hung up")
        return data

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def command(*words: str | int) -> bytes:
    """Return a Redis command as it goes over the wire."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        text = str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(text), text))
    return b"".join(parts)


def key_of(subject: int, device: int, tab: int) -> int:
    """Return a tab's own number among those of all subjects."""
    return (subject * 1_000_000 + device) * 32 + tab


def address_of(device: int) -> str:
    """Return a loopback address of its own for each device (Linux answers to all of 127/8).

    So ports never run out, and a limit per address sees as many addresses as there are browsers.
    """
    rest, last = divmod(device, 254)
    second, third = divmod(rest, 256)
    return f"127.{1 + second % 254}.{third}.{1 + last}"
