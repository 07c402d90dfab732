"""Who may have a live connection: whose it is, whether there is room, and its session's tabs."""

from __future__ import annotations

from realtime.presence.expiry import Expiry
from realtime.presence.hub import Hub
from realtime.presence.logouts import Logouts
from realtime.presence.rates import HandshakeRate
from realtime.presence.roles import Roles, tell
from realtime.relay import Relay
from realtime.transport import codes
from realtime.transport.connection import Connection, SessionTabs
from realtime.transport.epoll_wire import EpollConnections
from store.door import Door
from store.errors import NoRoom, SessionEnded, Unavailable
from store.opening import Store
from store.sessions import Credential, CurrentSession, Ended

PLAIN = "member"
"""The role without rights over others: losing it changes no page."""


class Handshake:
    """What all endpoints share."""

    def __init__(
        self,
        store: Store,
        door: Door,
        hub: Hub,
        relay: Relay,
        logouts: Logouts,
        expiry: Expiry,
        connections: EpollConnections | None,
        roles: Roles,
    ) -> None:
        self.store = store
        self.door = door
        self.hub = hub
        self.logouts = logouts
        self.connections = connections
        self._expiry = expiry
        self._relay = relay
        self._roles = roles
        self._rate = HandshakeRate()
        self.is_closing = False

    def require_room(self, address: str) -> None:
        """Raise what keeps a connection out: RateLimited for an address that comes too often,
        Unavailable when there is no room, while we shut down, or while the log is not followed."""
        self._rate.take(address)
        if self.is_closing or not self._relay.is_following:
            raise Unavailable()
        if self.hub.count >= self.store.settings.max_connections:
            raise NoRoom()

    async def check(
        self, credential: str, *, portal: bool = False
    ) -> tuple[CurrentSession | None, Ended | None]:
        """Return the session that a credential opens, or the end of one that is over.

        A session that another login replaces while this is being asked counts as ended. `portal`
        serves members who wait for approval as well. Raises what the store's check raises for
        everybody else: nobody, expired, not approved, away.
        """
        named = Credential.parse(credential)
        member, sid = named.member, named.sid
        with self.hub.expect(sid) as expected:
            try:
                # no activity: a tab that is only open must not keep its session alive
                current = await self.store.sessions.check(credential, touch=False, portal=portal)
            except SessionEnded:
                return None, await self._end_of(member, sid)
        if self.is_closing:
            # it came while we began to shut down: it would miss the word to come back
            raise Unavailable()
        if current.draining or expected.overtaken:
            return None, await self._end_of(member, sid)
        return current, None

    async def _end_of(self, member: str, sid: str) -> Ended | None:
        found = await self.store.sessions.look(member, sid)
        return found if isinstance(found, Ended) else None

    def add_tab(self, connection: Connection, current: CurrentSession) -> None:
        """Register a tab; one too many closes the session's oldest, which may return later."""
        tabs = self.join_session(connection, current)
        if current.role != PLAIN:
            self._roles.guard(connection, current.session.member, [current.role], tell)
        if len(tabs.connections) > self.store.settings.max_tabs_per_device:
            tabs.connections[0].close(codes.TOO_MANY, retry_ms=30_000)

    def join_session(self, connection: Connection, current: CurrentSession) -> SessionTabs:
        """Register a connection that closes with its session."""
        session = current.session
        new = SessionTabs(session.sid, session.member, session.device, current.username)
        tabs = self.hub.join(connection, new)
        self._expiry.follow(session, tabs)
        return tabs
