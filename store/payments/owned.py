"""Whether a member has a licence for a product: by the address that it was bought with."""

from __future__ import annotations

from store.database import Database, statement
from store.payments.licences import Licences


class OwnedLicences:
    """Read from both stores: Postgres knows whose a licence is, Redis whether it is active."""

    def __init__(self, database: Database, licences: Licences) -> None:
        self._database = database
        self._licences = licences

    async def has(self, email: str, product: str) -> bool:
        """Return whether an active licence for this product (its uuid) belongs to the address."""
        if not email:
            return False
        params = {"email": email, "product": product}
        rows = await self._database.fetch(statement("payments", "owned_licences"), params)
        now = await self._licences.statuses([str(row["key_license"]) for row in rows])
        return any(
            (status or row["status"]) == "active" for row, status in zip(rows, now, strict=True)
        )
