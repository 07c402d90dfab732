"""What the hotspot's handlers share: the house's rules, and waiting for what a job finds out."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from store.hotspot.deciding import Policy
from web.handler import Handler

LOOK_SECONDS = 0.03


class HotspotHandler(Handler):
    """What these handlers share."""

    @property
    def policy(self) -> Policy:
        """The house's rules."""
        return Policy.of(self.store.settings)

    async def answer_of(self, question: str, seconds: float) -> dict[str, Any] | None:
        """Wait for what a job finds out; None when it takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := await self.store.hotspot.answer_to(question):
                return answer
            await asyncio.sleep(LOOK_SECONDS)
        return None
