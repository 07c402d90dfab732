"""How a live connection is opened: written once, for every address and both transports.

All addresses have the same first steps (`LiveEndpoint.accept`): GET, the transport's handshake,
room for one more. Then the endpoint decides who may come in (`let_in`). It raises a JagaError, or
uses the opening once: to complete it, or to say a last word.

Nothing may be awaited between an endpoint's last check and `complete`: a logout that is announced
meanwhile would not reach the connection.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from realtime.presence.handshake import Handshake
from realtime.transport import messages
from realtime.transport.connection import Connection
from realtime.transport.frames import close_frame
from realtime.transport.messages import Message
from realtime.transport.upgrade import (
    Head,
    Upgrade,
    give_up_after,
    require_get,
    switching_protocols,
    wire_of,
)
from store.errors import CrossOrigin, InvalidRequest, Unauthenticated

TAB = re.compile(r"[A-Za-z0-9_-]{1,64}")

DEAF_BEATS = 1.4
"""Beats without an acknowledged byte after which the kernel ends a connection. A beat asks, so that
a dead client is found within 2.4 beats. A WebSocket also answers each beat itself, and one that
does not is found by the next: two beats at most."""

HEAD = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/event-stream; charset=utf-8",
        b"Cache-Control: no-cache, no-store, no-transform",
        b"Connection: keep-alive",
        b"X-Accel-Buffering: no",
        b"X-Content-Type-Options: nosniff",
        b"\r\n",
    ]
)
NO_MORE = b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
"""An EventSource that gets 204 stops coming back (WHATWG HTML §9.2)."""


class Opening:
    """One client that asks for a live connection, after the steps that all have in common."""

    serves_other_sites = False
    """Whether the address is open to pages of ALLOWED_ORIGINS; the endpoint says so."""

    def __init__(self, handshake: Handshake, head: Head, upgrade: Upgrade) -> None:
        self.head = head
        self._handshake = handshake
        self._upgrade = upgrade

    @property
    def address(self) -> str:
        """The client's address."""
        return self._handshake.door.address(self.head.headers, self.head.remote_ip)

    def may_ask(self, origin: str) -> bool:
        """Return whether an Origin header names our own pages, or a site whose pages may ask."""
        door = self._handshake.door
        return door.is_allowed(origin) if self.serves_other_sites else door.is_own(origin)

    def tab(self) -> str:
        """Return the tab's own id, a new one when it names none. Raises InvalidRequest."""
        tab = self.head.query.get("tab_id", "")
        if tab and not TAB.fullmatch(tab):
            raise InvalidRequest("tab_id")
        return tab or f"tab_{secrets.token_hex(6)}"

    def complete(
        self,
        connection: Connection,
        register: Callable[[], object],
        hello: dict[str, Any],
        id: str = "",
    ) -> bool:
        """Give the connection its wire, register it in the hub, and say `connected` with `hello`
        and how often we beat: a line on which no beat comes is dead, and only the page can know.

        `id` is where a stream goes on when it returns. False when the client has gone meanwhile.
        """
        if not self._upgrade.is_open:
            return False
        stream = self._upgrade.take()
        settings = self._handshake.store.settings
        give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
        connection.wire = wire_of(
            stream, connection, self._handshake.connections, settings.send_buffer_bytes
        )
        # registered first: nothing is awaited in between, so the first words are still the first
        register()
        hello = hello | {"beat_seconds": settings.heartbeat_seconds}
        connection.wire.send(self._first_words(hello, id))
        return True

    def _first_words(self, hello: dict[str, Any], id: str) -> bytes:
        raise NotImplementedError

    def _say_last(self, last: bytes) -> None:
        if self._upgrade.is_open:
            stream, most = self._upgrade.take(), len(last) + 1
            wire_of(stream, _NOBODY, self._handshake.connections, most).finish(last)


