"""The last two steps: licences and mails are written, then the licences and the page are shown."""

from __future__ import annotations

from typing import Any

from jobs.payments.work import Work
from store.database import Row
from store.mails import owe
from store.opening import Store
from store.payments import numbers, orders
from store.payments.orders import Order

MOST_DRAWS = 8
"""How often a licence key is drawn again: each has a chance of one in many millions to be taken."""


class Granting:
    """Writes to Postgres what was paid for, and makes it known to Redis."""

    def __init__(self, store: Store) -> None:
        self._payments = store.payments
        self._settings = store.settings

    async def grant(self, work: Work) -> None:
        """Write licences and mails, in one transaction."""
        order = await work.order()
        async with work.connection.transaction():
            known = await work.known_order()
            for unit in order.units:
                await self._add_licence(work, known, unit)
            await self._owe_mails(work, known, order)
            await work.mark("granted")

    async def _add_licence(self, work: Work, known: Row, unit: orders.Unit) -> None:
        params = {
            "email": known["email"],
            "uuid": unit.uuid,
            "id_order": known["id_order"],
            "id_transaction": known["id_transaction"],
            "ref_id": known["ref_id"],
            "item": unit.item,
            "unit": unit.unit,
            "title": unit.title,
            "policy": unit.policy,
        }
        for draw in range(MOST_DRAWS):
            key = numbers.make_licence_key(
                self._settings.secret_key, known["ref_id"], unit.item, unit.unit, draw
            )
            await work.execute("add_licence", params | {"key_license": key})
            rows = await work.fetch("licences_of", params)
            if (unit.item, unit.unit) in {(row["item"], row["unit"]) for row in rows}:
                return
        raise RuntimeError("no free licence key was drawn")

    async def _owe_mails(self, work: Work, known: Row, order: Order) -> None:
        rows = await work.fetch("licences_of", {"ref_id": known["ref_id"]})
        keys = [{"key": row["key_license"], "title": row["title"]} for row in rows]
        said = {
            "id_order": known["id_order"],
            "id_transaction": known["id_transaction"],
            "ref_id": known["ref_id"],
            "email": known["email"],
            "name": known["name"],
            "paid_at": order.paid_at.isoformat(),
            "total": order.total,
            "addons": list(order.addons),
        }
        if keys:
            await self._owe(work, known, "license", said | {"licences": keys})
        if order.membership:
            policy = self._settings.member_initial_password
            password, is_phone = orders.initial_password(order.phone, policy)
            # a random one is known to nobody: the link in the mail is the way in
            new = {"username": known["email"], "password": password if is_phone else ""}
            template = "pendaftaran_member" if known["member_id"] else "sudah_terdaftar"
            await self._owe(work, known, template, said | new)

    async def _owe(self, work: Work, known: Row, template: str, payload: dict[str, Any]) -> None:
        await owe(
            work.connection,
            key=f"lynk-{known['ref_id']}-{template}",
            template=template,
            recipient=known["email"],
            payload=payload,
            ref_id=known["ref_id"],
        )

    async def publish(self, work: Work) -> None:
        """Let Redis know the licences, then turn the page of whoever waits for them."""
        async with work.connection.transaction():
            known = await work.known_order()
            rows = await work.fetch("licences_of", {"ref_id": known["ref_id"]})
        for row in rows:
            await self._payments.licences.publish(row)
        order = await work.order()
        page = {
            "state": "done",
            "id_order": known["id_order"],
            "email": orders.masked(known["email"]),
            "licences": len(rows),
            "packages": len(order.quotas),
            "member": bool(known["member_id"]),
        }
        await self._payments.pages.turn(work.ref, page)
