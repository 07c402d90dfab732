"""What happens to meetings by itself: they close, and what was refused is forgotten."""

from __future__ import annotations

from store.database import statement
from store.opening import open_store
from store.settings import Settings

ATTEMPT_DAYS = 90
"""A school term and a bit: long enough to settle a dispute."""


async def close() -> None:
    """Switch off meetings whose end has come; the gate itself goes by the clock."""
    async with open_store(Settings.from_environment()) as store:
        await store.meetings.close_due()


async def forget() -> None:
    """Forget refused attempts after ATTEMPT_DAYS: addresses of people are not kept for good."""
    async with open_store(Settings.from_environment()) as store, store.database.connection() as own:
        await own.execute(statement("attendance", "forget_attempts"), {"days": ATTEMPT_DAYS})
