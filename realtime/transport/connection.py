"""A tab's connection on either transport: a stream that is only told, a socket that answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Protocol

from realtime.transport import codes, messages
from realtime.transport.frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    ProtocolError,
    close_code,
    close_frame,
    frame,
)
from realtime.transport.messages import Message
from realtime.transport.wire import Wire

BURST = 10
PER_SECOND = 1.0
"""Messages that a tab may send: one a second, ten at once. It sends two each heartbeat and one for
a logout; more is a flood (reference/realtime.md F3-29)."""

COSTS = {PING: 0.1, CLOSE: 0.0}
"""What a frame takes of that, 1 where it says nothing: some clients ping often, and whoever leaves
in order is answered whatever came before."""


class SessionTabs:
    """One session's open tabs in this process, in the order they came."""

    __slots__ = ("clock_at", "connections", "device", "member", "sid", "username", "warned")

    def __init__(self, sid: str, member: str, device: str, username: str) -> None:
        self.sid = sid
        self.member = member
        self.device = device
        self.username = username
        self.connections: list[Connection] = []
        self.clock_at = 0
        """When this process next looks whether the session expires (ms), 0 for never."""
        self.warned = ""
        """The clock that its tabs were warned of, as `reason:moment`."""

    def tell(self, message: Message) -> None:
        """Write a message to every tab; one that cannot take it leaves."""
        for tab in list(self.connections):
            tab.tell(message)


class Registry(Protocol):
    """Where a connection is registered (presence.hub)."""

    def remove(self, connection: Connection, why: str) -> None:
        """Take it out; one that has left already is let be."""


class Connection:
    """What both transports share: the session, the wire, and the logout it was told of."""

    __slots__ = ("hub", "id", "is_open", "kick_id", "tab", "tabs", "topic", "wire")

    transport = ""
    wire: Wire

    def __init__(self, hub: Registry, id: str, tab: str) -> None:
        self.hub = hub
        self.id = id
        self.tab = tab
        self.tabs: SessionTabs | None = None
        """Its session's tabs, this one among them; None outside the hub and without a session."""
        self.topic = ""
        self.kick_id = ""
        """The logout that it was told of."""
        self.is_open = False

    def tell(self, message: Message) -> bool:
        """Write a message; False when the peer is gone or does not read."""
        raise NotImplementedError

    def beat(self) -> bool:
        """Send a sign of life. False when the peer is dead."""
        raise NotImplementedError

    def close(self, code: int, retry_ms: int = 0) -> None:
        """Say goodbye with a code, and leave the hub."""
        raise NotImplementedError

    def drop(self, why: str) -> None:
        """Leave the hub and cut the wire."""
        self.hub.remove(self, why)
        self.wire.abort()

    def received(self, data: bytes) -> None:
        """Bytes from the peer (Listener)."""
        raise NotImplementedError

    def lost(self) -> None:
        """The peer is gone (Listener)."""
        self.hub.remove(self, "lost")

    def overrun(self) -> None:
        """The peer does not read (Listener): close it, so that nobody waits for it."""
        self.hub.remove(self, "slow")
        self.wire.abort()


class Stream(Connection):
    """Server-sent events."""

    __slots__ = ()

    transport = "sse"

    def tell(self, message: Message) -> bool:
        return self.wire.send(message.sse)

    def beat(self) -> bool:
        """A stream's client never answers: the kernel finds out (`give_up_after`)."""
        return not self.wire.is_stuck and self.wire.send(messages.PING_SSE)

    def close(self, code: int, retry_ms: int = 0) -> None:
        self.hub.remove(self, str(code))
        self.wire.finish(messages.come_back(retry_ms) if codes.comes_back(code) else b"")

    def received(self, data: bytes) -> None:
        """Ignore it: a stream's client has nothing to say after its GET."""


class Socket(Connection):
    """A WebSocket."""

    __slots__ = ("_acked", "_allowance", "_asked_at", "_quiet", "_reader", "on_ack")

    transport = "ws"

    def __init__(
        self, hub: Registry, id: str, tab: str, on_ack: Callable[[Socket, str], None]
    ) -> None:
        super().__init__(hub, id, tab)
        self.on_ack = on_ack
        self._reader: FrameReader | None = None
        self._quiet = False
        self._acked = ""
        self._allowance = float(BURST)
        self._asked_at = time.monotonic()

    def tell(self, message: Message) -> bool:
        return self.wire.send(message.frame)

    def beat(self) -> bool:
        """A peer that has not answered the last beat is dead."""
        if self._quiet or self.wire.is_stuck:
            return False
        self._quiet = True
        # the two answers to a beat are no flood, however fast the beats
        self._allowance += 2
        return self.wire.send(messages.PING_FRAMES)

    def close(self, code: int, retry_ms: int = 0) -> None:
        self.hub.remove(self, str(code))
        self.wire.finish(close_frame(code, f"retry={retry_ms}" if retry_ms else ""))

    def overrun(self) -> None:
        """Close with 4008. Unsent frames go first, whole, so a peer that reads again in time hears
        all of it."""
        self.hub.remove(self, "slow")
        self.wire.finish(close_frame(codes.SLOW))

    def received(self, data: bytes) -> None:
        self._quiet = False
        reader = self._reader or FrameReader()
        try:
            for opcode, payload in reader.feed(data):
                if not self._spend(COSTS.get(opcode, 1.0)):
                    raise ProtocolError(codes.FLOOD)
                self._heard(opcode, payload)
                if not self.is_open:
                    # what follows a Close is not read (RFC 6455 §5.5.1)
                    return
        except ProtocolError as error:
            self.close(error.code)
            return
        # an idle tab keeps no reader: ten thousand of them would be megabytes
        self._reader = None if reader.is_idle else reader

    def _spend(self, cost: float) -> bool:
        now = time.monotonic()
        earned = (now - self._asked_at) * PER_SECOND
        self._allowance = min(BURST + 2.0, self._allowance + earned)
        self._asked_at = now
        self._allowance -= cost
        return self._allowance >= 0 or not cost

    def _heard(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._said(payload)
        elif opcode == PING:
            self.wire.send(frame(PONG, payload))
        elif opcode == CLOSE:
            code = close_code(payload)
            self.hub.remove(self, "left")
            self.wire.finish(close_frame(1000 if code == 1005 else code))

    def _said(self, payload: bytes) -> None:
        """Handle a tab's message: answer `ping`, count `ack`, ignore everything else."""
        try:
            said = json.loads(payload)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        if said.get("event") == "ping":
            self.wire.send(messages.PONG_FRAME)
        # one ack a logout: a tab that repeats it is still one tab
        elif said.get("event") == "ack" and said.get("kick_id") == self.kick_id != self._acked:
            self._acked = self.kick_id
            self.on_ack(self, self.kick_id)
