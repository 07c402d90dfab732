"""A payment that somebody waits for, a licence that a page holds: two event streams, and their
news.

`GET /api/realtime/licence-stream?license_key=&instance_id=` is a product page's. It hears
`licence_revoked` when another device takes the licence.

`GET /api/realtime/order-stream?ref=` is the buyer's. It hears `order` when the payment has come and
when its goods are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from realtime.presence.handshake import Handshake
from realtime.presence.hub import Hub
from realtime.presence.opening import LiveEndpoint, StreamOpening, jitter_ms, new_connection_id
from realtime.transport import codes, messages
from realtime.transport.connection import Connection, Stream
from realtime.transport.messages import Message
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


class PaymentNews:
    """Tells listeners here what becomes of their orders and licences."""

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
        """Tell the device that lost it, at once: its streams, and its member's tabs."""
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
        self._hub.tell(str(event.data.get("session", "")), message)

    async def watch(self) -> None:
        """Check every listener's licence each SWEEP_SECONDS, for ever: should the log have lost the
        event that took one away, this finds it."""
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


class LicenceEndpoint(LiveEndpoint[StreamOpening]):
    """Opens the streams of product pages."""

    path = LICENCES
    opening = StreamOpening
    serves_other_sites = True

    async def let_in(self, opening: StreamOpening) -> None:
        instance = opening.head.query.get("instance_id", "")
        pasted = opening.head.query.get("license_key", "")
        key = licence_key(pasted) or pasted
        if not 0 < len(instance) <= 64 or not 0 < len(key) <= 64:
            raise InvalidRequest("license_key" if instance else "instance_id")
        licences = self._handshake.store.payments.licences
        claimant = Claimant(instance, "", "", opening.address)
        digest, _ = await licences.require(key, claimant)
        connection = _listen(self._handshake, opening, instance, LICENCE + digest)
        if connection is not None:
            await self._check(connection, digest, claimant)

    async def _check(self, connection: Stream, digest: str, claimant: Claimant) -> None:
        """Look once more, now that it listens: nobody was told of a loss in between."""
        try:
            licence = await self._handshake.store.payments.licences.look(digest)
        except (RedisError, OSError):
            connection.close(codes.SHUTDOWN, retry_ms=jitter_ms(500, 3_000))
            return
        if licence is None or not licence.is_held_by(claimant):
            if connection.is_open:
                connection.tell(_revoked(licence.name if licence else "", "", False))
                finish(connection)


class OrderEndpoint(LiveEndpoint[StreamOpening]):
    """Opens the streams of buyers' pages, also before the payment has come."""

    path = ORDERS
    opening = StreamOpening

    async def let_in(self, opening: StreamOpening) -> None:
        ref = order_ref(opening.head.query.get("ref", ""))
        if not ref:
            raise InvalidRequest("ref")
        connection = _listen(self._handshake, opening, "", ORDER + ref)
        if connection is not None:
            await self._catch_up(connection, ref)

    async def _catch_up(self, connection: Stream, ref: str) -> None:
        """Tell what happened before it listened."""
        try:
            page = await self._handshake.store.payments.pages.look(ref)
        except (RedisError, OSError):
            connection.close(codes.SHUTDOWN, retry_ms=jitter_ms(500, 3_000))
            return
        if page and connection.is_open:
            connection.tell(Message("order", page))
            if page["state"] in OVER:
                finish(connection)


def _listen(handshake: Handshake, opening: StreamOpening, tab: str, topic: str) -> Stream | None:
    """Open a stream of one topic; None when the client has gone."""
    connection = Stream(handshake.hub, new_connection_id(), tab)
    register = partial(handshake.hub.subscribe, connection, topic)
    return connection if opening.complete(connection, register, {}) else None


def finish(connection: Connection) -> None:
    """Say that there is nothing more to wait for, and close."""
    connection.wire.send(messages.sse(b"over", event="close", retry_ms=3_600_000))
    connection.close(codes.FORCE_LOGOUT)


def _revoked(by: str, id: str, disabled: bool) -> Message:
    return Message("licence_revoked", {"reason": DISABLED if disabled else REVOKED, "by": by}, id)
