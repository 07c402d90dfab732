"""The last word to a client that is refused before anything was built for it.

Tornado answers bytes that are no HTTP with a bare status line, or hangs up. Here each gets the JSON
body of CONTRACT §3, and time to read it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio import Future
from collections.abc import Awaitable
from typing import Any, Protocol, cast

from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, UnsatisfiableReadError

from realtime.transport.messages import encode
from store.errors import (
    BodyTooLarge,
    HeadTooLarge,
    JagaError,
    NoHttp,
    OtherVersion,
    WrongMethod,
)

LARGEST_HEAD = 32 * 1024
"""Request line and headers, as HeadTooLarge says: eight times a browser with many cookies."""

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending: long enough to read our answer."""

LONGEST_CHUNK_LINE = 256
EXTENSIONS_BYTES = 16 * 1024
"""Bytes of one chunk's size and extensions, and of all extensions of a request: nobody needs them,
and whoever sends them is not counted by the size of the body."""

BARE_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""What Tornado writes when it cannot read a request; a test checks that it still does."""


class Guest(Protocol):
    """How reception counts the connection (realtime.transport.reception.Guest)."""

    def waits(self, stream: ClientStream) -> None:
        """Its client has to send something first."""

    def served(self, stream: ClientStream) -> None:
        """It is being worked for."""

    def gone(self) -> None:
        """Its descriptor was given back."""


class ClientStream(IOStream):
    """A client's connection. What Tornado would refuse in its own words is refused in ours.

    A client may close its own direction once it has asked (RFC 9112 §9.6). Tornado takes that for
    a client that is gone; here it is answered, and its end counts when something is to be read.
    """

    def __init__(self, connection: socket.socket, guest: Guest | None = None) -> None:
        super().__init__(connection)
        self._guest = guest
        self._has_begun = False
        self._has_ended = False
        self._extensions = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the next request was read yet."""
        return not self._has_begun and not self._read_buffer_size

    def begins(self) -> None:
        """Note that the head of a request came; its body is to follow."""
        self._has_begun = True

    def waits(self) -> None:
        """Note that its client has to send something before there is anything to do."""
        self._has_begun = False
        self._extensions = 0
        if self._guest is not None:
            self._guest.waits(self)

    def served(self) -> None:
        """Note that it is being worked for."""
        if self._guest is not None:
            self._guest.served(self)

    def hand_over(self) -> Guest | None:
        """Return what counts this connection; whoever keeps its descriptor calls `gone`."""
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.served(self)
        return guest

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count == 0 and not self.reading():
            self._has_ended = True
            return None
        return count

    def _handle_events(self, fd: Any, events: int) -> None:
        super()._handle_events(fd, events)
        if self._has_ended and self._state and self._state & self.io_loop.READ:
            # the end can be read again and again, and would keep the loop turning
            self._state &= ~self.io_loop.READ
            self.io_loop.update_handler(self.fileno(), self._state)

    def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Read the line before a chunk (Tornado reads nothing else so), without its extensions,
        which Tornado does not know of (RFC 9112 §7.1.1)."""
        line = cast("Future[bytes]", super().read_until(delimiter, LONGEST_CHUNK_LINE))
        bare: Future[bytes] = asyncio.get_running_loop().create_future()
        if line.done():
            self._pass_on(line, bare)
        else:
            line.add_done_callback(lambda line: self._pass_on(line, bare))
        return bare

    def _pass_on(self, line: Future[bytes], bare: Future[bytes]) -> None:
        if bare.done():
            return
        if error := line.exception():
            bare.set_exception(error)
        else:
            bare.set_result(self._without_extensions(line.result()))

    def _without_extensions(self, line: bytes) -> bytes:
        """Return the size alone. A line that others could take for two, and one too many, stays as
        it is, for Tornado to refuse."""
        size, semicolon, extensions = line[:-2].partition(b";")
        self._extensions += len(extensions)
        is_odd = b"\n" in extensions or b"\r" in extensions
        if not semicolon or is_odd or self._extensions > EXTENSIONS_BYTES:
            return line
        return size.rstrip(b" \t") + b"\r\n"

    def write(self, data: bytes | memoryview) -> Future[None]:
        if data == BARE_REFUSAL and self._say_instead(_meaning(sys.exception())):
            written: Future[None] = asyncio.get_running_loop().create_future()
            written.set_result(None)
            return written
        return super().write(data)

    def close(self, exc_info: Any = False) -> None:
        if isinstance(exc_info, UnsatisfiableReadError):
            self._say_instead(_meaning(exc_info))
        super().close(exc_info)
        if guest := self.hand_over():
            guest.gone()

    def _say_instead(self, error: JagaError) -> bool:
        """Say it on a second descriptor of the connection, which outlives this stream. False when
        that is not possible."""
        if self.closed() or self.writing():
            return False
        try:
            kept = ClientStream(self.socket.dup(), self.hand_over())
        except OSError:
            return False  # no descriptor left: then without a word
        say_last(kept, error)
        return True


def _meaning(fault: BaseException | None) -> JagaError:
    """Return our error for what Tornado found wrong. Tornado tells its faults apart by their texts
    only."""
    text = str(fault)
    if isinstance(fault, UnsatisfiableReadError):
        return HeadTooLarge() if f"within {LARGEST_HEAD} bytes" in text else NoHttp()
    if isinstance(fault, HTTPInputError) and ("too large" in text or "too long" in text):
        return BodyTooLarge()
    return NoHttp()


def say_last(stream: IOStream, error: JagaError) -> None:
    """Answer with the error's JSON, read on for a moment so that it arrives, and close."""
    if isinstance(stream, ClientStream):
        stream.waits()
    loop = asyncio.get_running_loop()
    loop.create_task(_say_last(stream, _answer(error)))
    loop.call_later(LINGER_SECONDS, stream.close)


def _answer(error: JagaError) -> bytes:
    body = encode(error.body())
    head = [
        f"HTTP/1.1 {error.status} {_REASONS.get(error.status, 'Refused')}",
        "Content-Type: application/json; charset=utf-8",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if error.retry_after is not None:
        head.append(f"Retry-After: {error.retry_after}")
    if isinstance(error, WrongMethod):
        head.append(f"Allow: {error.allowed}")
    if isinstance(error, OtherVersion):
        head += ["Sec-WebSocket-Version: 13", "Upgrade: websocket"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def _say_last(stream: IOStream, last: bytes) -> None:
    """Write, say that no more will come, and read on until the client hangs up."""
    try:
        await stream.write(last)
        stream.socket.shutdown(socket.SHUT_WR)
        while True:
            await stream.read_bytes(65_536, partial=True)
    except OSError:
        return  # it hung up (StreamClosedError is one too)
    finally:
        stream.close()


_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    419: "Session Expired",
    429: "Too Many Requests",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
