"""What happens to meetings by itself: they close at their end."""

from __future__ import annotations

from store.opening import open_store
from store.settings import Settings


async def close() -> None:
    """Switch off meetings whose end has come; the gate itself goes by the clock."""
    async with open_store(Settings.from_environment()) as store:
        await store.attendance.meetings.close_due()
