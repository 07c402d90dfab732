"""Whether a device is held captive, as routers were last seen to say it: a memory of seconds.

Devices ask every few seconds while they wait to be let through, and each question would cost the
router a print. The first of several that ask at once has it found out, the others wait for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.changes import Part

KEPT_SECONDS = 5
"""An answer older than this would keep the "sign in" banner on a phone that is through."""


class Captive(Part):
    """What is known, by address."""

    async def known(self, address: str) -> dict[str, Any] | None:
        """Return what a router said of this address a moment ago, None when it must be asked."""
        text = await self._redis.get(self._keys.hotspot_captive(address))
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
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.hotspot_captive(address), json.dumps(said), ex=KEPT_SECONDS)
            pipe.delete(self._keys.hotspot_captive_turn(address))
            await pipe.execute()
