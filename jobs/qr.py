"""Ends QR requests that nobody waits for any more."""

from __future__ import annotations

from store.opening import open_store
from store.settings import Settings

BATCH = 500


async def expire() -> None:
    """Expire every request that is due; RQ calls this by name, once a minute."""
    async with open_store(Settings.from_environment()) as store:
        while await store.qr.expire_due(BATCH) == BATCH:
            pass
