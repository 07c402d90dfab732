"""The buyer's page: how far an order is, never with a key."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError

from store.errors import Conflict, NotFound, RateLimited, Unavailable
from store.limits import AddressLimit, Limit
from store.payments.numbers import order_ref
from store.refusals import is_away
from web.handler import Handler

UNKNOWN_ORDERS = AddressLimit("orders", 30, 60)
"""Per address and minute, of orders that Redis does not know: each asks Postgres."""

RESENDS_ASKED = AddressLimit("resends", 10, 300)
RESENDS = Limit("resend", 1, 300)
RESENDS_A_DAY = Limit("resend-day", 5, 86_400)
"""Who knows an order's number may have its mails sent again to its buyer, but not fill their
box."""


class OrderHandler(Handler):
    """What page and API share."""

    def ref(self, text: str) -> str:
        """Return a pasted refId in the form that Lynk.id writes. Raises NotFound."""
        if not (ref := order_ref(text)):
            raise NotFound()
        return ref

    async def order(self, ref: str) -> dict[str, Any]:
        """Return how far an order is. One that is not known yet is waiting, not an error."""
        found = await self.store.payments.pages.look(ref)
        return found or await self._older(ref) or {"state": "waiting"}

    async def _older(self, ref: str) -> dict[str, Any] | None:
        try:
            await self.store.limits.take(UNKNOWN_ORDERS.of(self.address))
            return await self.store.payments.inbox.order_page(ref)
        except (RateLimited, Unavailable):
            return None


class OrderPage(OrderHandler):
    """`/order/{refId}`."""

    async def get(self, text: str) -> None:
        ref = self.ref(text)
        try:
            order = await self.order(ref)
        except RedisError as error:
            if not is_away(error):
                raise
            order = {"state": "waiting"}  # the page's own stream tells more as soon as it can
        self.page("order.html", order=order, ref=ref)


class Order(OrderHandler):
    """`/api/order/{refId}`: the same as JSON, for a page that lost its stream."""

    async def get(self, text: str) -> None:
        self.respond({"success": True, "order": await self.order(self.ref(text))})


class Resend(OrderHandler):
    """`/api/order/{refId}/resend`: sends the mails again, to the address of the order."""

    async def post(self, text: str) -> None:
        ref = self.ref(text)
        limits = self.store.limits
        await limits.take(RESENDS_ASKED.of(self.address))
        order = await self.order(ref)
        if order["state"] != "done":
            raise Conflict("Pesanan ini belum selesai disiapkan.")
        await limits.take(RESENDS.of(ref), RESENDS_A_DAY.of(ref))
        await self.store.payments.desk.resend(ref)
        self.respond({"success": True, "email": order.get("email", "")})


ROUTES = [
    (r"/order/([^/]+)", OrderPage),
    (r"/api/order/([^/]+)", Order),
    (r"/api/order/([^/]+)/resend", Resend),
]
