"""How far an order is, for its buyer's page."""

from __future__ import annotations

import json
from typing import Any

from store.changes import Part
from store.payments.delivery import as_ref


class OrderPages(Part):
    """How far an order is, for its buyer."""

    async def look(self, ref: str) -> dict[str, Any] | None:
        """Return `{state, …}` of an order, None when Redis knows none."""
        text = await self._redis.get(self._keys.payment_order(as_ref(ref)))
        return dict(json.loads(text)) if text else None
