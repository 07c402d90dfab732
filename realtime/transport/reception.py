"""Reception: who gets a connection at all, before a byte of a request is read.

Connections are counted, in all and by address. When there is no room for another, the one that has
waited longest for its client to send a whole request is closed. So a client that opens connections
and says nothing only closes others that say nothing. When none is waiting, accepting pauses until
one has left; the kernel holds new ones meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from tornado.netutil import bind_sockets

from realtime.transport.refusal import ClientStream
from store.limits import source_of

BACKLOG = 4_096
"""Connections the kernel holds while the loop is busy: a whole school coming back at once."""

AT_ONCE = 64
"""Connections accepted between two turns of the loop, so that what they send is read in between."""

HEARD_SECONDS = 0.1
"""How long a client may say nothing before it may have to make room: longer than the loop needs to
read what came with the connection."""

PAUSE_SECONDS = 0.1
"""Accepting is tried again after this, also when nobody has left."""

ARRIVE_SECONDS = 3.0
"""How long a request that has begun may take to arrive once we are leaving."""

LOOK_SECONDS = 0.02

OUR_OWN = 128
"""Descriptors kept for ourselves: Redis, Postgres, the queue, files, last words."""

NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger("jaga.server")


def sockets_that_fit() -> int:
    """Return how many clients this process has descriptors for."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 100_000 if soft == resource.RLIM_INFINITY else max(soft - OUR_OWN, soft // 2)


class Guest:
    """One connection, as reception counts it, until it is `gone`."""

    __slots__ = ("_reception", "since", "source")

    def __init__(self, reception: Reception, source: str) -> None:
        self._reception: Reception | None = reception
        self.source = source
        self.since = 0.0

    def waits(self, stream: ClientStream) -> None:
        """Its client has to send something before there is anything to do."""
        if self._reception is not None:
            self._reception._waits(self, stream)

    def served(self, stream: ClientStream) -> None:
        """It is being worked for: it makes room for nobody."""
        if self._reception is not None:
            self._reception._served(self, stream)

    def gone(self) -> None:
        """Its descriptor was given back."""
        reception, self._reception = self._reception, None
        if reception is not None:
            reception._gone(self)


class _Source:
    """What one address has open."""

    __slots__ = ("count", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.waiting: dict[ClientStream, Guest] = {}


class Reception:
    """The listening sockets and what came through them."""

    def __init__(
        self,
        serve: Callable[[ClientStream, Any], None],
        most: int,
        most_per_source: int | None,
    ) -> None:
        """`serve` takes a new stream and its peer. `most_per_source` is None when all come from one
        peer, a proxy."""
        self._serve = serve
        self._most = most
        self._most_per_source = most_per_source
        self._listening: list[socket.socket] = []
        self._sources: dict[str, _Source] = {}
        self._waiting: dict[ClientStream, Guest] = {}
        self._paused: asyncio.TimerHandle | None = None
        self._has_said = False
        self.count = 0
        self.put_out = 0
        """How many that waited made room, for the metrics."""

    def listen(self, port: int, bind: str) -> None:
        """Begin to accept."""
        self._listening = bind_sockets(port, bind, backlog=BACKLOG)
        self._watch()

    def stop(self) -> None:
        """Accept whom the kernel has let in already, then nobody; those who are here stay."""
        for listening in self._listening:
            while self._accept(listening):
                continue
        self._unwatch()
        for listening in self._listening:
            listening.close()
        self._listening = []

    async def until_empty(self) -> None:
        """Wait until everybody has left, and see those out who want nothing.

        Requests in hand are answered; one whose client has yet to send the rest has
        ARRIVE_SECONDS for it.
        """
        late = time.monotonic() + ARRIVE_SECONDS
        while self.count:
            now = time.monotonic()
            for stream, guest in list(self._waiting.items()):
                if now >= late or (stream.is_idle and now - guest.since >= HEARD_SECONDS):
                    stream.close()
            await asyncio.sleep(LOOK_SECONDS)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.add_reader(listening.fileno(), self._accept, listening)

    def _unwatch(self) -> None:
        loop = asyncio.get_running_loop()
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        for listening in self._listening:
            loop.remove_reader(listening.fileno())

    def _accept(self, listening: socket.socket) -> bool:
        """Take in some of those who knock; returns whether more may be there."""
        for _ in range(min(AT_ONCE, max(1, self._most // 2))):
            if self.count >= self._most and not self._make_room():
                return self._pause("as many as may be")
            try:
                connection, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return False
            except OSError as error:
                if error.errno not in NO_DESCRIPTOR:
                    raise
                if not self._make_room():
                    return self._pause(error.strerror or "no descriptor is left")
            else:
                self._welcome(connection, address)
        return True

    def _welcome(self, connection: socket.socket, address: Any) -> None:
        source = source_of(str(address[0])) if isinstance(address, tuple) else ""
        mine = self._sources.get(source) or _Source()
        if self._is_full(mine, source):
            first = next(iter(mine.waiting), None)
            if first is None:
                connection.close()
                return
            self._put_out(first)
            mine = self._sources.get(source) or mine
        self._sources[source] = mine
        mine.count += 1
        self.count += 1
        guest = Guest(self, source)
        stream = ClientStream(connection, guest)
        guest.waits(stream)
        self._serve(stream, address)

    def _is_full(self, mine: _Source, source: str) -> bool:
        """Whether an address has as many as it may. This machine's own is a proxy, or a test."""
        most = self._most_per_source
        return most is not None and mine.count >= most and source not in ("127.0.0.1", "::/64")

    def _make_room(self) -> bool:
        """Close the connection that has waited longest. False when none has waited long enough."""
        stream = next(iter(self._waiting), None)
        if stream is None or time.monotonic() - self._waiting[stream].since < HEARD_SECONDS:
            return False
        self._put_out(stream)
        return True

    def _put_out(self, stream: ClientStream) -> None:
        self.put_out += 1
        stream.close()

    def _pause(self, why: str) -> bool:
        self._unwatch()
        self._paused = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._resume)
        if not self._has_said and not self._waiting:
            log.warning("accepting pauses: %s (%d connections are open)", why, self.count)
            self._has_said = True
        return False

    def _resume(self) -> None:
        self._paused = None
        self._watch()

    # Told by the guests

    def _waits(self, guest: Guest, stream: ClientStream) -> None:
        self._served(guest, stream)
        guest.since = time.monotonic()
        self._waiting[stream] = guest
        self._sources[guest.source].waiting[stream] = guest

    def _served(self, guest: Guest, stream: ClientStream) -> None:
        self._waiting.pop(stream, None)
        self._sources[guest.source].waiting.pop(stream, None)

    def _gone(self, guest: Guest) -> None:
        self.count -= 1
        mine = self._sources[guest.source]
        mine.count -= 1
        if not mine.count:
            del self._sources[guest.source]
        if self.count < self._most * 0.9:
            self._has_said = False
        if self._paused is not None:
            self._paused.cancel()
            self._resume()
