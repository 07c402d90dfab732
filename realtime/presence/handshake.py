"""Letting a tab in, on either transport: who it is, whether there is room, and its seat."""

from __future__ import annotations

import re
import secrets
from typing import Protocol

from tornado.httputil import HTTPHeaders

from realtime.presence.expiry import Clocks
from realtime.presence.hub import Hub
from realtime.presence.logouts import Kicks
from realtime.presence.rates import HandshakeRate
from realtime.presence.roles import Roles, tell
from realtime.relay import Relay
from realtime.transport import codes
from realtime.transport.connection import Connection, Seat
from realtime.transport.front import Head
from realtime.transport.wire import Parking
from store.errors import InvalidRequest, SessionEnded, Unavailable
from store.opening import Store
from store.sessions import Credential, Ended, Place

PLAIN = "member"
"""The role without rights over others: who has it loses nothing that a page shows."""

TAB = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Door(Protocol):
    """What a request's head says of the client (web.door.Door; given by the server)."""

    def address(self, headers: HTTPHeaders, remote_ip: str) -> str:
        """The client's address."""

    def forwarded(self, headers: HTTPHeaders) -> str | None:
        """What the trusted hop wrote down, "" for what is no address, None for nothing."""

    def is_own(self, origin: str) -> bool:
        """Whether an Origin header names us."""

    def qr_secrets(self, headers: HTTPHeaders) -> list[str]:
        """The secrets of the browser's QR requests."""

    def credential(self, headers: HTTPHeaders) -> tuple[str, bool]:
        """The session's credential, and whether a cookie brought it."""


class NoRoom(Unavailable):
    """This process holds as many connections as it may."""

    message = "Server sedang penuh. Coba lagi sebentar."
    retry_after = 5


class Admission:
    """What the acceptors share."""

    def __init__(
        self,
        store: Store,
        door: Door,
        hub: Hub,
        relay: Relay,
        kicks: Kicks,
        clocks: Clocks,
        parking: Parking | None,
        roles: Roles,
    ) -> None:
        self.store = store
        self.door = door
        self.hub = hub
        self.kicks = kicks
        self.clocks = clocks
        self.parking = parking
        self._relay = relay
        self._roles = roles
        self._rate = HandshakeRate()
        self.is_closing = False

    def require_room(self, head: Head) -> None:
        """Raise what keeps a connection out: RateLimited for an address that comes too often,
        Unavailable when there is no room, when we are leaving or deaf to the log."""
        self._rate.take(self.door.address(head.headers, head.remote_ip))
        if self.is_closing or not self._relay.is_following:
            raise Unavailable()
        if self.hub.count >= self.store.settings.max_connections:
            raise NoRoom()

    async def check(
        self, credential: str, *, portal: bool = False
    ) -> tuple[Place | None, Ended | None]:
        """Return the place of a credential, or the end of a session that is over.

        A place that was taken while this was being asked counts as ended. `portal` serves members
        who wait for approval as well. Raises what the check raises for everybody else: nobody,
        expired, not approved, away.
        """
        named = Credential.parse(credential)
        member, sid = named.member, named.sid
        with self.hub.expect(sid) as expected:
            try:
                place = await self.store.sessions.check(credential, touch=False, portal=portal)
            except SessionEnded:
                return None, await self._end_of(member, sid)
        if self.is_closing:
            # it came while we began to leave: no longer among those who are told so
            raise Unavailable()
        if place.draining or expected.overtaken:
            return None, await self._end_of(member, sid)
        return place, None

    async def _end_of(self, member: str, sid: str) -> Ended | None:
        found = await self.store.sessions.look(member, sid)
        return found if isinstance(found, Ended) else None

    def seat(self, connection: Connection, place: Place) -> None:
        """Seat a tab; one too many closes the device's oldest, which may return later."""
        session = place.session
        new = Seat(session.sid, session.member, session.device, place.username)
        seat = self.hub.seat(connection, new)
        self.clocks.follow(session, seat)
        if place.role != PLAIN:
            self._roles.guard(connection, session.member, [place.role], tell)
        if len(seat.connections) > self.store.settings.max_tabs_per_device:
            seat.connections[0].close(codes.TOO_MANY, retry_ms=30_000)


def tab_of(query: dict[str, str]) -> str:
    """Return the tab's own id, a new one when it names none. Raises InvalidRequest."""
    tab = query.get("tab_id", "")
    if tab and not TAB.fullmatch(tab):
        raise InvalidRequest("tab_id")
    return tab or f"tab_{secrets.token_hex(6)}"


def new_connection_id() -> str:
    """Return an id for one connection: 8 random bytes."""
    return secrets.token_hex(8)


def jitter_ms(least: int, most: int) -> int:
    """Return a delay that differs for each client, so that they do not come back together."""
    return least + secrets.randbelow(most - least + 1)
