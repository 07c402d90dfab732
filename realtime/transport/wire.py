"""The write path: an accepted connection reduced to what it needs to be written to.

Two kinds behind one interface. A **parked** wire is a file descriptor in one epoll that the event
loop watches as a single reader, and one small object: no stream, no request, no task, no timer. A
**stream** wire keeps Tornado's IOStream, for what cannot be parked (TLS in this process, systems
without epoll). `wire_of` chooses.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections import deque
from typing import Protocol

from tornado.iostream import IOStream, SSLIOStream, StreamBufferFullError, StreamClosedError

from realtime.transport.refusal import ClientStream, Guest

READ_BYTES = 16_384
"""Read at once: four of the largest messages a tab may send."""

READY_AT_ONCE = 64
"""Connections read from between two turns of the loop, a millisecond's work: ten thousand tabs
that answer a mass logout must not keep a single one waiting."""

OLDEST_UNSENT_SECONDS = 10.0
"""A client that has not taken a byte for so long is slow, however little it owes."""

LINGER_SECONDS = 2.0
"""How long a peer may take to read our last word. Closing earlier, with bytes of its own unread,
would make the kernel reset the connection and take that word back."""


class Listener(Protocol):
    """Who is told what happens on a wire."""

    def received(self, data: bytes) -> None:
        """Bytes came from the peer."""

    def lost(self) -> None:
        """The peer is gone; the wire is closed already."""

    def overrun(self) -> None:
        """The peer does not read: more is unsent than may be, or for too long."""


class Wire(Protocol):
    """One connection, written to without waiting."""

    def send(self, data: bytes) -> bool:
        """Write, or keep for later within the bound. False when the wire is closed or overrun."""

    def finish(self, last: bytes = b"") -> None:
        """Write the last bytes, then close in an orderly way; the listener hears no more."""

    def abort(self) -> None:
        """Close now; the listener hears no more."""

    @property
    def is_stuck(self) -> bool:
        """Whether something has been unsent for OLDEST_UNSENT_SECONDS."""


class Parking:
    """The nested epoll and its slots."""

    def __init__(self, most_unsent: int) -> None:
        """Takes SEND_BUFFER_BYTES. Must be made inside a running event loop."""
        self.most_unsent = most_unsent
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._slots: dict[int, ParkedWire] = {}
        self._lingering: deque[tuple[float, ParkedWire]] = deque()
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def __len__(self) -> int:
        return len(self._slots)

    def park(self, fd: int, listener: Listener, guest: Guest | None = None) -> ParkedWire:
        """Take over a non-blocking, connected descriptor; `guest` hears when it is given back."""
        wire = ParkedWire(self, fd, listener, guest)
        self._slots[fd] = wire
        self._epoll.register(fd, _READ)
        return wire

    def close(self) -> None:
        """Drop every connection and the epoll itself."""
        for wire in list(self._slots.values()):
            wire.abort()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _turn(self) -> None:
        """One round: what epoll reports, by the object in the slot, never by a bare number.

        A descriptor that a wire of this round gives back may be handed out again by the system
        before the round is over; its old slot is empty then, and the new one is not in the list.
        """
        ready = [(self._slots.get(fd), mask) for fd, mask in self._epoll.poll(0, READY_AT_ONCE)]
        for wire, mask in ready:
            if wire is not None:
                wire._happened(mask)

    def _watch(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def _give_back(self, fd: int) -> None:
        """Forget the slot first, then the number: the system may reuse it at once."""
        del self._slots[fd]
        self._epoll.unregister(fd)
        os.close(fd)

    def _linger(self, wire: ParkedWire) -> None:
        """Remember when to give up on a last word; a single timer serves all that wait."""
        if not self._lingering:
            self._loop.call_later(LINGER_SECONDS, self._stop_lingering)
        self._lingering.append((time.monotonic() + LINGER_SECONDS, wire))

    def _stop_lingering(self) -> None:
        now = time.monotonic()
        while self._lingering and self._lingering[0][0] <= now:
            self._lingering.popleft()[1].abort()
        if self._lingering:
            self._loop.call_later(self._lingering[0][0] - now + 0.001, self._stop_lingering)


_READ = select.EPOLLIN | select.EPOLLRDHUP if hasattr(select, "epoll") else 0
_WRITE = select.EPOLLOUT if hasattr(select, "epoll") else 0
_BROKEN = select.EPOLLERR | select.EPOLLHUP if hasattr(select, "epoll") else 0


class ParkedWire:
    """One descriptor in the parking."""

    __slots__ = ("_fd", "_guest", "_listener", "_parking", "_since", "_unsent")

    def __init__(self, parking: Parking, fd: int, listener: Listener, guest: Guest | None) -> None:
        self._guest = guest
        self._parking = parking
        self._fd = fd
        self._listener: Listener | None = listener
        self._unsent = b""
        self._since = 0.0

    def send(self, data: bytes) -> bool:
        if self._fd < 0 or self._listener is None:
            return False
        return self._write(data)

    def _write(self, data: bytes) -> bool:
        if self._unsent:
            return self._keep(data)
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return False
        return sent == len(data) or self._keep(data[sent:])

    def finish(self, last: bytes = b"") -> None:
        if self._fd < 0 or self._listener is None:
            return
        self._listener = None
        if last:
            self._write(last)
        if self._fd < 0:
            return
        self._parking._linger(self)
        if not self._unsent:
            self._say_no_more()

    def abort(self) -> None:
        self._listener = None
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._unsent = b""
            self._parking._give_back(fd)
            if self._guest is not None:
                self._guest.gone()

    @property
    def is_stuck(self) -> bool:
        return bool(self._unsent) and time.monotonic() - self._since > OLDEST_UNSENT_SECONDS

    def _keep(self, data: bytes) -> bool:
        """Hold what the peer would not take; the bound is what one slow client may cost."""
        if not self._unsent:
            self._since = time.monotonic()
            self._parking._watch(self._fd, _READ | _WRITE)
        self._unsent += data
        if len(self._unsent) <= self._parking.most_unsent and not self.is_stuck:
            return True
        if self._listener is not None:
            self._listener.overrun()
        return False

    def _happened(self, mask: int) -> None:
        if self._fd >= 0 and mask & _WRITE:
            self._flush()
        if self._fd >= 0 and mask & (_READ | _BROKEN):
            self._read()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        self._unsent = self._unsent[sent:]
        self._since = time.monotonic()
        if not self._unsent:
            self._parking._watch(self._fd, _READ)
            if self._listener is None:
                self._say_no_more()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
        elif self._listener is not None:
            self._listener.received(data)

    def _say_no_more(self) -> None:
        """Half-close: the peer reads the end; the descriptor stays until it has hung up."""
        try:
            peer = socket.socket(fileno=os.dup(self._fd))
        except OSError:
            self._lose()
            return
        with peer:
            try:
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                self.abort()

    def _lose(self) -> None:
        listener = self._listener
        self.abort()
        if listener is not None:
            listener.lost()


class StreamWire:
    """The same on Tornado's IOStream."""

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
            async with asyncio.timeout(LINGER_SECONDS):
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
        return self._writing > 0 and time.monotonic() - self._since > OLDEST_UNSENT_SECONDS

    async def _read(self) -> None:
        while not self._stream.closed():
            try:
                data = await self._stream.read_bytes(READ_BYTES, partial=True)
            except StreamClosedError:
                return
            if self._listener is not None:
                self._listener.received(data)

    def _lost(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()


def wire_of(stream: IOStream, listener: Listener, parking: Parking | None, most: int) -> Wire:
    """Give a detached stream its wire: parked where that is possible.

    The descriptor is duplicated and the stream closed, so that nothing of Tornado's stays.
    `parking` None asks for stream wires (tests, systems without epoll).
    """
    set_socket_options(stream.socket)
    if parking is None or isinstance(stream, SSLIOStream):
        return StreamWire(stream, listener, most)
    fd = os.dup(stream.socket.fileno())
    os.set_blocking(fd, False)
    guest = stream.hand_over() if isinstance(stream, ClientStream) else None
    stream.close()
    return parking.park(fd, listener, guest)


def set_socket_options(connection: socket.socket) -> None:
    """Small messages leave at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def give_up_after(connection: socket.socket, seconds: float) -> None:
    """Let the kernel end a connection whose peer has acknowledged nothing for so long.

    That is how a silent SSE client is found: it never answers, but TCP must (Linux only).
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(seconds * 1000))
        )
