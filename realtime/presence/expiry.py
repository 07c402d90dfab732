"""The moments at which sessions run out, for those that have a tab open here.

One timer for the nearest of them. A moment that has come is only a reason to look: activity
elsewhere may have moved it, and the store alone decides.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time

from redis.exceptions import RedisError

from realtime.presence.hub import Hub
from realtime.presence.logouts import Kicks
from realtime.transport import messages
from realtime.transport.connection import Seat
from store.clock import now_ms
from store.sessions import Ended, Session, Sessions

log = logging.getLogger("jaga.clocks")

NOTICE_MS = 5 * 60 * 1000
"""How long before its end a tab is warned (CONTRACT §5); with a clock shorter than a quarter of
an hour, for a third of it."""

SLACK = 1_000
"""Entries of sessions that left, kept until there are this many and more than there are seats:
so that clearing them costs nothing per connection."""

LEAST_MS = 10
"""Until the next look: where Redis's clock is behind ours, a moment that has come here has not
come there, and asking without a pause would not bring it nearer."""

RETRY_MS = 1000
"""When Redis did not answer."""


class Clocks:
    """Warns before a clock runs out, and looks when it has."""

    def __init__(self, hub: Hub, sessions: Sessions, kicks: Kicks) -> None:
        self._hub = hub
        self._sessions = sessions
        self._kicks = kicks
        self._heap: list[tuple[int, str]] = []
        self._sooner = asyncio.Event()

    def follow(self, session: Session, seat: Seat) -> None:
        """Look at this session when its nearest clock (or the notice before it) is due."""
        due = self._due(session, seat)
        if due is None or (seat.clock_at and seat.clock_at <= due):
            return
        seat.clock_at = max(due, now_ms() + LEAST_MS)
        self._push(seat.clock_at, session.sid)

    def _push(self, due: int, sid: str) -> None:
        heapq.heappush(self._heap, (due, sid))
        if len(self._heap) > 2 * self._hub.seated + SLACK:
            self._forget_those_who_left()
        if self._heap and self._heap[0][0] == due:
            self._sooner.set()

    def _forget_those_who_left(self) -> None:
        """A tab that comes and goes leaves an entry each time, hours before it is due."""
        seats = ((entry, self._hub.of(entry[1])) for entry in self._heap)
        # a set: a tab that came back to the same clock has left the same entry again
        due = {entry for entry, seat in seats if seat and seat.clock_at == entry[0]}
        self._heap = sorted(due)

    def _due(self, session: Session, seat: Seat) -> int | None:
        clock = session.next_clock
        if clock is None:
            return None
        at, reason = clock
        if seat.warned == f"{reason}:{at}":
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
            seat = self._hub.of(sid)
            if seat is not None and seat.clock_at == due:
                await self._look(seat)

    async def _look(self, seat: Seat) -> None:
        seat.clock_at = 0
        try:
            found = await self._sessions.look(seat.member, seat.sid)
        except RedisError as error:
            log.warning("clock not read: %s", type(error).__name__)
            self._again(seat)
            return
        if isinstance(found, Ended):
            self._kicks.carry_out(found, "")
        elif found is not None:
            self._warn(found, seat)
            self.follow(found, seat)

    def _again(self, seat: Seat) -> None:
        seat.clock_at = now_ms() + RETRY_MS
        self._push(seat.clock_at, seat.sid)

    def _warn(self, session: Session, seat: Seat) -> None:
        clock = session.next_clock
        if clock is None:
            return
        at, reason = clock
        now = time.time() * 1000
        if at - now > _notice_ms(session, reason) or seat.warned == f"{reason}:{at}":
            return
        seat.warned = f"{reason}:{at}"
        message = messages.expiring(reason, (at - now) / 1000)
        for tab in list(seat.connections):
            tab.tell(message)


def _notice_ms(session: Session, reason: str) -> int:
    whole = session.idle_ms if reason == "idle" else (session.cap_at or 0) - session.opened_at
    return min(NOTICE_MS, (whole or 0) // 3)
