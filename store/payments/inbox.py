"""The operator's side of payments: what came, what became of it, and doing it again.

Reports and repairs, all of Postgres; no buyer waits for anything in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.changes import Changes
from store.database import Database, Row, statement
from store.errors import InvalidRequest, NotFound
from store.payments import orders
from store.payments.delivery import Delivery, as_ref, read
from store.payments.numbers import licence_key, order_number, order_ref
from store.payments.orders import Product, Unusable
from store.settings import Settings

STATES = (
    "received",
    "processing",
    "granted",
    "done",
    "ignored",
    "review",
    "conflict",
    "dead",
    "held",
    "quarantined",
    "test",
)

REPLAYABLE = frozenset({"review", "dead", "held", "quarantined", "done", "granted", "processing"})
"""States from which a delivery can be worked off again; every effect is keyed, so none doubles."""

GRANTS = ("licence", "membership", "hotspot", "nothing")

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay does, or would do."""

    id: str
    state: str
    possible: bool
    why: str
    licences: int = 0
    members: int = 0
    mails: int = 0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        if not self.possible:
            return f"{self.id}  {self.state}: nothing to do, {self.why}"
        would = f"{self.licences} licences, {self.members} members, {self.mails} e-mails"
        return f"{self.id}  {self.state}: would create {would}"


SOLD_PAYMENTS = 200
SOLD_BYTES = 16_384
"""Payments that are looked through for the products they name: a few weeks of a small shop, and
three megabytes at the very most."""


