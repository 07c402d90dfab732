"""`WS /api/devices/ws/{device_id}?tab_id=`: the line to one tab of a device.

Whoever may not have it is let in just far enough to be told why: a refused handshake shows page
script neither status nor reason (reference/realtime.md §2.4).
"""

from __future__ import annotations

import time

from realtime.channels.session_stream import Nobody
from realtime.presence.handshake import Admission, new_connection_id, tab_of
from realtime.presence.hub import Hub
from realtime.transport import codes, messages
from realtime.transport.connection import Socket
from realtime.transport.frames import accept_key, close_frame
from realtime.transport.front import Doorway, Head, require_get
from realtime.transport.messages import Message
from realtime.transport.wire import give_up_after, wire_of
from store.errors import Forbidden, InvalidRequest, SessionExpired, Unauthenticated
from store.sessions import Place

PREFIX = "/api/devices/ws/"
DEAF_BEATS = 2.2


class DeviceAcceptor:
    """Accepts the WebSockets of tabs."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def matches(self, path: str) -> bool:
        return path.startswith(PREFIX)

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        handshake = handshake_of(head)
        self._admission.require_room(head)
        tab = tab_of(head.query)
        credential, by_cookie = self._admission.door.credential(head.headers)
        if by_cookie and not is_from_own_page(self._admission, head):
            refuse(self._admission, door, handshake, codes.NOT_YOURS)
            return
        try:
            place, end = await self._admission.check(credential)
        except SessionExpired as error:
            refuse(self._admission, door, handshake, codes.EXPIRED, _expired(error))
            return
        except Unauthenticated:
            refuse(self._admission, door, handshake, codes.NOT_LOGGED_IN)
            return
        except Forbidden:
            refuse(self._admission, door, handshake, codes.NOT_YOURS)
            return
        if end is not None:
            code = messages.closing_code(end)
            refuse(self._admission, door, handshake, code, messages.ended(end, "", "").frame)
        elif place is None:
            refuse(self._admission, door, handshake, codes.NOT_LOGGED_IN)
        elif place.session.device != head.path.removeprefix(PREFIX):
            refuse(self._admission, door, handshake, codes.NOT_YOURS)
        else:
            self._open(door, handshake, place, tab)

    def _open(self, door: Doorway, handshake: bytes, place: Place, tab: str) -> None:
        if not door.is_open:
            return
        admission = self._admission
        connection = Socket(admission.hub, new_connection_id(), tab, admission.kicks.acked)
        stream = door.take()
        settings = admission.store.settings
        give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
        connection.wire = wire_of(stream, connection, admission.parking, settings.send_buffer_bytes)
        admission.seat(connection, place)
        hello = Message(
            "connected",
            {
                "device_id": place.session.device,
                "tab_id": tab,
                "conn_id": connection.id,
                "server_now": time.time(),
            },
        )
        connection.wire.send(handshake + hello.frame)


def is_from_own_page(admission: Admission, head: Head) -> bool:
    """Whether our own page asks: a cookie is sent by whatever page does, a bearer is not."""
    origin = head.headers.get("Origin")
    return origin is not None and admission.door.is_own(origin)


def refuse(
    admission: Admission, door: Doorway, handshake: bytes, code: int, why: bytes = b""
) -> None:
    """Let a client in just far enough to be told why it may not be."""
    if not door.is_open:
        return
    last = handshake + why + close_frame(code)
    wire_of(door.take(), Nobody(), admission.parking, len(last) + 1).finish(last)


def websocket_stats(hub: Hub) -> dict[str, int]:
    """Return what this process holds open: QR requests, devices with a tab, tabs in all, and the
    same figures by transport."""
    seats = hub.seats()
    return {
        "qr_connections": len(hub.topics("qr:")),
        "device_connections": len({seat.device for seat in seats}),
        "total_tabs": sum(len(seat.connections) for seat in seats),
        "websockets": hub.counts["ws"],
        "event_streams": hub.counts["sse"],
    }


def handshake_of(head: Head) -> bytes:
    """Return the answer that completes the handshake (RFC 6455 §4.2.2).

    Raises InvalidRequest for a request that is no WebSocket handshake of version 13.
    """
    headers = head.headers
    upgrade = headers.get("Upgrade", "").lower() == "websocket"
    wants = "upgrade" in headers.get("Connection", "").lower()
    accept = accept_key(headers.get("Sec-WebSocket-Key", ""))
    version = headers.get("Sec-WebSocket-Version") == "13"
    if not (upgrade and wants and accept and version):
        raise InvalidRequest("Upgrade", "Alamat ini hanya untuk WebSocket (versi 13).")
    chosen = headers.get("Sec-WebSocket-Protocol", "").partition(",")[0].strip().lower()
    protocol = "Sec-WebSocket-Protocol: bearer\r\n" if chosen == "bearer" else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{protocol}Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def _expired(error: SessionExpired) -> bytes:
    body = {"reason": error.reason, "message": error.message}
    return Message("session_expired", body).frame
