"""The second net: every SWEEP_SECONDS each session that has a tab here is checked in the store.

So a missed logout is found within that time, even when the log was trimmed or wiped. An emptied
Redis is rebuilt here.
"""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from realtime.presence.hub import Hub
from realtime.presence.logouts import Logouts
from realtime.presence.roles import Roles
from realtime.transport import codes
from realtime.transport.connection import SessionTabs
from store.errors import Unavailable
from store.opening import Store
from store.restoring import restore_if_needed
from store.sessions import Ended

log = logging.getLogger("jaga.sweep")

BATCH = 250
"""Sessions asked about at once: about a millisecond of Redis's time."""


class Sweep:
    """Checks everybody, again and again."""

    def __init__(self, store: Store, hub: Hub, logouts: Logouts, roles: Roles) -> None:
        self._store = store
        self._hub = hub
        self._logouts = logouts
        self._roles = roles
        self._now = asyncio.Event()
        self.built = asyncio.Event()

    @property
    def is_built(self) -> bool:
        """Whether Redis was seen whole since the start."""
        return self.built.is_set()

    def soon(self) -> None:
        """Sweep at once: Redis is back after it was away."""
        self._now.set()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self._rebuild()
                await self._sweep()
                await self._roles.check()
            except (RedisError, OSError, Unavailable) as error:
                log.warning("sweep put off: %s", error)
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._now.wait(), self._store.settings.sweep_seconds)
        except TimeoutError:
            pass
        self._now.clear()

    async def _rebuild(self) -> None:
        if await restore_if_needed(self._store):
            log.warning("Redis was empty: rebuilt from Postgres, everybody logs in again")
        self.built.set()

    async def _sweep(self) -> None:
        sessions = self._hub.sessions()
        for start in range(0, len(sessions), BATCH):
            batch = {tabs.sid: tabs for tabs in sessions[start : start + BATCH]}
            named = [(tabs.member, tabs.sid) for tabs in batch.values()]
            for _, sid in await self._store.sessions.suspects(named):
                await self._look(batch[sid])

    async def _look(self, tabs: SessionTabs) -> None:
        found = await self._store.sessions.look(tabs.member, tabs.sid)
        if isinstance(found, Ended):
            self._logouts.found(found)
        elif found is None:
            # gone without a trace (an emptied Redis): there is no reason to tell
            for tab in list(tabs.connections):
                tab.close(codes.NOT_LOGGED_IN)
