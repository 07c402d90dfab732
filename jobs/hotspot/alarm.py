"""The owner is told of a router that went away, once, and once that it is back; by mail, for the
members behind that router have no Internet to say so."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from store.database import statement
from store.mails import owe
from store.opening import Store

PATIENCE_SECONDS = 60.0
"""A router that restarts, or a line that blinks, is no news; the desk shows it at once."""


async def tell_owner(store: Store) -> None:
    """Owe the mails that are due. Postgres keeps each once, however often this is cut off."""
    for router in await store.hotspot.ledger.routers():
        since, told = router["away_since"], router["told"]
        if since and not told and time.time() - since >= PATIENCE_SECONDS:
            await _tell(store, router, "router_mati", since)
            await store.hotspot.ledger.note_told(router["name"], since)
        elif told and not since:
            await _tell(store, router, "router_hidup", told)
            await store.hotspot.ledger.note_told(router["name"], None)


async def _tell(store: Store, router: dict[str, Any], template: str, since: float) -> None:
    moment = datetime.fromtimestamp(since, UTC).isoformat()
    async with store.database.connection() as connection:
        found = await connection.execute(statement("members", "owners"))
        for owner in await found.fetchall():
            await owe(
                connection,
                key=f"{template}-{router['name']}-{int(since)}-{owner['id']}",
                template=template,
                recipient=owner["email"],
                payload={"name": owner["name"], "router": router["name"], "at": moment},
            )
    await store.mails.notify()
