"""`GET /api/realtime/attendance-stream`: a member's session as server-sent events, one a tab."""

from __future__ import annotations

import time
from functools import partial

from realtime.presence.handshake import Handshake
from realtime.presence.opening import LiveEndpoint, Opening, StreamOpening, new_connection_id
from realtime.transport import messages
from realtime.transport.connection import Connection, Stream
from store.errors import Forbidden, Unauthenticated
from store.members import fold
from store.sessions import CurrentSession, Ended


class StreamEndpoint(LiveEndpoint[StreamOpening]):
    """Opens the event streams of tabs."""

    path = "/api/realtime/attendance-stream"
    opening = StreamOpening
    serves_other_sites = True

    serves_waiting = False
    """Whether it is also for members whom nobody has approved yet."""

    async def let_in(self, opening: StreamOpening) -> None:
        credential, tab = opening.credential(), opening.tab()
        current, end = await self._handshake.check(credential, portal=self.serves_waiting)
        if end is not None:
            await self._tell_end(end, opening)
        elif current is None:
            raise Unauthenticated()
        else:
            _require_own_name(opening, current)
            connection = Stream(self._handshake.hub, new_connection_id(), tab)
            complete_tab(self._handshake, opening, connection, current)

    async def _tell_end(self, end: Ended, opening: StreamOpening) -> None:
        """Tell why the session is over; a tab that was told before hears that nothing more comes.

        A tab that names no id is one for all that do not.
        """
        store = self._handshake.store
        tab = opening.head.query.get("tab_id", "")
        before = await store.sessions.told_before(end.member, end.sid, tab)
        username = await store.members.username(end.member)
        if before:
            opening.say_no_more()
        else:
            opening.say_last(messages.ended(end, username, f"{end.at}-0"))


def complete_tab(
    handshake: Handshake, opening: Opening, connection: Connection, current: CurrentSession
) -> None:
    """Open the connection of a tab among those of its session."""
    hello = {
        "device_id": current.session.device,
        "tab_id": connection.tab,
        "conn_id": connection.id,
        "server_now": time.time(),
    }
    register = partial(handshake.add_tab, connection, current)
    opening.complete(connection, register, hello, f"{current.now}-0")


def _require_own_name(opening: StreamOpening, current: CurrentSession) -> None:
    """Raise Forbidden when the page asks for the stream of somebody else (`user`)."""
    named = fold(opening.head.query.get("user", current.username))
    if named not in (fold(current.username), fold(current.email)):
        raise Forbidden()
