"""Whether a device is held captive: what the router's row of it says, for the page that asks.

A device that the router has no row of has not sent anything yet; it would be held captive.
"""

from __future__ import annotations

from typing import Any

from jobs.hotspot.binding import look_for
from jobs.mikrotik import AnyOf, Row
from store.opening import Store, open_store
from store.settings import Settings


async def answer(question: str, address: str) -> None:
    """Answer `{captive, member}` for the device at an address of the hotspot's; `member` is the
    owner's id or empty. `{error}` when it may be at a router that cannot be asked."""
    async with open_store(Settings.from_environment()) as store:
        await store.hotspot.questions.answer(question, await look(store, address))


async def look(store: Store, address: str) -> dict[str, Any]:
    """Return what `answer` says, from whichever router has the device."""
    sight = await look_for(store, AnyOf((("address", address),)))
    if not sight.hosts and not sight.is_whole:
        return {"error": "a router is away"}
    passing = [seen.row for seen in sight.hosts if _passes(seen.row)]
    owners = [await store.hotspot.devices.owner_of(row["mac-address"]) for row in passing]
    return {"captive": not passing, "member": next((who for who in owners if who), "")}


def _passes(row: Row) -> bool:
    """Whether the router lets it through: after a login, or by a binding."""
    return "true" in (row.get("authorized"), row.get("bypassed"))
