"""Whether a device is held captive, as routers were last seen to say it: a memory of seconds.

Devices ask every few seconds while they wait to be let through, and each question would cost the
router a print. The first of several that ask at once has it found out, the others wait for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.awaiting import Awaiting
from store.changes import Changes, Part

KEPT_SECONDS = 5
"""An answer older than this would keep the "sign in" banner on a phone that is through."""


class Captive(Part):
    """What is known, by address."""

    def __init__(self, changes: Changes, awaiting: Awaiting) -> None:
        super().__init__(changes)
        self._awaiting = awaiting

    async def known(self, address: str, wait: float = 0.0) -> dict[str, Any] | None:
        """Return what a router said of this address in the last seconds; None when it has to be
        asked. With `wait`, wait up to so many seconds for the answer to somebody else's
        question."""
        text = await self._awaiting.read(self._keys.hotspot_captive(address), wait)
        return dict(json.loads(text)) if text else None

    async def may_ask(self, address: str) -> bool:
        """Take the turn to ask for this address; False while somebody else has it, or has just
        been answered."""
        turn = self._keys.hotspot_captive_turn(address)
        if not await self._redis.set(turn, "1", nx=True, ex=KEPT_SECONDS):
            return False
        if await self.known(address) is None:
            return True
        # answered between the caller's look and this turn
        await self._redis.delete(turn)
        return False

    async def note(self, address: str, said: Mapping[str, Any]) -> None:
        """Keep what a router said, and give the turn back."""
        key = self._keys.hotspot_captive(address)
        await self._awaiting.write(key, json.dumps(said), KEPT_SECONDS)
        await self._redis.delete(self._keys.hotspot_captive_turn(address))