class StreamOpening(Opening):
    """Of server-sent events."""

    def credential(self) -> str:
        """Return the session's credential. Raises Unauthenticated when there is none, CrossOrigin
        for a cookie that a page of a site brings which may not ask: it could not read a word, but
        would take a tab's place."""
        credential, by_cookie = self._handshake.door.credential(self.head.headers)
        if not credential:
            raise Unauthenticated()
        origin = self.head.headers.get("Origin", "")
        if by_cookie and origin and not self.may_ask(origin):
            raise CrossOrigin()
        return credential

    def say_last(self, message: Message) -> None:
        """Say one thing, and close."""
        self._say_last(self._head() + message.sse)

    def say_no_more(self) -> None:
        """Have an EventSource stop coming back."""
        self._say_last(NO_MORE)

    def _first_words(self, hello: dict[str, Any], id: str) -> bytes:
        retry_ms = jitter_ms(2_400, 3_600)
        event = messages.sse(messages.encode(hello), event="connected", id=id, retry_ms=retry_ms)
        return self._head() + b": ok\n" + event

    def _head(self) -> bytes:
        """The answer's head, with the leave to read it for a page of another site that may."""
        origin = self.head.headers.get("Origin", "")
        if not (self.serves_other_sites and self._handshake.door.is_allowed(origin)):
            return HEAD
        leave = f"Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n"
        return HEAD[:-2] + f"{leave}Access-Control-Allow-Credentials: true\r\n\r\n".encode()


class SocketOpening(Opening):
    """Of a WebSocket."""

    def __init__(self, handshake: Handshake, head: Head, upgrade: Upgrade) -> None:
        """Raises InvalidRequest for what is no WebSocket handshake."""
        super().__init__(handshake, head, upgrade)
        self._switching = switching_protocols(head)

    @property
    def is_from_own_page(self) -> bool:
        """Whether our own page asks, or one of a site that may: any page's request brings the
        cookie, a bearer does not."""
        origin = self.head.headers.get("Origin")
        return origin is not None and self.may_ask(origin)

    def refuse(self, code: int, message: Message | None = None) -> None:
        """Let the client in just far enough to be told why it may not be."""
        why = message.frame if message else b""
        self._say_last(self._switching + why + close_frame(code))

    def _first_words(self, hello: dict[str, Any], id: str) -> bytes:
        return self._switching + Message("connected", hello).frame


Kind = TypeVar("Kind", bound=Opening)


class LiveEndpoint(Generic[Kind]):
    """One live address; a subclass decides whom it lets in."""

    path = ""
    """Its whole path; one that ends with a slash has something behind it."""

    opening: type[Kind]

    serves_other_sites = False
    """Whether pages of ALLOWED_ORIGINS may open it as well."""

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake

    def matches(self, path: str) -> bool:
        """Whether this path is its own."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path

    async def accept(self, head: Head, upgrade: Upgrade) -> None:
        """Open a connection for one client, or raise a JagaError that says why not."""
        require_get(head)
        opening = self.opening(self._handshake, head, upgrade)
        opening.serves_other_sites = self.serves_other_sites
        self._handshake.require_room(opening.address)
        await self.let_in(opening)

    async def let_in(self, opening: Kind) -> None:
        """Decide who asks, and complete the opening or refuse it."""
        raise NotImplementedError


class _Nobody:
    """Listens to a wire that only has a last word to bring."""

    def received(self, data: bytes) -> None:
        """Not read as anything."""

    def lost(self) -> None:
        """Gone; it had been told what there was."""

    def overrun(self) -> None:
        """Bounded by LINGER_SECONDS all the same."""


_NOBODY = _Nobody()


def new_connection_id() -> str:
    """Return an id for one connection: 8 random bytes."""
    return secrets.token_hex(8)


def jitter_ms(least: int, most: int) -> int:
    """Return a delay that differs for each client, so that they do not come back together."""
    return least + secrets.randbelow(most - least + 1)
