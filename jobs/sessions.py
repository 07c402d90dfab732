"""Ends sessions whose clock ran out while no tab was open and nobody asked."""

from __future__ import annotations

from store.opening import open_store
from store.settings import Settings

BATCH = 500


async def expire() -> None:
    """End every session that is due; RQ calls this by name, once a minute."""
    async with open_store(Settings.from_environment()) as store:
        while await store.sessions.expire_due(BATCH) == BATCH:
            pass
