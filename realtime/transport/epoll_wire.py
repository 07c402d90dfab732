"""Connections as file descriptors in one epoll, which the event loop watches as a single reader.

An idle connection is a descriptor and one small object: no stream, no request, no task, no timer.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections import deque

from realtime.transport import wire
from realtime.transport.refusal import Guest
from realtime.transport.wire import Listener

READY_AT_ONCE = 64
"""Connections read from between two turns of the loop: a millisecond of work. Ten thousand tabs
that answer a mass logout must not keep a single one waiting."""


class EpollConnections:
    """The epoll and the connections in it, each by its descriptor."""

    def __init__(self, most_unsent: int) -> None:
        """Takes SEND_BUFFER_BYTES. Must be made inside a running event loop."""
        self.most_unsent = most_unsent
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._slots: dict[int, EpollWire] = {}
        self._lingering: deque[tuple[float, EpollWire]] = deque()
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, fd: int, listener: Listener, guest: Guest | None = None) -> EpollWire:
        """Take over a non-blocking, connected descriptor; `guest` hears when it is given back."""
        added = EpollWire(self, fd, listener, guest)
        self._slots[fd] = added
        self._epoll.register(fd, _READ)
        return added

    def close(self) -> None:
        """Drop every connection and the epoll itself."""
        for one in list(self._slots.values()):
            one.abort()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _turn(self) -> None:
        """Handle what epoll reports: first look up all objects, then call them.

        The system may hand out a descriptor again that was given back in this round. Its old slot
        is empty then, and the new one is not in the list.
        """
        ready = [(self._slots.get(fd), mask) for fd, mask in self._epoll.poll(0, READY_AT_ONCE)]
        for one, mask in ready:
            if one is not None:
                one._happened(mask)

    def _watch(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def _give_back(self, fd: int) -> None:
        """Forget the slot first, then the number: the system may reuse it at once."""
        del self._slots[fd]
        self._epoll.unregister(fd)
        os.close(fd)

    def _linger(self, leaving: EpollWire) -> None:
        """Note when to stop waiting for a peer to read our last word. One timer serves all."""
        if not self._lingering:
            self._loop.call_later(wire.LINGER_SECONDS, self._stop_lingering)
        self._lingering.append((time.monotonic() + wire.LINGER_SECONDS, leaving))

    def _stop_lingering(self) -> None:
        now = time.monotonic()
        while self._lingering and self._lingering[0][0] <= now:
            self._lingering.popleft()[1].abort()
        if self._lingering:
            self._loop.call_later(self._lingering[0][0] - now + 0.001, self._stop_lingering)


_READ = select.EPOLLIN | select.EPOLLRDHUP if hasattr(select, "epoll") else 0
_WRITE = select.EPOLLOUT if hasattr(select, "epoll") else 0
_BROKEN = select.EPOLLERR | select.EPOLLHUP if hasattr(select, "epoll") else 0


class EpollWire:
    """One descriptor in the epoll."""

    __slots__ = ("_connections", "_fd", "_guest", "_listener", "_since", "_unsent")

    def __init__(
        self, connections: EpollConnections, fd: int, listener: Listener, guest: Guest | None
    ) -> None:
        self._guest = guest
        self._connections = connections
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
            # behind what waits already, or the order is lost
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
        # first: what becomes of the last word concerns nobody any more
        self._listener = None
        if last:
            self._write(last)
        if self._fd < 0:
            return
        self._connections._linger(self)
        if not self._unsent:
            self._say_no_more()

    def abort(self) -> None:
        self._listener = None
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._unsent = b""
            self._connections._give_back(fd)
            if self._guest is not None:
                self._guest.gone()

    @property
    def is_stuck(self) -> bool:
        return bool(self._unsent) and time.monotonic() - self._since > wire.OLDEST_UNSENT_SECONDS

    def _keep(self, data: bytes) -> bool:
        """Keep what the peer did not take, up to the bound: what one slow client may cost."""
        if not self._unsent:
            self._since = time.monotonic()
            self._connections._watch(self._fd, _READ | _WRITE)
        self._unsent += data
        if len(self._unsent) <= self._connections.most_unsent and not self.is_stuck:
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
        # it reads, however slowly: only standing still counts as stuck
        self._since = time.monotonic()
        if not self._unsent:
            self._connections._watch(self._fd, _READ)
            if self._listener is None:
                self._say_no_more()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, wire.READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
        elif self._listener is not None:
            self._listener.received(data)

    def _say_no_more(self) -> None:
        """Close our direction: the peer reads the end. The descriptor stays until it hangs up."""
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
