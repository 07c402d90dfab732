"""A member's hotspot has changed: every tab of theirs is told, and asks for the rest itself.

What is said is `hotspot {}`, on the WebSocket and as a named event of the stream: the row of the
event log reaches nobody. A pass over the routers announces thousands of members at once, of whom a
few have a page open. Nothing is kept for the others. A member with a page hears at most one a
second: the first at once, then the last of those that came meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from realtime.channels.session_stream import StreamEndpoint
from realtime.presence.broadcast import broadcast
from realtime.presence.hub import Hub
from realtime.transport.connection import Connection
from realtime.transport.messages import Message
from store.events import Event

REST_SECONDS = 1.0
"""Between two messages to one member: each makes the page ask, and a busy pass would send ten."""


class PortalEndpoint(StreamEndpoint):
    """`GET /api/hotspot/stream`: a member's stream for the portal's pages. There, members whom
    nobody has approved yet wait to hear that they are."""

    path = "/api/hotspot/stream"
    serves_waiting = True
    serves_other_sites = False


class HotspotNews:
    """Collects the events of one turn of the loop, and tells each member once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._fresh: dict[str, str] = {}
        """Members with news, and the id of the event that brought the last of it."""
        self._resting: dict[str, str] = {}
        """Members told within REST_SECONDS; the id of the event that came since, or ''."""
        self._rests: deque[tuple[float, str]] = deque()
        self._telling: asyncio.Task[None] | None = None

    def listeners(self) -> dict[str, Callable[[Event], None]]:
        """Return who hears of each event type."""
        names = ("hotspot.changed", "hotspot.settled", "hotspot.device")
        return dict.fromkeys(names, self.changed)

    def changed(self, event: Event) -> None:
        """Take an event of the log. It is told before the loop waits."""
        # most events of a pass come to a process where nobody has a page open
        if not self._hub.session_count:
            return
        member = str(event.data.get("member", ""))
        if member in self._resting:
            self._resting[member] = event.id
            return
        self._fresh[member] = event.id
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while self._fresh:
                fresh, self._fresh = self._fresh, {}
                await self._tell_these(fresh)
        finally:
            self._telling = None

    async def _tell_these(self, fresh: dict[str, str]) -> None:
        # one walk over all sessions for all news: an index would cost every idle tab memory
        sessions = [tabs for tabs in self._hub.sessions() if tabs.member in fresh]
        for member in {tabs.member for tabs in sessions}:
            self._rest(member)
        news: dict[Connection, Message] = {}
        for tabs in sessions:
            message = Message("hotspot", {}, fresh[tabs.member])
            news |= dict.fromkeys(tabs.connections, message)
        await broadcast(news, lambda tab: tab.tell(news[tab]))

    def _rest(self, member: str) -> None:
        if not self._rests:
            asyncio.get_running_loop().call_later(REST_SECONDS, self._wake)
        self._resting[member] = ""
        self._rests.append((time.monotonic() + REST_SECONDS, member))

    def _wake(self) -> None:
        """Let members whose rest is over be told again, first of what came meanwhile."""
        now = time.monotonic()
        while self._rests and self._rests[0][0] <= now:
            _, member = self._rests.popleft()
            if came := self._resting.pop(member):
                self.changed(Event(came, "hotspot.changed", {"member": member}))
        if self._rests:
            wait = self._rests[0][0] - now
            asyncio.get_running_loop().call_later(wait + 0.001, self._wake)
