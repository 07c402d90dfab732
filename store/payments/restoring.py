"""Putting licences back after Redis was emptied: who holds which is in Postgres too."""

from __future__ import annotations

import asyncio

from store.database import Connection, statement
from store.payments.licences import Licences

BATCH = 500


async def restore_licences(licences: Licences, connection: Connection) -> None:
    """Put back what Redis lacks or knows less of, page by page."""
    after = 0
    while True:
        found = await connection.execute(
            statement("payments", "read_licences"), {"after": after, "count": BATCH}
        )
        rows = await found.fetchall()
        if not rows:
            return
        await asyncio.gather(*(licences.publish(row) for row in rows))
        after = int(rows[-1]["id"])
