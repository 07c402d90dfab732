"""Receipts: what this process did for each logout, added up and written a little later.

Counting must never be in the way of telling, so nothing here is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from redis.exceptions import RedisError

from store.sessions import Sessions

log = logging.getLogger("jaga.receipts")

GATHER_SECONDS = 0.03
"""How long counts add up before they are written. The acks of one logout come within it; whoever
waits for a receipt waits ten times as long."""

BATCH = 64
"""Receipts of one round trip."""

MOST = 20_000
"""Logouts being counted: more than one process has sessions. Beyond it the oldest is dropped."""


@dataclass(slots=True)
class Counts:
    """What this process did for one logout of one session."""

    targeted: int = 0
    delivered: int = 0
    acked: int = 0


class Receipts:
    """Counts by logout and session, and the task that writes them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._counts: dict[tuple[str, str], Counts] = {}
        self._something = asyncio.Event()

    def told(self, kick_id: str, sid: str, targeted: int, delivered: int) -> None:
        """Count the tabs of a session that were addressed, and those that took it."""
        counts = self._of(kick_id, sid)
        counts.targeted += targeted
        counts.delivered += delivered

    def acked(self, kick_id: str, sid: str) -> None:
        """Count a tab that says it has heard."""
        self._of(kick_id, sid).acked += 1

    def _of(self, kick_id: str, sid: str) -> Counts:
        counts = self._counts.get((kick_id, sid))
        if counts is None:
            if len(self._counts) >= MOST:
                del self._counts[next(iter(self._counts))]
            counts = self._counts[kick_id, sid] = Counts()
            self._something.set()
        return counts

    async def write(self) -> None:
        """Write for ever."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER_SECONDS)
            # before writing: what is counted meanwhile is written in the next round
            self._something.clear()
            while self._counts:
                batch = [self._counts.popitem() for _ in range(min(BATCH, len(self._counts)))]
                await asyncio.gather(*(self._report(*key, counts) for key, counts in batch))

    async def _report(self, kick_id: str, sid: str, counts: Counts) -> None:
        try:
            await self._sessions.report(
                kick_id,
                sid=sid,
                targeted=counts.targeted,
                delivered=counts.delivered,
                acked=counts.acked,
            )
        except RedisError as error:
            log.warning("receipt lost, logout %s: %s", kick_id, type(error).__name__)
