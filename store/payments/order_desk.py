"""One order on its operator's desk: what it gave, and the acts that put it right.

None of these acts happens by itself. A corrected address is corrected everywhere: in the order, its
licences, its mails and the member it made. What a refunded order gave is switched off by the
operator.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from store.changes import Changes, Part
from store.database import Connection, Database, Row, statement
from store.errors import Conflict, InvalidRequest, NotFound
from store.hotspot.parts import Hotspot
from store.mails import Mails, send_anew
from store.members import Member, Members
from store.payments import orders
from store.payments.inbox import Inbox
from store.payments.licences import Licences
from store.payments.numbers import order_ref
from store.payments.orders import Unusable, usable_email

GRANTED = ("licences", "member", "packages")
"""What an order may have given, each of which can be switched off by itself."""

UNFINISHED = ("review", "dead")
"""States of a delivery that is tried again once its address is right."""

log = logging.getLogger("jaga.payments")


class OrderDesk(Part):
    """Every act of an operator on an order."""

    def __init__(
        self,
        changes: Changes,
        database: Database,
        members: Members,
        hotspot: Hotspot,
        licences: Licences,
        inbox: Inbox,
        mails: Mails,
    ) -> None:
        super().__init__(changes)
        self._database = database
        self._members = members
        self._hotspot = hotspot
        self._licences = licences
        self._inbox = inbox
        self._mails = mails

    async def show(self, ref: str) -> dict[str, Any]:
        """Return an order with everything it gave. Raises NotFound, Unavailable."""
        ref = _required(ref)
        known = await self._order(ref)
        licences, packages, deliveries, mails = await asyncio.gather(
            self._rows("licences_of", ref),
            self._rows("packages_of", ref),
            self._rows("deliveries_of", ref),
            self._mails.list(ref_id=ref),
        )
        if known is None and not deliveries:
            raise NotFound("Pesanan itu tidak ada.")
        member = await self._made_member(known)
        statuses = await self._licences.statuses([row["key_license"] for row in licences])
        return {
            "ref_id": ref,
            "id_order": known["id_order"] if known else "",
            "email": known["email"] if known else "",
            "name": known["name"] if known else "",
            "licences": [
                _licence(row) | {"status": status or row["status"]}
                for row, status in zip(licences, statuses, strict=True)
            ],
            "member": member and {"id": member.id, "email": member.email, "status": member.status},
            "packages": [
                {"id": row["id"], "member": row["member_id"], "package": row["package"]}
                | {"status": await self._status_of(row)}
                for row in packages
            ],
            "mails": mails,
            "deliveries": [dict(row) for row in deliveries],
        }

    # The right address

    async def correct_email(self, ref: str, text: object) -> dict[str, Any]:
        """Correct the address of an order, its licences, its mails and the member it made, and
        send the mails anew; one in review for its address is worked off.

        Returns what was changed. Raises NotFound, InvalidRequest, Conflict (the address is another
        member's), Unavailable. Begun and cut off, it is done by being asked for again.
        """
        ref = _required(ref)
        try:
            email = usable_email(text)
        except Unusable:
            raise InvalidRequest("email", "Alamat email itu tidak bisa dipakai.") from None
        known, deliveries = await self._order(ref), await self._rows("deliveries_of", ref)
        if known is None and not deliveries:
            raise NotFound("Pesanan itu tidak ada.")
        made = await self._made_member(known)
        is_known = await self._require_free(email, made, await self._mails.list(ref_id=ref))
        ours = {known["email"].casefold(), email.casefold()} if known else set()
        if made and made.email.casefold() in ours:
            # who has chosen another address meanwhile keeps it
            await self._rename(made, email)
        async with self._database.connection() as connection:
            await self._write(connection, ref, email, is_known)
            sent = await send_anew(connection, ref_id=ref, recipient=email)
        await self._mails.notify()
        await self._show_on_page(ref, email)
        return {
            "ref_id": ref,
            "before": known["email"] if known else "",
            "email": email,
            "member": made.id if made else "",
            "mails": len(sent),
            "replayed": await self._work_off(deliveries),
        }

    async def _require_free(
        self, email: str, made: Member | None, mails: Sequence[dict[str, Any]]
    ) -> bool:
        """Whether the address is a member's whom this order did not make. Raises Conflict where
        what was bought could not reach them."""
        other = await self._members.find(email)
        if other and made and other.id != made.id:
            raise Conflict(
                "Alamat itu sudah milik anggota lain. Hapus dulu akun yang dibuat pesanan ini "
                "bila pembelinya memang anggota itu."
            )
        if not other and not made and any(mail["template"] != "license" for mail in mails):
            raise Conflict("Belum ada anggota dengan alamat itu. Buat dulu akunnya, lalu ulangi.")
        return bool(other and not made)

    async def _rename(self, made: Member, email: str) -> None:
        """Give the member the right address; the link that went to the wrong one opens nothing any
        more. May be repeated after it was cut off."""
        await self._members.move(made.id, email)

    async def _write(self, connection: Connection, ref: str, email: str, is_known: bool) -> None:
        params = {"ref_id": ref, "email": email, "is_known": is_known}
        for name in ("keep_correction", "correct_order", "correct_licences", "correct_mails"):
            await connection.execute(statement("payments", name), params)

    async def _show_on_page(self, ref: str, email: str) -> None:
        key = self._keys.payment_order(ref)
        if text := await self._redis.get(key):
            page = json.loads(text)
            if "email" in page:
                page["email"] = orders.masked(email)
                await self._redis.set(key, json.dumps(page), keepttl=True, xx=True)

    async def _work_off(self, deliveries: Sequence[Row]) -> bool:
        """Have what failed for its address tried again; returns whether there was any."""
        done = False
        for row in deliveries:
            if row["state"] in UNFINISHED:
                plan = await self._inbox.replay(row["id"], dry_run=False)
                done = done or plan.possible
        return done

    # Sending again

    async def resend(self, ref: str) -> int:
        """Send the mails of an order anew, to the address it has; returns how many. One that waits
        goes by itself."""
        async with self._database.connection() as connection:
            params = {"ref_id": _required(ref)}
            found = await connection.execute(statement("payments", "mails_gone"), params)
            gone = await found.fetchall()
            for row in gone:
                await send_anew(connection, id=row["id"])
        await self._mails.notify()
        return len(gone)

    # Switching off

    async def switch_off(self, ref: str, what: Sequence[str], *, by: str) -> dict[str, int]:
        """Switch off what an order gave: its licences, the member it made, its packages.

        Returns how many of each were on. Raises NotFound, Unavailable.
        """
        order = await self.show(ref)
        done = dict.fromkeys(what, 0)
        if "licences" in what:
            on = [row["id"] for row in order["licences"] if row["status"] == "active"]
            for licence in on:
                await self._licences.change(str(licence), status="disabled")
            done["licences"] = len(on)
        member = order["member"]
        if "member" in what and member and member["status"] == "active":
            await self._members.deactivate(member["id"], by=by)
            done["member"] = 1
        if "packages" in what:
            for row in order["packages"]:
                if row["status"] == "active":
                    done["packages"] += await self._hotspot.quota.take_back(
                        row["member"], row["id"]
                    )
        return done

    async def reviewed(self, delivery: str) -> None:
        """Note that somebody has looked at a delivery that says nothing of a payment. Raises
        NotFound."""
        if not await self._database.fetch_one(
            statement("payments", "mark_reviewed"), {"id": delivery}
        ):
            raise NotFound("Kiriman itu tidak menunggu diperiksa.")

    # Reading

    async def _order(self, ref: str) -> Row | None:
        return await self._database.fetch_one(
            statement("payments", "order_by_ref"), {"ref_id": ref}
        )

    async def _status_of(self, package: Row) -> str:
        """Whether a package that the order gave is still among its member's: as it is now, which
        Postgres hears of a moment later."""
        try:
            account = await self._hotspot.accounts.get(package["member_id"])
        except NotFound:
            return "disabled"  # they have gone with their member
        kept = any(one.id == package["id"] for one in account.stack.purchases)
        return "active" if kept else "disabled"

    async def _rows(self, name: str, ref: str) -> list[Row]:
        return await self._database.fetch(statement("payments", name), {"ref_id": ref})

    async def _made_member(self, known: Row | None) -> Member | None:
        """The member that this order made, None for none and for one that is gone."""
        try:
            return await self._members.get(known["member_id"]) if known else None
        except NotFound:
            return None


def _required(text: str) -> str:
    ref = order_ref(text)
    if not ref:
        raise NotFound("Pesanan itu tidak ada.")
    return ref


def _licence(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "key_license", "title", "status")}
