"""`WS /api/auth/qr/ws/{token}`: the WebSocket of a browser that shows a QR code.

It is opened with the code and the browser's secret. It hears each state of its request once, and is
closed with the last. The store decides the states; here they are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from redis.exceptions import RedisError

from realtime.presence.background import Background
from realtime.presence.handshake import Handshake
from realtime.presence.hub import Hub
from realtime.presence.opening import LiveEndpoint, SocketOpening, new_connection_id
from realtime.transport import codes
from realtime.transport.connection import Socket
from realtime.transport.messages import Message
from store.errors import (
    JagaError,
)
from store.events import Event
from store.opening import Store
from store.qr import GRANT_SECONDS, QR_MESSAGES, Request

log = logging.getLogger("jaga.qr")

TOPIC = "qr:"

RETRY_SECONDS = 1.0
"""Until the next try, when Redis did not answer."""


class QrSocket(Socket):
    """One browser's WebSocket, and what it has been told."""

    __slots__ = ("is_served", "request", "was_scanned")

    def __init__(self, hub: Hub, request: Request, on_ack: Callable[[Socket, str], None]) -> None:
        super().__init__(hub, new_connection_id(), "", on_ack)
        self.request = request
        self.was_scanned = False
        self.is_served = False
        """Whether its approval is being delivered: we may hear of an approval twice."""

    def scanned(self, number: int | None) -> None:
        """Tell once that a phone has scanned the code, and which number to choose there."""
        if self.is_open and not self.was_scanned:
            self.was_scanned = True
            self.tell(Message("scanned", {"message": QR_MESSAGES["scanned"], "match": number}))

    def over(self, message: Message) -> None:
        """Send the last message and close; do nothing when it is closed already."""
        if self.is_open:
            self.tell(message)
            self.close(codes.QR_OVER)


class QrNews:
    """Tells the browsers and phones that are connected here what becomes of their requests."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self._hub = hub
        self._store = store
        self._background = Background()

    def listeners(self) -> dict[str, Callable[[Event], None]]:
        """Return who hears of each event type."""
        return {
            "qr.scanned": self._scanned,
            "qr.approved": self._approved,
            "qr.rejected": self._rejected,
            "qr.expired": self._expired,
            "qr.redeemed": self._redeemed,
        }

    def _scanned(self, event: Event) -> None:
        for socket in self._sockets(event):
            socket.scanned(event.data.get("match"))

    def _rejected(self, event: Event) -> None:
        for socket in self._sockets(event):
            socket.over(Message("rejected", {"message": QR_MESSAGES["rejected"]}))

    def _expired(self, event: Event) -> None:
        for socket in self._sockets(event):
            socket.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
        self._tell_phone(event, "expired")

    def _redeemed(self, event: Event) -> None:
        self._tell_phone(event, "redeemed")

    def _approved(self, event: Event) -> None:
        for socket in self._sockets(event):
            self._background.start(self.deliver(socket))
        self.look_after(str(event.data["request"]), GRANT_SECONDS)

    def _sockets(self, event: Event) -> list[QrSocket]:
        return self._sockets_of(str(event.data["request"]))

    def _sockets_of(self, request_id: str) -> list[QrSocket]:
        listeners = self._hub.listeners(TOPIC + request_id)
        return [one for one in listeners if isinstance(one, QrSocket)]

    def _tell_phone(self, event: Event, status: str) -> None:
        """Tell the phone that scanned whether its approval was used."""
        message = Message("qr_login", {"status": status}, event.id)
        self._hub.tell(str(event.data.get("sid", "")), message)

    async def deliver(self, socket: QrSocket) -> None:
        """Tell a browser that it is logged in: with tokens, or that it may fetch its cookie."""
        if socket.is_served:
            return
        socket.is_served = True
        try:
            message = await self._approval(socket.request)
        except JagaError as error:
            socket.over(Message("rejected", {"message": error.message}))
        except (RedisError, OSError) as error:
            log.warning("approval not delivered: %s", type(error).__name__)
            socket.close(codes.SHUTDOWN, retry_ms=1_000)
        else:
            socket.over(message)

    async def _approval(self, request: Request) -> Message:
        fresh = await self._store.qr.again(request)
        if request.delivery == "cookie":
            member = await self._store.members.get(fresh.member or "")
            return Message("approved", {"redeem": True, "user": member.as_user()})
        opened = await self._store.qr.redeem(fresh)
        member = await self._store.members.get(opened.session.member)
        return Message(
            "approved",
            {
                "access_token": opened.bearer,
                "refresh_token": opened.remember,
                "device_id": opened.session.device,
                "user": member.as_user(),
            },
        )

    def look_after(self, request_id: str, seconds: float) -> None:
        """Expire a request when its time is over; one that ended before stays as it ended."""
        asyncio.get_running_loop().call_later(
            seconds, lambda: self._background.start(self._expire(request_id))
        )

    async def _expire(self, request_id: str) -> None:
        try:
            left_ms = await self._store.qr.expire(request_id)
        except (RedisError, OSError):
            left_ms = int(RETRY_SECONDS * 1000)
        sockets = self._sockets_of(request_id)
        if left_ms and sockets:
            self.look_after(request_id, left_ms / 1000)
            return
        for socket in sockets:
            # also when an emptied Redis has forgotten the request: no event will say so
            if not socket.is_served:
                socket.over(Message("expired", {"message": QR_MESSAGES["expired"]}))


class QrEndpoint(LiveEndpoint[SocketOpening]):
    """Opens the WebSocket of the browser that asked, and of nobody else."""

    path = "/api/auth/qr/ws/"
    opening = SocketOpening

    def __init__(self, handshake: Handshake, news: QrNews) -> None:
        super().__init__(handshake)
        self._news = news

    async def let_in(self, opening: SocketOpening) -> None:
        if not opening.is_from_own_page:
            opening.refuse(codes.NOT_YOURS)
            return
        code = opening.head.path.removeprefix(self.path)
        secrets = self._handshake.door.qr_secrets(opening.head.headers)
        request = await self._handshake.store.qr.bound(code, secrets)
        if request is None:
            opening.refuse(codes.UNKNOWN)
            return
        socket = self._open(opening, request)
        if socket is not None:
            self._news.look_after(request.id, max(0, request.deadline - request.now) / 1000)
            await self._catch_up(socket)

    def _open(self, opening: SocketOpening, request: Request) -> QrSocket | None:
        """Subscribe, and close the socket that this one replaces: the browser came back."""
        hub, topic = self._handshake.hub, TOPIC + request.id
        before = hub.listeners(topic)
        socket = QrSocket(hub, request, self._handshake.logouts.acked)
        hello = {"message": QR_MESSAGES["pending"]}
        if not opening.complete(socket, partial(hub.subscribe, socket, topic), hello):
            return None
        # only now, so that there is no moment without a socket
        for other in before:
            other.close(codes.QR_OVER)
        return socket

    async def _catch_up(self, socket: QrSocket) -> None:
        """Tell what happened before it listened: registered first, asked afterwards."""
        try:
            now = await self._handshake.store.qr.again(socket.request)
        except JagaError:
            socket.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
            return
        if now.state == "scanned":
            socket.scanned(now.number)
        elif now.state == "approved":
            await self._news.deliver(socket)
        elif now.state == "rejected":
            socket.over(Message("rejected", {"message": QR_MESSAGES["rejected"]}))
        elif now.is_over:
            socket.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