class Inbox:
    """Deliveries, licences and products, for who runs the site."""

    def __init__(self, changes: Changes, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._changes = changes
        self._database = database

    async def deliveries(
        self,
        *,
        state: str = "",
        ref: str = "",
        search: str = "",
        before: int | None = None,
        count: int = 50,
    ) -> list[dict[str, Any]]:
        """Return deliveries, the newest first; `before` is the `place` of the last one seen, `ref`
        a refId or an order's number, as it was pasted; `search` that, or part of the buyer's name
        or address."""
        number = ref or ("" if "@" in search else search)
        params = {
            "state": state,
            "ref": order_ref(number) or number,
            "number": order_number(number),
            "words": search,
            "before": before,
            "count": min(count, MOST_ROWS),
        }
        rows = await self._database.fetch(statement("payments", "list_inbox"), params)
        return [_public(row) for row in rows]

    async def counts(self) -> dict[str, int]:
        """Return how many deliveries are in each state."""
        rows = await self._database.fetch(statement("payments", "count_inbox"))
        found = {row["state"]: int(row["count"]) for row in rows}
        return {state: found.get(state, 0) for state in STATES}

    async def show(self, delivery_id: str) -> tuple[dict[str, Any], bytes]:
        """Return a delivery and its bytes as they came. Raises NotFound."""
        row = await self._row(delivery_id)
        order = await self._database.fetch_one(
            statement("payments", "order_by_inbox"), {"id": delivery_id}
        )
        return _public(row) | {"order": _order(order)}, bytes(row["body"])

    async def replay(self, delivery_id: str, *, dry_run: bool) -> Replay:
        """Have a delivery worked off again, or say what that would do. Raises NotFound.

        One that was held or quarantined has to be signed under a key of today.
        """
        row = await self._row(delivery_id)
        delivery = read(bytes(row["body"]), [row["header"]])
        plan, signed_with = await self._plan(row, delivery)
        if plan.possible and not dry_run:
            async with self._changes.in_postgres() as connection:
                await connection.execute(
                    statement("payments", "replay"),
                    {"id": delivery_id, "signed_with": signed_with, "state": row["state"]},
                )
        return plan

    async def _plan(self, row: Row, delivery: Delivery) -> tuple[Replay, str]:
        state, signed_with = str(row["state"]), str(row["signed_with"])
        no = _Refusal(str(row["id"]), state)
        if state not in REPLAYABLE:
            return no("it is over"), ""
        if state in ("held", "quarantined"):
            found = delivery.key_that_signed(self._settings.lynk_merchant_keys)
            if found is None:
                return no("no merchant key fits its signature"), ""
            signed_with = found
        if not delivery.is_payment:
            return no("it is no payment"), ""
        owner = await self._owner(delivery)
        if owner not in ("", row["id"]):
            return no(f"its order or signature belongs to {owner}"), ""
        try:
            corrected = await self._database.fetch_one(
                statement("payments", "correction"), {"ref_id": as_ref(delivery.ref)}
            )
            order = orders.order_of(
                delivery,
                await self._products(delivery),
                self._settings.lynk_member_product,
                corrected["email"] if corrected else "",
            )
        except (Unusable, RecursionError) as error:
            return no(str(error) or "malformed"), ""
        there = await self._database.fetch_one(
            statement("payments", "granted"),
            {
                "ref_id": as_ref(delivery.ref),
                "mails": f"lynk-{as_ref(delivery.ref)}-",
                "email": order.email.casefold(),
            },
        )
        have = there or {"licences": 0, "mails": 0, "members": 0}
        mails = bool(order.units) + order.membership
        plan = Replay(
            id=str(row["id"]),
            state=state,
            possible=True,
            why="",
            licences=max(0, len(order.units) - int(have["licences"])),
            members=int(order.membership and not have["members"]),
            mails=max(0, mails - int(have["mails"])),
        )
        return plan, signed_with

    async def _owner(self, delivery: Delivery) -> str:
        row = await self._database.fetch_one(
            statement("payments", "owner"),
            {"ref_id": as_ref(delivery.ref), "signature": delivery.signature},
        )
        return str(row["inbox_id"]) if row else ""

    async def _products(self, delivery: Delivery) -> Mapping[str, Product]:
        rows = await self._database.fetch(
            statement("payments", "products"), {"uuids": orders.uuids_of(delivery)}
        )
        return {row["uuid"]: Product(**row) for row in rows}

    async def _row(self, delivery_id: str) -> Row:
        row = await self._database.fetch_one(
            statement("payments", "read_inbox"), {"id": delivery_id}
        )
        if row is None:
            raise NotFound()
        return row

    async def known_refs(self, refs: Sequence[str]) -> dict[str, str]:
        """Return the state of each order that ever came in, by refId."""
        rows = await self._database.fetch(statement("payments", "known_refs"), {"refs": list(refs)})
        return {row["ref_id"]: row["state"] for row in rows}

    async def order_page(self, ref: str) -> dict[str, Any] | None:
        """Return how far an order is, for a page whose copy in Redis is gone; None when nothing
        came."""
        row = await self._database.fetch_one(statement("payments", "order_page"), {"ref": ref})
        if row is None:
            return None
        if row["id_order"] is None:
            return {"state": "review" if row["state"] == "review" else "received"}
        return {
            "state": "done" if row["state"] in ("granted", "done") else "received",
            "id_order": row["id_order"],
            "email": orders.masked(row["email"]),
            "licences": int(row["licences"]),
            "member": bool(row["member_id"]),
        }

    async def licences(
        self, *, search: str = "", before: int | None = None, count: int = 50
    ) -> list[dict[str, Any]]:
        """Return licences, the newest first; `search` is a key or an order's number as they were
        pasted, or part of an e-mail."""
        exact = licence_key(search) or order_number(search) or order_ref(search)
        params = {
            "search": search,
            "exact": exact,
            "before": before,
            "count": min(count, MOST_ROWS),
        }
        rows = await self._database.fetch(statement("payments", "list_licences"), params)
        return [dict(row) | {"created_at": row["created_at"].timestamp()} for row in rows]

    async def products(self) -> list[dict[str, Any]]:
        """Return what each mapped product grants."""
        rows = await self._database.fetch(statement("payments", "list_products"))
        return [dict(row) for row in rows]

    async def sold(self) -> list[dict[str, Any]]:
        """Return the products that the newest payments name, the last one first: for who maps them
        and knows them by their title alone."""
        rows = await self._database.fetch(
            statement("payments", "recent_payments"),
            {"count": SOLD_PAYMENTS, "bytes": SOLD_BYTES},
        )
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            delivery = read(bytes(row["body"]), [row["header"]])
            at = row["received_at"].timestamp()
            for uuid, title in orders.titles_of(delivery).items():
                known = found.setdefault(
                    uuid, {"uuid": uuid, "title": title, "payments": 0, "last_at": at}
                )
                known["payments"] += 1
        return list(found.values())

    async def save_product(
        self, *, uuid: str, title: str, grants: str, policy: str, package_id: str
    ) -> dict[str, Any]:
        """Map a Lynk product, by its uuid, to what it grants. Raises InvalidRequest."""
        if grants == "hotspot" and not package_id:
            raise InvalidRequest("package_id", "Paket hotspot harus dipilih.")
        row = await self._database.fetch_one(
            statement("payments", "save_product"),
            {
                "uuid": uuid,
                "title": title,
                "grants": grants,
                "policy": policy,
                "package_id": package_id,
            },
        )
        return dict(row or {})

    async def delete_product(self, product_id: int) -> None:
        """Forget a mapping: the default holds again. Raises NotFound."""
        row = await self._database.fetch_one(
            statement("payments", "delete_product"), {"id": product_id}
        )
        if row is None:
            raise NotFound()


class _Refusal:
    """Makes the plan of a delivery that cannot be worked off again."""

    def __init__(self, delivery_id: str, state: str) -> None:
        self._id = delivery_id
        self._state = state

    def __call__(self, why: str) -> Replay:
        return Replay(self._id, self._state, False, why)


def _public(row: Row) -> dict[str, Any]:
    delivery = read(bytes(row["body"]), [row["header"]])
    customer = delivery.data.get("customer")
    email = customer.get("email") if isinstance(customer, dict) else ""
    return {
        "id": row["id"],
        "place": row["place"],
        "state": row["state"],
        "reason": row["reason"],
        "verified": row["verified"],
        "signed_with": row["signed_with"],
        "deliveries": row["deliveries"],
        "attempts": row["attempts"],
        "tier": row["tier"],
        "address": row["address"],
        "event": orders.line(delivery.event, 80),
        "action": orders.line(delivery.action, 80),
        "ref_id": row["ref_id"],
        "email": orders.line(email, 190),
        "bytes": len(delivery.body),
        "received_at": row["received_at"].timestamp(),
        "last_at": row["last_at"].timestamp(),
        "finished_at": row["finished_at"].timestamp() if row["finished_at"] else None,
    }


def _order(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "id_order": row["id_order"],
        "id_transaction": row["id_transaction"],
        "email": row["email"],
        "member_id": row["member_id"],
        "licences": row["licences"],
        "mails": row["mails"],
    }
