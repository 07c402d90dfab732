"""What the routers are asked to do: to agree with a member soon, or with everybody.

A job does it; no web process ever speaks to a router.
"""

from __future__ import annotations

import hashlib
import hmac
import logging

from store.errors import Unavailable
from store.queue import Queue
from store.settings import Settings

log = logging.getLogger("jaga.hotspot")


class RouterRequests:
    """Requests to the routers there are."""

    def __init__(self, settings: Settings, queue: Queue) -> None:
        self._settings = settings
        self._queue = queue
        self.names = tuple(router.name for router in settings.routers)
        """The routers' names."""

    @property
    def has_any(self) -> bool:
        """Whether a router is set at all."""
        return bool(self.names)

    async def sync(self, member: str) -> None:
        """Have the routers agree with this member soon. A request that is lost is made up for
        by the next run over everybody."""
        if not self.has_any:
            return
        try:
            await self._queue.enqueue(
                "jobs.hotspot.sync_member",
                member,
                queue="urgent",
                unique=f"hotspot-{member}",
                seconds=60,
            )
        except Unavailable:
            log.warning("queue away: the router hears of %s at the next run", member)

    async def sync_all(self) -> None:
        """Have a run made over everybody at every router. Raises Unavailable."""
        await self._queue.enqueue("jobs.hotspot.run", queue="hotspot", unique="sync")

    def password(self, member: str) -> str:
        """Return the password of a member's hotspot user: known to the router and to us alone."""
        key = self._settings.secret_key.encode()
        return hmac.new(key, f"hotspot|{member}".encode(), hashlib.sha256).hexdigest()[:24]
