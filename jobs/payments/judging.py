"""The first step: is this an order, and whose? All that has to be drawn for it is written down."""

from __future__ import annotations

import logging

from jobs.payments.work import Work
from store.opening import Store
from store.payments import numbers, orders
from store.payments.orders import Order, Unusable

MOST_DRAWS = 8
"""How often an id is drawn again before `id_transaction` is widened."""

log = logging.getLogger("jaga.payments")


class Judging:
    """Decides."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = store.settings

    async def judge(self, work: Work) -> str:
        """Decide whether this is an order, and write down all that will be drawn for it. Returns
        the delivery's new state."""
        reason, order, password_hash = "", None, ""
        if not work.delivery.is_payment:
            state, reason = await self._judge_other(work)
        else:
            state = "processing"
            try:
                order = await work.order()
                password_hash = await self._new_hash(order)
            except (Unusable, RecursionError) as error:
                state, reason = "review", str(error) or "malformed"
        async with work.connection.transaction():
            if refused := await self._claim_signature(work):
                state, reason = refused
            elif order is not None:
                state, reason = await self._claim_order(work, order, password_hash)
            await work.mark(state, reason)
        if state == "review" and work.delivery.is_payment and reason != "known signature":
            await self._store.payments.pages.turn(work.ref, {"state": "review"})
        if state in ("review", "conflict"):
            log.warning("delivery %s needs a look: %s, %s", work.row["id"], state, reason)
        return state

    async def _judge_other(self, work: Work) -> tuple[str, str]:
        """What says something else than "paid" (money given back, a subscription over) is looked
        at by a person when Lynk.id has signed it; nothing follows from it by itself."""
        if not work.delivery.event:
            return "review", "malformed"
        if not work.row["verified"]:
            return "ignored", "no payment"
        async with work.connection.transaction():
            known = await work.known()
        return "review", "other event" if known else "unknown event"

    async def _new_hash(self, order: Order) -> str:
        """The hash that a new member gets; drawn before anything is written, because it is slow."""
        if not order.membership or await self._store.members.find(order.email):
            return ""
        password, _ = orders.initial_password(order.phone, self._settings.member_initial_password)
        return await self._store.passwords.hash(password)

    async def _claim_signature(self, work: Work) -> tuple[str, str] | None:
        """A signature belongs to the first body that came with it; what else bears it is looked
        at by a person. None when it is this one's."""
        if not work.delivery.signature:
            return None
        params = {"signature": work.delivery.signature, "id": work.row["id"]}
        await work.execute("claim_signature", params)
        owners = await work.fetch("owner_of_signature", params)
        if not owners or owners[0]["inbox_id"] == work.row["id"]:
            return None
        known = await work.known()
        if known and work.delivery.is_payment and known["content"] == work.delivery.content:
            return "ignored", "duplicate"
        return "review", "known signature"

    async def _claim_order(self, work: Work, order: Order, password_hash: str) -> tuple[str, str]:
        """The first body of a refId is the order; the e-mail in a later one is unsigned."""
        fields = {
            "ref_id": work.ref,
            "inbox_id": work.row["id"],
            "content": work.delivery.content,
            "email": order.email,
            "name": order.name,
            "paid_at": order.paid_at,
            "member_hash": password_hash,
        }
        for draw in range(MOST_DRAWS * 2):
            known = await work.known()
            if known is not None:
                if known["inbox_id"] == work.row["id"]:
                    return "processing", ""
                same = known["content"] == work.delivery.content
                return ("ignored", "duplicate") if same else ("conflict", "other content")
            await work.execute("add_order", fields | self._drawn(work.ref, draw))
        raise RuntimeError("no free order id was drawn")

    def _drawn(self, ref: str, draw: int) -> dict[str, str]:
        secret, widen = self._settings.secret_key, draw // MOST_DRAWS
        return {
            "id_order": numbers.make_order_number(secret, ref, draw),
            "id_transaction": numbers.make_transaction_number(secret, ref, draw, widen=widen),
        }
