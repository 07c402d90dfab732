"""One delivery in hand: its body, its row, and what is due for it, each read once."""

from __future__ import annotations

from typing import Any

from store.database import Connection, Row, statement
from store.opening import Store
from store.payments import orders
from store.payments.delivery import as_ref, read
from store.payments.orders import Order, Product


class Work:
    """A delivery that a run has taken, and the connection that holds the run's lock."""

    def __init__(self, store: Store, connection: Connection, row: Row) -> None:
        self._store = store
        self._order: Order | None = None
        self.connection = connection
        self.row = row
        self.delivery = read(bytes(row["body"]), [row["header"]])
        self.ref = as_ref(self.delivery.ref)

    async def order(self) -> Order:
        """Return what is due, by the products and the corrected address as they were when a step
        of this run asked first. Raises Unusable."""
        if self._order is None:
            products, email = await self._asked()
            member_product = self._store.settings.lynk_member_product
            self._order = orders.order_of(self.delivery, products, member_product, email)
        return self._order

    async def _asked(self) -> tuple[dict[str, Product], str]:
        """The products that the delivery names, by uuid, and a corrected address or ""."""
        async with self.connection.transaction():
            products = await self.fetch("products", {"uuids": orders.uuids_of(self.delivery)})
            corrected = await self.fetch("correction", {"ref_id": self.ref})
        email = str(corrected[0]["email"]) if corrected else ""
        return {row["uuid"]: Product(**row) for row in products}, email

    async def known(self) -> Row | None:
        """Return the row of the order, None before it was claimed. For a caller's transaction."""
        rows = await self.fetch("order_by_ref", {"ref_id": self.ref})
        return rows[0] if rows else None

    async def known_order(self) -> Row:
        """Return the row of an order that was claimed. For a caller's transaction."""
        known = await self.known()
        if known is None:
            raise RuntimeError("the order is gone")
        return known

    async def fetch(self, name: str, params: dict[str, Any]) -> list[Row]:
        """Return the rows of a statement of `payments.sql`. For a caller's transaction."""
        found = await self.connection.execute(statement("payments", name), params)
        return await found.fetchall()

    async def execute(self, name: str, params: dict[str, Any]) -> None:
        """Run a statement of `payments.sql`. For a caller's transaction."""
        await self.connection.execute(statement("payments", name), params)

    async def move(self, state: str, reason: str = "") -> None:
        """Leave the mark from which the next run goes on."""
        async with self.connection.transaction():
            await self.mark(state, reason)

    async def mark(self, state: str, reason: str = "") -> None:
        """As `move`, in a caller's transaction."""
        params = {"id": self.row["id"], "state": state, "reason": reason}
        await self.execute("move", params)
