"""The persist job: applies the event log to Postgres, each event once (DESIGN §1)."""

from __future__ import annotations

from jobs.payments import notify as notify_of_payments
from jobs.persist.reader import LogReader
from store.opening import open_store
from store.settings import Settings


async def run() -> None:
    """Apply what the log holds; RQ calls this by name."""
    async with open_store(Settings.from_environment()) as store:
        await LogReader(store).run()
        await notify_of_payments(store)
