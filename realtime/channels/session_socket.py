"""`WS /api/devices/ws/{device_id}?tab_id=`: a member's session as a WebSocket, one a tab.

A client that may not have it is let in just far enough to be told why: of a refused handshake, page
script sees neither status nor reason (reference/realtime.md §2.4).
"""

from __future__ import annotations

from realtime.channels.session_stream import complete_tab
from realtime.presence.hub import Hub
from realtime.presence.opening import LiveEndpoint, SocketOpening, new_connection_id
from realtime.transport import codes, messages
from realtime.transport.connection import Socket
from realtime.transport.messages import Message
from store.errors import Forbidden, SessionExpired, Unauthenticated


class DeviceEndpoint(LiveEndpoint[SocketOpening]):
    """Opens the WebSockets of tabs."""

    path = "/api/devices/ws/"
    opening = SocketOpening
    serves_other_sites = True

    async def let_in(self, opening: SocketOpening) -> None:
        head, handshake = opening.head, self._handshake
        tab = opening.tab()
        credential, by_cookie = handshake.door.credential(head.headers)
        if by_cookie and not opening.is_from_own_page:
            opening.refuse(codes.NOT_YOURS)
            return
        try:
            current, end = await handshake.check(credential)
        except SessionExpired as error:
            opening.refuse(codes.EXPIRED, _expired(error))
            return
        except Unauthenticated:
            opening.refuse(codes.NOT_LOGGED_IN)
            return
        except Forbidden:
            opening.refuse(codes.NOT_YOURS)
            return
        if end is not None:
            opening.refuse(messages.closing_code(end), messages.ended(end, "", ""))
        elif current is None:
            opening.refuse(codes.NOT_LOGGED_IN)
        elif current.session.device != head.path.removeprefix(self.path):
            opening.refuse(codes.NOT_YOURS)
        else:
            on_ack = handshake.logouts.acked
            connection = Socket(handshake.hub, new_connection_id(), tab, on_ack)
            complete_tab(handshake, opening, connection, current)


def websocket_stats(hub: Hub) -> dict[str, int]:
    """Return what this process holds open: QR requests, devices with a tab, tabs in all, and the
    same figures by transport."""
    sessions = hub.sessions()
    return {
        "qr_connections": len(hub.topics("qr:")),
        "device_connections": len({tabs.device for tabs in sessions}),
        "total_tabs": sum(len(tabs.connections) for tabs in sessions),
        "websockets": hub.counts["ws"],
        "event_streams": hub.counts["sse"],
    }


def _expired(error: SessionExpired) -> Message:
    return Message("session_expired", {"reason": error.reason, "message": error.message})
