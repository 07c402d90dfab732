"""Connections that keep Tornado's IOStream, under the same contract as those in epoll."""

from __future__ import annotations

import asyncio
import socket
import time

from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError

from realtime.transport import wire
from realtime.transport.wire import Listener


class StreamWire:
    """One IOStream, written to without waiting."""

    __slots__ = (
        "_closing",
        "_last",
        "_listener",
        "_most_unsent",
        "_reading",
        "_since",
        "_stream",
        "_writing",
    )

    def __init__(self, stream: IOStream, listener: Listener, most_unsent: int) -> None:
        self._stream = stream
        self._listener: Listener | None = listener
        self._most_unsent = most_unsent
        self._since = 0.0
        self._writing = 0
        self._last: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        stream.set_close_callback(self._lost)
        self._reading = asyncio.get_running_loop().create_task(self._read())

    def send(self, data: bytes) -> bool:
        if self._listener is None or self._stream.closed():
            return False
        if not self._writing:
            self._since = time.monotonic()
        if self._writing + len(data) > self._most_unsent or self.is_stuck:
            self._listener.overrun()
            return False
        self._write(data)
        return True

    def _write(self, data: bytes) -> None:
        try:
            done = self._stream.write(data)
        except (StreamClosedError, StreamBufferFullError):
            return
        self._writing += len(data)
        self._last = done
        done.add_done_callback(lambda future: self._wrote(len(data), future))

    def _wrote(self, size: int, future: asyncio.Future[None]) -> None:
        # a closed stream is told by the close callback; asking keeps asyncio from warning
        future.exception()
        self._writing -= size
        self._since = time.monotonic()

    def finish(self, last: bytes = b"") -> None:
        if self._listener is None:
            return
        self._listener = None
        if last:
            self._write(last)
        self._closing = asyncio.get_running_loop().create_task(self._close_in_order())

    async def _close_in_order(self) -> None:
        try:
            async with asyncio.timeout(wire.LINGER_SECONDS):
                if self._last is not None:
                    await self._last
                if not self._stream.closed():
                    self._stream.socket.shutdown(socket.SHUT_WR)
                await self._reading
        except (TimeoutError, StreamClosedError, OSError):
            # it did not take our last word, or went before it: there is nothing more to say
            pass
        finally:
            self._stream.close()

    def abort(self) -> None:
        self._listener = None
        self._stream.close()

    @property
    def is_stuck(self) -> bool:
        return self._writing > 0 and time.monotonic() - self._since > wire.OLDEST_UNSENT_SECONDS

    async def _read(self) -> None:
        while not self._stream.closed():
            try:
                data = await self._stream.read_bytes(wire.READ_BYTES, partial=True)
            except StreamClosedError:
                return
            if self._listener is not None:
                self._listener.received(data)

    def _lost(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()
