"""Who waits for a payment or holds a licence: two event streams, and the news for them.

`GET /api/realtime/licence-stream?license_key=&instance_id=` is a product page's; it hears
`licence_revoked` the moment another device takes the licence. `GET /api/realtime/order-stream?ref=`
is the buyer's; it hears `order` when the payment has come and when it has been worked off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from realtime.channels.session_stream import DEAF_BEATS, HEAD
from realtime.presence.handshake import Admission, jitter_ms, new_connection_id
from realtime.presence.hub import Hub
from realtime.transport import codes, messages
from realtime.transport.connection import Connection, Stream
from realtime.transport.front import Doorway, Head, require_get
from realtime.transport.messages import Message
from realtime.transport.wire import give_up_after, wire_of
from store.errors import InvalidRequest
from store.events import Event
from store.opening import Store
from store.payments.licences import Claimant
from store.payments.numbers import licence_key, order_ref

LICENCES = "/api/realtime/licence-stream"
ORDERS = "/api/realtime/order-stream"

LICENCE = "licence:"
ORDER = "order:"
"""Topics: the licence's digest, the order's refId, follow."""

REVOKED = "Lisensi ini baru saja diaktifkan di perangkat lain."
DISABLED = "Lisensi ini dinonaktifkan."

OVER = frozenset({"done"})
"""States after which an order has no more news."""


class PaymentLines:
    """Carries what the log says of orders and licences to those who listen here."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self._hub = hub
        self._store = store

    def listeners(self) -> dict[str, Callable[[Event], None]]:
        """Return who hears of each event type."""
        return {
            "payment.received": self._came,
            "order.turned": self._turned,
            "licence.activated": self._lost,
            "licence.deactivated": self._lost,
            "licence.changed": self._lost,
        }

    def _came(self, event: Event) -> None:
        if event.data.get("state") == "received":
            self._tell_order(str(event.data.get("ref", "")), {"state": "received"}, event.id)

    def _turned(self, event: Event) -> None:
        page = {name: value for name, value in event.data.items() if name != "ref"}
        self._tell_order(str(event.data.get("ref", "")), page, event.id)

    def _tell_order(self, ref: str, page: dict[str, Any], id: str) -> None:
        message = Message("order", page, id)
        for connection in self._hub.listeners(ORDER + ref):
            connection.tell(message)
            if page["state"] in OVER:
                finish(connection)

    def _lost(self, event: Event) -> None:
        """Every tab of the device that lost it, at once: its streams, and its member's tabs."""
        lost = str(event.data.get("lost", ""))
        if not lost:
            return
        digest = str(event.data.get("digest", ""))
        disabled = event.data.get("status") == "disabled"
        message = _revoked(str(event.data.get("by", "")), event.id, disabled)
        for connection in self._hub.listeners(LICENCE + digest):
            if connection.tab == lost:
                connection.tell(message)
                finish(connection)
        seat = self._hub.of(str(event.data.get("session", "")))
        for tab in list(seat.connections) if seat else []:
            tab.tell(message)

    async def watch(self) -> None:
        """Look after every listener's licence now and then, for ever: should the log ever have
        lost what took it away, this is how long that goes unnoticed."""
        while True:
            await asyncio.sleep(self._store.settings.sweep_seconds)
            try:
                await self._look_after_all()
            except (RedisError, OSError):
                continue  # as uncertain as before; nobody is thrown out for it

    async def _look_after_all(self) -> None:
        topics = self._hub.topics(LICENCE)
        for start in range(0, len(topics), 500):
            some = topics[start : start + 500]
            digests = [topic.removeprefix(LICENCE) for topic in some]
            holders = await self._store.payments.licences.holders(digests)
            for topic, holder in zip(some, holders, strict=True):
                for connection in self._hub.listeners(topic):
                    if connection.tab != holder:
                        connection.tell(_revoked("", "", False))
                        finish(connection)


class LicenceAcceptor:
    """Accepts product pages."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def matches(self, path: str) -> bool:
        return path == LICENCES

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        self._admission.require_room(head)
        instance = head.query.get("instance_id", "")
        pasted = head.query.get("license_key", "")
        key = licence_key(pasted) or pasted
        if not 0 < len(instance) <= 64 or not 0 < len(key) <= 64:
            raise InvalidRequest("license_key" if instance else "instance_id")
        address = self._admission.door.address(head.headers, head.remote_ip)
        licences = self._admission.store.payments.licences
        claimant = Claimant(instance, "", "", address)
        digest, _ = await licences.require(key, claimant)
        if not door.is_open:
            return
        connection = _open(self._admission, door, instance, LICENCE + digest)
        await self._check(connection, digest, claimant)

    async def _check(self, connection: Stream, digest: str, claimant: Claimant) -> None:
        """Look once more now that it listens: what was taken in between was told to nobody."""
        try:
            licence = await self._admission.store.payments.licences.look(digest)
        except (RedisError, OSError):
            connection.close(codes.SHUTDOWN, retry_ms=jitter_ms(500, 3_000))
            return
        if licence is None or not licence.is_held_by(claimant):
            if connection.is_open:
                connection.tell(_revoked(licence.name if licence else "", "", False))
                finish(connection)


class OrderAcceptor:
    """Accepts buyers' pages, also before the payment has come."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def matches(self, path: str) -> bool:
        return path == ORDERS

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        self._admission.require_room(head)
        ref = order_ref(head.query.get("ref", ""))
        if not ref:
            raise InvalidRequest("ref")
        connection = _open(self._admission, door, "", ORDER + ref)
        try:
            page = await self._admission.store.payments.pages.look(ref)
        except (RedisError, OSError):
            connection.close(codes.SHUTDOWN, retry_ms=jitter_ms(500, 3_000))
            return
        if page and connection.is_open:
            connection.tell(Message("order", page))
            if page["state"] in OVER:
                finish(connection)


def _open(admission: Admission, door: Doorway, tab: str, topic: str) -> Stream:
    connection = Stream(admission.hub, new_connection_id(), tab)
    stream = door.take()
    settings = admission.store.settings
    give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
    connection.wire = wire_of(stream, connection, admission.parking, settings.send_buffer_bytes)
    admission.hub.subscribe(connection, topic)
    hello = messages.sse(b"{}", event="connected", retry_ms=jitter_ms(2_400, 3_600))
    connection.wire.send(HEAD + b": ok\n\n" + hello)
    return connection


def finish(connection: Connection) -> None:
    """Say that there is nothing more to wait for, and close."""
    connection.wire.send(messages.sse(b"over", event="close", retry_ms=3_600_000))
    connection.close(codes.FORCE_LOGOUT)


def _revoked(by: str, id: str, disabled: bool) -> Message:
    return Message("licence_revoked", {"reason": DISABLED if disabled else REVOKED, "by": by}, id)
