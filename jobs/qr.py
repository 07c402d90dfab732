"""Ends QR requests that nobody waits for any more, and forgets the old ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.database import statement
from store.opening import open_store
from store.settings import Settings

BATCH = 500

KEEP_DAYS = 90
"""How long it can be looked up who let whom in: a quarter; a request itself lives for minutes."""


async def expire() -> None:
    """Expire every request that is due; RQ calls this by name, once a minute."""
    async with open_store(Settings.from_environment()) as store:
        while await store.qr.expire_due(BATCH) == BATCH:
            pass


async def forget() -> None:
    """Delete rows older than KEEP_DAYS; RQ calls this by name, once a day."""
    before = datetime.now(UTC) - timedelta(days=KEEP_DAYS)
    async with (
        open_store(Settings.from_environment()) as store,
        store.database.connection() as connection,
    ):
        await connection.execute(statement("qr", "delete_old"), {"before": before})
