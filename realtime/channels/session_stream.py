"""`GET /api/realtime/attendance-stream`: a member's own news as server-sent events."""

from __future__ import annotations

import time

from realtime.presence.handshake import Admission, jitter_ms, new_connection_id, tab_of
from realtime.transport import messages
from realtime.transport.connection import Stream
from realtime.transport.front import Doorway, Head, require_get
from realtime.transport.wire import give_up_after, wire_of
from store.errors import Forbidden, Unauthenticated
from store.members import fold
from store.sessions import Ended, Place

PATH = "/api/realtime/attendance-stream"

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

DEAF_BEATS = 1.4
"""Beats without an acknowledged byte before the kernel ends it: with the beat that asks, a dead
client is found within 2.5."""


class StreamAcceptor:
    """Accepts SSE clients."""

    serves_waiting = False

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def matches(self, path: str) -> bool:
        return path == PATH

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        self._admission.require_room(head)
        credential, _ = self._admission.door.credential(head.headers)
        if not credential:
            raise Unauthenticated()
        tab = tab_of(head.query)
        place, end = await self._admission.check(credential, portal=self.serves_waiting)
        if end is not None:
            await self._tell_end(end, head.query.get("tab_id", ""), door)
        elif place is None:
            raise Unauthenticated()
        else:
            self._open(place, head, tab, door)

    def _open(self, place: Place, head: Head, tab: str, door: Doorway) -> None:
        named = fold(head.query.get("user", place.username))
        if named not in (fold(place.username), fold(place.email)):
            raise Forbidden()
        if not door.is_open:
            return
        admission = self._admission
        connection = Stream(admission.hub, new_connection_id(), tab)
        stream = door.take()
        settings = admission.store.settings
        give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
        connection.wire = wire_of(stream, connection, admission.parking, settings.send_buffer_bytes)
        admission.seat(connection, place)
        connection.wire.send(HEAD + _hello(place, connection))

    async def _tell_end(self, end: Ended, tab: str, door: Doorway) -> None:
        """A session that is over is told why once more, and then that there is nothing to wait
        for."""
        store = self._admission.store
        before = await store.sessions.told_before(end.member, end.sid, tab)
        username = await store.members.username(end.member)
        if not door.is_open:
            return
        message = messages.ended(end, username, f"{end.at}-0")
        last = NO_MORE if before else HEAD + message.sse
        wire = wire_of(door.take(), _NOBODY, self._admission.parking, len(last) + 1)
        wire.finish(last)


def _hello(place: Place, connection: Stream) -> bytes:
    body = {
        "device_id": place.session.device,
        "tab_id": connection.tab,
        "conn_id": connection.id,
        "server_now": time.time(),
    }
    return b": ok\n\n" + messages.sse(
        messages.encode(body),
        event="connected",
        id=f"{place.now}-0",
        retry_ms=jitter_ms(2_400, 3_600),
    )


class Nobody:
    """Listens to a wire that only has a last word to bring."""

    def received(self, data: bytes) -> None:
        """Not read as anything."""

    def lost(self) -> None:
        """Gone; it had been told what there was."""

    def overrun(self) -> None:
        """Bounded by LINGER_SECONDS all the same."""


_NOBODY = Nobody()
