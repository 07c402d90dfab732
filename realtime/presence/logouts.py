"""Logouts: every tab of a session that ended is told at once, and closed after the grace.

The session ended already, in the store; here its tabs learn of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque

from realtime.metrics import Metrics
from realtime.presence.hub import Hub
from realtime.presence.receipts import Receipts
from realtime.transport import messages
from realtime.transport.connection import Connection, Socket
from store.events import Event
from store.sessions import Ended

log = logging.getLogger("jaga.logouts")

SLICE = 16
"""Logouts carried out between two turns of the loop: about a millisecond."""


class Logouts:
    """Tells tabs that their session ended, and closes them.

    Ends that the log brings wait in queues, one for each person or program that caused them, and
    the queues take turns. So a single logout in the middle of a mass logout is told within a slice,
    and the mass logout takes no longer.
    """

    def __init__(
        self, hub: Hub, receipts: Receipts, metrics: Metrics, grace_seconds: float
    ) -> None:
        self._hub = hub
        self._receipts = receipts
        self._metrics = metrics
        self._grace_seconds = grace_seconds
        self._queues: OrderedDict[str, deque[tuple[Ended, str]]] = OrderedDict()
        self._closing: deque[tuple[float, list[Connection], int]] = deque()

    def ended(self, event: Event) -> None:
        """Take a `session.ended` event of the log; it is carried out before the loop waits.

        Only sessions that have a tab here are queued: their number is the queues' bound.
        """
        try:
            end = Ended.from_record(event.data)
        except KeyError:
            log.error("unreadable event %s", event.id)
            return
        self._hub.overtaken(end.sid)
        if self._hub.of(end.sid) is None:
            return
        if not self._queues:
            # not at once: the other ends of this read are to be in their queues first
            asyncio.get_running_loop().call_soon(self._carry_slice)
        self._queues.setdefault(end.by, deque()).append((end, event.id))

    def _carry_slice(self) -> None:
        for _ in range(SLICE):
            if not self._queues:
                return
            end, event_id = self._next()
            try:
                self.carry_out(end, event_id)
            except Exception:
                # one that cannot be carried out must not keep the others from being heard
                log.exception("logout %s not carried out", end.kick_id)
        if self._queues:
            asyncio.get_running_loop().call_soon(self._carry_slice)

    def _next(self) -> tuple[Ended, str]:
        """The first of the queue whose turn it is; that queue goes to the back."""
        by, queue = next(iter(self._queues.items()))
        first = queue.popleft()
        if queue:
            self._queues.move_to_end(by)
        else:
            del self._queues[by]
        return first

    def found(self, end: Ended) -> None:
        """Carry out an end that the store was asked for, without its event (sweep, expiry)."""
        self._hub.overtaken(end.sid)
        self.carry_out(end, "")

    def carry_out(self, end: Ended, event_id: str) -> int:
        """Tell every tab of a session that it ended; return how many took it.

        Each tab is told once, though relay, sweep and expiry may all find the same end.
        """
        session = self._hub.of(end.sid)
        tabs = [tab for tab in session.connections if not tab.kick_id] if session else []
        if not tabs or session is None:
            return 0
        message = messages.ended(end, session.username, event_id)
        delivered = 0
        for tab in tabs:
            tab.kick_id = end.kick_id
            delivered += tab.tell(message)
        self._close_later(tabs, messages.closing_code(end))
        self._receipts.told(end.kick_id, end.sid, len(tabs), delivered)
        self._metrics.kicked(end.reason, delivered, time.time() - end.at / 1000)
        return delivered

    def acked(self, tab: Socket, kick_id: str) -> None:
        """Count a tab that says it has heard."""
        if tab.tabs is not None:
            self._receipts.acked(kick_id, tab.tabs.sid)

    def _close_later(self, tabs: list[Connection], code: int) -> None:
        """Close them after the grace, in the order they were told: a tab has time to answer."""
        if not self._closing:
            asyncio.get_running_loop().call_later(self._grace_seconds, self._close_slice)
        self._closing.append((time.monotonic() + self._grace_seconds, tabs, code))

    def _close_slice(self) -> None:
        """Close those whose grace is over, a slice at a time, with one timer for all."""
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        for _ in range(SLICE):
            if not self._closing or self._closing[0][0] > now:
                break
            _due, tabs, code = self._closing.popleft()
            try:
                _close_all(tabs, code)
            except Exception:
                # as above: the others' grace is over as well
                log.exception("tabs not closed")
        if self._closing:
            loop.call_later(max(0.0, self._closing[0][0] - now), self._close_slice)


def _close_all(tabs: list[Connection], code: int) -> None:
    for tab in tabs:
        if tab.is_open:
            tab.close(code)
