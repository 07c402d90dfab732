"""Carrying out an end: every tab of the session is told at once, and closed after the grace.

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

log = logging.getLogger("jaga.kicks")

SLICE = 16
"""Kicks carried out between two turns of the loop: about a millisecond."""


class Kicks:
    """Tells and closes.

    Ends that the log brings wait in a line for each who ended them, and the lines take turns. So a
    single logout in the midst of a mass logout is told within a slice, and the mass is over no
    later than it would be.
    """

    def __init__(
        self, hub: Hub, receipts: Receipts, metrics: Metrics, grace_seconds: float
    ) -> None:
        self._hub = hub
        self._receipts = receipts
        self._metrics = metrics
        self._grace_seconds = grace_seconds
        self._lines: OrderedDict[str, deque[tuple[Ended, str]]] = OrderedDict()
        self._closing: deque[tuple[float, list[Connection], int]] = deque()

    def ended(self, event: Event) -> None:
        """Take a `session.ended` event of the log; it is carried out before the loop waits.

        What waits is bounded by the sessions that have a tab here: no other is taken.
        """
        try:
            end = Ended.from_record(event.data)
        except KeyError:
            log.error("unreadable event %s", event.id)
            return
        self._hub.overtaken(end.sid)
        if self._hub.of(end.sid) is None:
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._carry_slice)
        self._lines.setdefault(end.by, deque()).append((end, event.id))

    def _carry_slice(self) -> None:
        for _ in range(SLICE):
            if not self._lines:
                return
            end, event_id = self._next()
            try:
                self.carry_out(end, event_id)
            except Exception:
                # one that cannot be carried out must not keep the others from being heard
                log.exception("kick %s not carried out", end.kick_id)
        if self._lines:
            asyncio.get_running_loop().call_soon(self._carry_slice)

    def _next(self) -> tuple[Ended, str]:
        """The first of the line whose turn it is; the line goes to the back."""
        by, line = next(iter(self._lines.items()))
        first = line.popleft()
        if line:
            self._lines.move_to_end(by)
        else:
            del self._lines[by]
        return first

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
        self._close_later(tabs, messages.closing_code(end))
        self._receipts.told(end.kick_id, end.sid, len(tabs), delivered)
        self._metrics.kicked(end.reason, delivered, time.time() - end.at / 1000)
        return delivered

    def acked(self, tab: Socket, kick_id: str) -> None:
        """A tab says that it has heard."""
        if tab.seat is not None:
            self._receipts.acked(kick_id, tab.seat.sid)

    def _close_later(self, tabs: list[Connection], code: int) -> None:
        """After the grace, so that a tab has time to answer; in the order they were told."""
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
