"""How far an order is, for its buyer's page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.changes import Changes, Part
from store.payments.delivery import as_ref

ORDER_SECONDS = 30 * 86_400
"""How long an order's page is answered by Redis."""


class OrderPages(Part):
    """How far an order is, for its buyer."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._turn = changes.script("payment_turn")

    async def look(self, ref: str) -> dict[str, Any] | None:
        """Return `{state, …}` of an order, None when Redis knows none."""
        text = await self._redis.get(self._keys.payment_order(as_ref(ref)))
        return dict(json.loads(text)) if text else None

    async def turn(self, ref: str, page: Mapping[str, Any]) -> None:
        """Have the page say `{state, …}` from now on; what is done is never undone by it."""
        await self._turn(
            [self._keys.payment_order(ref), self._keys.events()],
            [ORDER_SECONDS, json.dumps(page), json.dumps({"ref": ref} | dict(page))],
        )
