"""Carrying out an end: every tab of the session is told at once, and closed after the grace.

The session ended already, in the store; here its tabs learn of it. Receipts say how many did.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass

from redis.exceptions import RedisError

from realtime import messages
from realtime.connection import Connection, Socket
from realtime.hub import Hub
from realtime.metrics import Metrics
from store.events import Event
from store.sessions import Ended, Sessions

log = logging.getLogger("jaga.kicks")

MOST_RECEIPTS = 20_000
"""Receipts waiting to be written: more than one process has connections. Beyond it the oldest is
dropped, because counting must never hold up telling."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What this process did for a kick."""

    kick_id: str
    sid: str = ""
    targeted: int = 0
    delivered: int = 0
    acked: int = 0


class Kicks:
    """Tells and closes; counts what came of it."""

    def __init__(
        self, hub: Hub, sessions: Sessions, metrics: Metrics, grace_seconds: float
    ) -> None:
        self._hub = hub
        self._sessions = sessions
        self._grace_seconds = grace_seconds
        self._receipts: deque[Receipt] = deque(maxlen=MOST_RECEIPTS)
        self._something = asyncio.Event()
        self._metrics = metrics

    def ended(self, event: Event) -> None:
        """Carry out a `session.ended` event of the log."""
        try:
            end = Ended.from_record(event.data)
        except KeyError:
            log.error("unreadable event %s", event.id)
            return
        self.carry_out(end, event.id)

    def carry_out(self, end: Ended, event_id: str) -> int:
        """Tell every tab of a session that it ended; returns how many took it.

        Each tab is told once, however often the end is heard of (relay, sweep, clock).
        """
        self._hub.overtaken(end.sid)
        seat = self._hub.of(end.sid)
        tabs = [tab for tab in seat.connections if not tab.kick_id] if seat else []
        if not tabs or seat is None:
            return 0
        message = messages.ended(end, seat.username, event_id)
        delivered = 0
        for tab in tabs:
            tab.kick_id = end.kick_id
            delivered += tab.tell(message)
        self._close_later(tabs, end)
        self._note(Receipt(end.kick_id, end.sid, targeted=len(tabs), delivered=delivered))
        self._metrics.told.labels(end.reason).inc(delivered)
        self._metrics.delay.observe(max(0.0, time.time() - end.at / 1000))
        return delivered

    def acked(self, tab: Socket, kick_id: str) -> None:
        """A tab says that it has heard; once is enough."""
        self._note(Receipt(kick_id, acked=1))

    def _close_later(self, tabs: list[Connection], end: Ended) -> None:
        """One timer for all tabs of a kick; the moment is the drain deadline, at least the grace,
        so that a tab has time to answer."""
        code = messages.closing_code(end)
        left = end.drain_until / 1000 - time.time()
        delay = min(max(left, self._grace_seconds), self._grace_seconds + 1)
        asyncio.get_running_loop().call_later(delay, _close_all, tabs, code)

    def _note(self, receipt: Receipt) -> None:
        self._receipts.append(receipt)
        self._something.set()

    async def write_receipts(self) -> None:
        """Write receipts for ever, one at a time: never in the way of telling."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._receipts:
                await self._write(self._receipts.popleft())

    async def _write(self, receipt: Receipt) -> None:
        try:
            await self._sessions.report(
                receipt.kick_id,
                targeted=receipt.targeted,
                delivered=receipt.delivered,
                acked=receipt.acked,
                sid=receipt.sid,
            )
        except RedisError as error:
            log.warning("receipt lost kick=%s: %s", receipt.kick_id, type(error).__name__)


def _close_all(tabs: list[Connection], code: int) -> None:
    for tab in tabs:
        if tab.is_open:
            tab.close(code)
