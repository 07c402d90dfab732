"""`WS /api/auth/qr/ws/{token}`: the line to the browser whose code is on the screen.

It is opened with the code and the browser's secret, hears each turn of its request once, and is
closed with the last. What the turns are is the store's to say; here they are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from redis.exceptions import RedisError

from realtime.channels.session_socket import DEAF_BEATS, handshake_of, is_from_own_page, refuse
from realtime.presence.handshake import Admission, new_connection_id
from realtime.presence.hub import Hub
from realtime.transport import codes
from realtime.transport.connection import Socket
from realtime.transport.front import Doorway, Head, require_get
from realtime.transport.messages import Message
from realtime.transport.wire import give_up_after, wire_of
from store.errors import QR_MESSAGES, JagaError
from store.events import Event
from store.opening import Store
from store.qr import GRANT_SECONDS, Request

log = logging.getLogger("jaga.qr")

PREFIX = "/api/auth/qr/ws/"
TOPIC = "qr:"

RETRY_SECONDS = 1.0
"""When Redis did not answer at the moment a request was due."""


class QrSocket(Socket):
    """One browser's line, and how far it has been told."""

    __slots__ = ("is_served", "request", "was_scanned")

    def __init__(self, hub: Hub, request: Request, on_ack: Callable[[Socket, str], None]) -> None:
        super().__init__(hub, new_connection_id(), "", on_ack)
        self.request = request
        self.was_scanned = False
        self.is_served = False
        """Whether its approval is being collected: it may be heard of twice."""

    def scanned(self, number: int | None) -> None:
        """Tell that a phone has read the code, and which number to choose there; once."""
        if self.is_open and not self.was_scanned:
            self.was_scanned = True
            self.tell(Message("scanned", {"message": QR_MESSAGES["scanned"], "match": number}))

    def over(self, message: Message) -> None:
        """Say the last word, once: whoever has heard one is out of the hub."""
        if self.is_open:
            self.tell(message)
            self.close(codes.QR_OVER)


class QrLines:
    """Carries the turns of requests to the browsers and phones that are connected here."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self._hub = hub
        self._store = store
        self._under_way: set[asyncio.Task[None]] = set()

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
        for line in self._lines(event):
            line.scanned(event.data.get("match"))

    def _rejected(self, event: Event) -> None:
        for line in self._lines(event):
            line.over(Message("rejected", {"message": QR_MESSAGES["rejected"]}))

    def _expired(self, event: Event) -> None:
        for line in self._lines(event):
            line.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
        self._tell_phone(event, "expired")

    def _redeemed(self, event: Event) -> None:
        self._tell_phone(event, "redeemed")

    def _approved(self, event: Event) -> None:
        for line in self._lines(event):
            self._start(self.deliver(line))
        self.look_after(str(event.data["request"]), GRANT_SECONDS)

    def _lines(self, event: Event) -> list[QrSocket]:
        return self._listening(str(event.data["request"]))

    def _listening(self, request_id: str) -> list[QrSocket]:
        listeners = self._hub.listeners(TOPIC + request_id)
        return [line for line in listeners if isinstance(line, QrSocket)]

    def _tell_phone(self, event: Event, status: str) -> None:
        """The phone that scanned hears whether its approval was collected."""
        seat = self._hub.of(str(event.data.get("sid", "")))
        for tab in list(seat.connections) if seat else []:
            tab.tell(Message("qr_login", {"status": status}, event.id))

    async def deliver(self, line: QrSocket) -> None:
        """Tell a browser that it was let in: tokens on the line, or word to collect its cookie."""
        if line.is_served:
            return
        line.is_served = True
        try:
            message = await self._approval(line.request)
        except JagaError as error:
            line.over(Message("rejected", {"message": error.message}))
        except (RedisError, OSError) as error:
            log.warning("approval not delivered: %s", type(error).__name__)
            line.close(codes.SHUTDOWN, retry_ms=1_000)
        else:
            line.over(message)

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
        """Expire a request when its time is over; what ended before stays as it ended."""
        asyncio.get_running_loop().call_later(
            seconds, lambda: self._start(self._expire(request_id))
        )

    async def _expire(self, request_id: str) -> None:
        try:
            left_ms = await self._store.qr.expire(request_id)
        except (RedisError, OSError):
            left_ms = int(RETRY_SECONDS * 1000)
        lines = self._listening(request_id)
        if left_ms and lines:
            self.look_after(request_id, left_ms / 1000)
            return
        for line in lines:
            # also when an emptied Redis has forgotten the request: no event will say so
            if not line.is_served:
                line.over(Message("expired", {"message": QR_MESSAGES["expired"]}))

    def _start(self, part: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(part)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


class QrAcceptor:
    """Accepts the browser that asked, and nobody else."""

    def __init__(self, admission: Admission, lines: QrLines) -> None:
        self._admission = admission
        self._lines = lines

    def matches(self, path: str) -> bool:
        return path.startswith(PREFIX)

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        handshake = handshake_of(head)
        self._admission.require_room(head)
        if not is_from_own_page(self._admission, head):
            refuse(self._admission, door, handshake, codes.NOT_YOURS)
            return
        code = head.path.removeprefix(PREFIX)
        secrets = self._admission.door.qr_secrets(head.headers)
        request = await self._admission.store.qr.bound(code, secrets)
        if request is None:
            refuse(self._admission, door, handshake, codes.UNKNOWN)
            return
        line = self._open(door, handshake, request)
        if line is not None:
            self._lines.look_after(request.id, max(0, request.deadline - request.now) / 1000)
            await self._catch_up(line)

    def _open(self, door: Doorway, handshake: bytes, request: Request) -> QrSocket | None:
        """Subscribe, and close the line that this one replaces: the browser came back."""
        if not door.is_open:
            return None
        admission = self._admission
        before = admission.hub.listeners(TOPIC + request.id)
        line = QrSocket(admission.hub, request, admission.kicks.acked)
        stream = door.take()
        settings = admission.store.settings
        give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
        line.wire = wire_of(stream, line, admission.parking, settings.send_buffer_bytes)
        admission.hub.subscribe(line, TOPIC + request.id)
        line.wire.send(handshake + Message("connected", {"message": QR_MESSAGES["pending"]}).frame)
        for other in before:
            other.close(codes.QR_OVER)
        return line

    async def _catch_up(self, line: QrSocket) -> None:
        """Tell what happened before it listened: registered first, asked afterwards."""
        try:
            now = await self._admission.store.qr.again(line.request)
        except JagaError:
            line.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
            return
        if now.state == "scanned":
            line.scanned(now.number)
        elif now.state == "approved":
            await self._lines.deliver(line)
        elif now.state == "rejected":
            line.over(Message("rejected", {"message": QR_MESSAGES["rejected"]}))
        elif now.is_over:
            line.over(Message("expired", {"message": QR_MESSAGES["expired"]}))
