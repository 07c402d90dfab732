"""When sessions expire, for those that have a tab open here.

One timer waits for the nearest moment. When it comes, the store is asked: activity elsewhere may
have moved the moment, and the store alone decides.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time

from redis.exceptions import RedisError

from realtime.presence.hub import Hub
from realtime.presence.logouts import Logouts
from realtime.transport import messages
from realtime.transport.connection import SessionTabs
from store.clock import now_ms
from store.sessions import Ended, Session, Sessions

log = logging.getLogger("jaga.expiry")

NOTICE_MS = 5 * 60 * 1000
"""How long before its end a tab is warned (CONTRACT §5); with a clock shorter than a quarter of
an hour, for a third of it."""

SLACK = 1_000
"""How many entries of sessions that left are kept, beyond one for each session here: so that
clearing them costs nothing per connection."""

LEAST_MS = 10
"""The shortest wait between two looks. Where Redis's clock is behind ours, a moment that has come
here has not come there, and asking without a pause would not help."""

RETRY_MS = 1000
"""Until the next try when Redis did not answer."""


class Expiry:
    """Warns tabs before their session expires, and looks when it should have."""

    def __init__(self, hub: Hub, sessions: Sessions, logouts: Logouts) -> None:
        self._hub = hub
        self._sessions = sessions
        self._logouts = logouts
        self._heap: list[tuple[int, str]] = []
        self._sooner = asyncio.Event()

    def follow(self, session: Session, tabs: SessionTabs) -> None:
        """Look at this session when its nearest clock (or the notice before it) is due."""
        due = self._due(session, tabs)
        if due is None or (tabs.clock_at and tabs.clock_at <= due):
            return
        tabs.clock_at = max(due, now_ms() + LEAST_MS)
        self._push(tabs.clock_at, session.sid)

    def _push(self, due: int, sid: str) -> None:
        heapq.heappush(self._heap, (due, sid))
        if len(self._heap) > 2 * self._hub.session_count + SLACK:
            self._forget_those_who_left()
        if self._heap and self._heap[0][0] == due:
            self._sooner.set()

    def _forget_those_who_left(self) -> None:
        """A tab that comes and goes leaves an entry each time, hours before it is due."""
        found = ((entry, self._hub.of(entry[1])) for entry in self._heap)
        # a set: a tab that came back to the same clock has left the same entry again
        due = {entry for entry, tabs in found if tabs and tabs.clock_at == entry[0]}
        self._heap = sorted(due)

    def _due(self, session: Session, tabs: SessionTabs) -> int | None:
        clock = session.next_clock
        if clock is None:
            return None
        at, reason = clock
        if tabs.warned == f"{reason}:{at}":
            return at + 1
        return max(at - _notice_ms(session, reason), 1)

    async def watch(self) -> None:
        """Run for ever: sleep to the nearest moment, then look."""
        while True:
            self._sooner.clear()
            wait = (self._heap[0][0] / 1000 - time.time()) if self._heap else 3600.0
            if wait > 0:
                try:
                    await asyncio.wait_for(self._sooner.wait(), wait)
                except TimeoutError:
                    pass
                continue
            due, sid = heapq.heappop(self._heap)
            tabs = self._hub.of(sid)
            if tabs is not None and tabs.clock_at == due:
                await self._look(tabs)

    async def _look(self, tabs: SessionTabs) -> None:
        tabs.clock_at = 0
        try:
            found = await self._sessions.look(tabs.member, tabs.sid)
        except RedisError as error:
            log.warning("clock not read: %s", type(error).__name__)
            self._again(tabs)
            return
        if isinstance(found, Ended):
            self._logouts.found(found)
        elif found is not None:
            self._warn(found, tabs)
            self.follow(found, tabs)

    def _again(self, tabs: SessionTabs) -> None:
        tabs.clock_at = now_ms() + RETRY_MS
        self._push(tabs.clock_at, tabs.sid)

    def _warn(self, session: Session, tabs: SessionTabs) -> None:
        clock = session.next_clock
        if clock is None:
            return
        at, reason = clock
        now = time.time() * 1000
        if at - now > _notice_ms(session, reason) or tabs.warned == f"{reason}:{at}":
            return
        tabs.warned = f"{reason}:{at}"
        tabs.tell(messages.expiring(reason, (at - now) / 1000))


def _notice_ms(session: Session, reason: str) -> int:
    whole = session.idle_ms if reason == "idle" else (session.cap_at or 0) - session.opened_at
    return min(NOTICE_MS, (whole or 0) // 3)
