"""One client process: thousands of tabs on bare descriptors and one epoll.

It must be much lighter than the servers, because it shows their figures and not its own: a tab is
one slotted object, nothing is parsed but what a tab has to answer, and it takes its orders between
two rounds of epoll. Moments are `time.perf_counter_ns()`, one clock for all processes (Linux).
"""

from __future__ import annotations

import gc
import heapq
import os
import random
import re
import select
import socket
import struct
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Literal

Dialect = Literal["sse", "ws", "socketio"]

READ_BYTES = 65_536
PROGRESS_EVERY = 100
"""Connections between two reports of progress."""

IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: choose the source port when connecting, so that ports may be shared by destinations."""

FIRST_CEILING_SECONDS = 1.0
LONGEST_SECONDS = 30.0
SHORTEST_SECONDS = 0.5
"""How a tab comes back: the page's own rule (web/static/js/lib/reconnect.js)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to open one tab.

    `device` decides the process, so that a device's tabs are in one. `ready` is what the answer
    holds once the tab is open; `then` is sent when the answer's head has come.
    """

    key: int
    device: int
    address: tuple[str, int]
    source: str
    request: bytes
    ready: bytes
    dialect: Dialect
    then: bytes = b""


@dataclass(frozen=True, slots=True)
class Open:
    """Order: open these, so many at a time. Answered by Progress and Opened."""

    plans: Sequence[Plan]
    in_flight: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Order: note when the last of these tabs (None: all) has got `marker`. Answered at once by
    Watching, later by Seen."""

    marker: bytes
    keys: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Forget:
    """Order: stop watching. Answered by Seen."""


@dataclass(frozen=True, slots=True)
class Track:
    """Order: note each tab that is told one of these logouts. Answered by Watching."""

    logouts: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Recall:
    """Order: stop tracking. Answered by Tracked."""


@dataclass(frozen=True, slots=True)
class Close:
    """Order: close these tabs (None: all). Abruptly is with a reset. Answered by Closed."""

    keys: frozenset[int] | None
    abruptly: bool


@dataclass(frozen=True, slots=True)
class Return:
    """Order: from now on, tabs that are sent away come back (or not). Answered by Closed."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Count:
    """Order: say how many tabs are open. Answered by State."""


Order = Open | Watch | Forget | Track | Recall | Close | Return | Count


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of the ordered tabs are open or have failed."""

    done: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of an Open: moments and durations in ns, failures by their cause."""

    began: int
    ended: int
    took: array[int]
    failures: Counter[str]
    failed: list[int]
    """The keys of those who failed."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The watch is on."""


@dataclass(frozen=True, slots=True)
class Seen:
    """When the last watched tab got its message; how many did not."""

    last: int
    missing: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """For each logout that was tracked, the moments at which tabs were told."""

    told: dict[bytes, list[int]]


@dataclass(frozen=True, slots=True)
class Closed:
    """Done."""


@dataclass(frozen=True, slots=True)
class State:
    """How many tabs are open; since the last State: answers by status, and when tabs came back."""

    open: int
    answers: Counter[str]
    returned: array[int]


Reply = Progress | Opened | Watching | Seen | Tracked | Closed | State

CONNECTING, OPENING, OPEN, GONE = range(4)


class Tab:
    """One connection."""

    __slots__ = ("began", "failures", "fd", "head", "plan", "retry", "seen", "state")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.fd = -1
        self.state = GONE
        self.began = 0
        self.head = b""
        self.seen = 0
        self.failures = 0
        self.retry = 0.0


@dataclass
class Opening:
    """The Open order that is being carried out."""

    waiting: list[Tab]
    in_flight: int
    total: int
    began: int
    under_way: int = 0
    done: int = 0
    took: array[int] = field(default_factory=lambda: array("q"))
    failures: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)


def run(pipe: Pipe, cores: frozenset[int]) -> None:
    """Be a client process until the pipe is closed."""
    os.sched_setaffinity(0, cores)
    # nothing here forms cycles, and a collection in the middle of a measure would be measured
    gc.disable()
    try:
        Client(pipe).serve()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


class Client:
    """The tabs of one process."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._by_fd: dict[int, Tab] = {}
        self._tabs: dict[int, Tab] = {}
        self._opening: Opening | None = None
        self._marker = b""
        self._watched: frozenset[int] | None = frozenset()
        self._watch = 0
        self._missing = 0
        self._tracked: dict[bytes, list[int]] = {}
        self._answers: list[tuple[Tab, bytes]] = []
        self._returning = False
        self._returns: list[tuple[float, int, Tab]] = []
        self._statuses: Counter[str] = Counter()
        self._returned: array[int] = array("q")

    def serve(self) -> None:
        """Take orders and be told things, for ever; ends with EOFError."""
        pipe = self._pipe.fileno()
        while True:
            for fd, mask in self._epoll.poll(self._patience(), 1024):
                if fd == pipe:
                    self._obey(self._pipe.recv())
                    continue
                tab = self._by_fd.get(fd)
                if tab is not None:
                    self._happened(tab, mask)
            self._say_answers()
            self._come_back()
            self._go_on_opening()

    def _patience(self) -> float:
        if not self._returns:
            return -1
        return max(0.0, self._returns[0][0] - time.monotonic())

    # Orders

    def _obey(self, order: Order) -> None:
        match order:
            case Open(plans, in_flight):
                self._open(plans, in_flight)
            case Watch(marker, keys):
                self._begin_watch(marker, keys)
            case Forget():
                self._end_watch(0)
            case Track(logouts):
                self._tracked = {logout: [] for logout in logouts}
                self._reply(Watching())
            case Recall():
                self._reply(Tracked(self._tracked))
                self._tracked = {}
            case Close(keys, abruptly):
                self._close(keys, abruptly)
            case Return(wanted):
                self._returning = wanted
                self._reply(Closed())
            case Count():
                state = State(self._open_count(), self._statuses, self._returned)
                self._statuses, self._returned = Counter(), array("q")
                self._reply(state)

    def _reply(self, reply: Reply) -> None:
        self._pipe.send(reply)

    def _open_count(self) -> int:
        return sum(tab.state == OPEN for tab in self._by_fd.values())

    def _open(self, plans: Sequence[Plan], in_flight: int) -> None:
        tabs = [Tab(plan) for plan in plans]
        self._tabs.update((tab.plan.key, tab) for tab in tabs)
        tabs.reverse()
        self._opening = Opening(tabs, in_flight, len(tabs), time.perf_counter_ns())

    def _go_on_opening(self) -> None:
        """Keep as many under way as are wanted; report when all are done."""
        opening = self._opening
        while opening and opening.waiting and opening.under_way < opening.in_flight:
            opening.under_way += 1
            self._connect(opening.waiting.pop())
        if opening and opening.done == opening.total:
            self._opening = None
            ended = time.perf_counter_ns()
            self._reply(
                Opened(opening.began, ended, opening.took, opening.failures, opening.failed)
            )

    def _begin_watch(self, marker: bytes, keys: frozenset[int] | None) -> None:
        self._marker = marker
        self._watched = keys
        self._watch += 1
        self._missing = self._open_count() if keys is None else len(keys & self._tabs.keys())
        self._reply(Watching())
        if not self._missing:
            self._end_watch(0)

    def _end_watch(self, moment: int) -> None:
        if self._marker:
            self._marker = b""
            self._reply(Seen(moment, self._missing))

    def _close(self, keys: frozenset[int] | None, abruptly: bool) -> None:
        self._returns.clear()
        chosen = list(self._tabs) if keys is None else [key for key in keys if key in self._tabs]
        for key in chosen:
            tab = self._tabs.pop(key)
            if tab.fd >= 0:
                if abruptly:
                    _reset_when_closed(tab.fd)
                self._drop(tab)
        self._reply(Closed())

    # Opening a tab

    def _connect(self, tab: Tab) -> None:
        plan = tab.plan
        tab.began = time.perf_counter_ns()
        tab.head = b""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if plan.source:
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((plan.source, 0))
        connection.connect_ex(plan.address)
        tab.fd = connection.detach()
        self._by_fd[tab.fd] = tab
        # over the loopback it is connected by now, unless the server's backlog is full
        self._epoll.register(tab.fd, select.EPOLLIN)
        self._ask(tab)

    def _ask(self, tab: Tab) -> None:
        try:
            os.write(tab.fd, tab.plan.request)
        except BlockingIOError:
            tab.state = CONNECTING
            self._epoll.modify(tab.fd, select.EPOLLOUT)
        except OSError as error:
            self._failed(tab, type(error).__name__)
        else:
            if tab.state == CONNECTING:
                self._epoll.modify(tab.fd, select.EPOLLIN)
            tab.state = OPENING

    def _answered(self, tab: Tab, data: bytes) -> None:
        """Part of the answer to the request has come."""
        before = b"\r\n\r\n" in tab.head
        tab.head += data
        if not before and b"\r\n\r\n" in tab.head:
            status = tab.head[9:12].decode("ascii", "replace")
            if status not in ("200", "101"):
                self._failed(tab, f"{status} {_reason(tab.head)}".strip())
                return
            self._statuses[status] += 1
            if tab.plan.then:
                os.write(tab.fd, tab.plan.then)
        if tab.plan.ready in tab.head:
            self._is_open(tab)

    def _is_open(self, tab: Tab) -> None:
        now = time.perf_counter_ns()
        tab.state = OPEN
        tab.head = b""
        tab.failures = 0
        if self._opening is None:
            self._returned.append(now)
            return
        self._opening.took.append(now - tab.began)
        self._done()

    def _failed(self, tab: Tab, why: str) -> None:
        self._drop(tab)
        if self._opening is not None:
            self._opening.failures[why] += 1
            self._opening.failed.append(tab.plan.key)
            self._done()
        else:
            self._statuses[why] += 1
            self._schedule(tab)

    def _done(self) -> None:
        opening = self._opening
        assert opening is not None  # noqa: S101 - said to the type checker
        opening.under_way -= 1
        opening.done += 1
        if opening.done % PROGRESS_EVERY == 0:
            self._reply(Progress(opening.done))

    # What happens on a tab

    def _happened(self, tab: Tab, mask: int) -> None:
        if tab.state == CONNECTING:
            self._ask(tab)
            return
        try:
            data = os.read(tab.fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(tab, type(error).__name__)
            return
        if not data:
            self._lost(tab)
        elif tab.state == OPENING:
            self._answered(tab, data)
        else:
            self._told(tab, data)

    def _told(self, tab: Tab, data: bytes) -> None:
        if self._marker and self._marker in data and tab.seen != self._watch:
            if self._watched is None or tab.plan.key in self._watched:
                tab.seen = self._watch
                self._missing -= 1
                if not self._missing:
                    self._end_watch(time.perf_counter_ns())
        if self._tracked:
            self._note(data)
        if tab.plan.dialect == "ws":
            self._hear_frames(tab, data)
        elif tab.plan.dialect == "socketio":
            if data.startswith(b"\x81\x012"):
                self._answers.append((tab, _masked(0x81, b"3")))
        elif b"event: close" in data:
            self._sent_away(tab, _RETRY_SSE.search(data))

    def _note(self, data: bytes) -> None:
        found = _KICK.search(data)
        moments = self._tracked.get(found[1]) if found else None
        if moments is not None:
            moments.append(time.perf_counter_ns())

    def _hear_frames(self, tab: Tab, data: bytes) -> None:
        """Answer what a page answers. A frame cut in two, which the loopback does not do to such
        small ones, would be misread."""
        at = 0
        while at + 2 <= len(data):
            opcode, size = data[at] & 0x0F, data[at + 1] & 0x7F
            at += 2
            if size == 126:
                size = struct.unpack_from("!H", data, at)[0]
                at += 2
            payload = data[at : at + size]
            at += size
            if opcode == 9:
                self._answers.append((tab, _masked(0x8A, payload)))
            elif opcode == 8:
                self._sent_away(tab, _RETRY_WS.search(payload))
                return
            elif payload == b'{"event":"ping"}':
                self._answers.append((tab, _PONG))
            elif payload.startswith(b'{"event":"force_logout"'):
                found = _KICK.search(payload)
                if found:
                    ack = b'{"event":"ack","kick_id":"' + found[1] + b'"}'
                    self._answers.append((tab, _masked(0x81, ack)))

    def _say_answers(self) -> None:
        """After the round, so that no answer delays another tab's moment."""
        if not self._answers:
            return
        answers, self._answers = self._answers, []
        for tab, data in answers:
            if tab.fd >= 0:
                try:
                    os.write(tab.fd, data)
                except OSError:
                    self._lost(tab)

    def _sent_away(self, tab: Tab, named: re.Match[bytes] | None) -> None:
        """The server has said goodbye, and perhaps when to come back."""
        tab.retry = int(named[1]) / 1000 if named else 0.0
        self._lost(tab)

    def _lost(self, tab: Tab, why: str = "hung up") -> None:
        if tab.state in (CONNECTING, OPENING):
            self._failed(tab, why)
            return
        self._drop(tab)
        self._schedule(tab)

    def _schedule(self, tab: Tab) -> None:
        """When a tab that was sent away, or not let in, comes back."""
        if not self._returning or tab.plan.key not in self._tabs:
            return
        wait, tab.retry = tab.retry, 0.0
        if not wait:
            ceiling = min(LONGEST_SECONDS, FIRST_CEILING_SECONDS * 2**tab.failures)
            wait = random.uniform(SHORTEST_SECONDS, ceiling)  # noqa: S311
        tab.failures += 1
        heapq.heappush(self._returns, (time.monotonic() + wait, tab.plan.key, tab))

    def _come_back(self) -> None:
        now = time.monotonic()
        while self._returns and self._returns[0][0] <= now:
            tab = heapq.heappop(self._returns)[2]
            self._connect(tab)

    def _drop(self, tab: Tab) -> None:
        if tab.fd >= 0:
            del self._by_fd[tab.fd]
            os.close(tab.fd)
        tab.fd = -1
        tab.state = GONE


def _reset_when_closed(fd: int) -> None:
    connection = socket.socket(fileno=fd)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.detach()


def _reason(answer: bytes) -> str:
    """What a refusal says of itself: our JSON's message, else nothing."""
    found = _MESSAGE.search(answer)
    return found[1].decode(errors="replace") if found else ""


def _masked(first: int, payload: bytes) -> bytes:
    """A short frame under the mask of zeros, which leaves the payload as it is."""
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


_PONG = _masked(0x81, b'{"event":"pong"}')
_RETRY_SSE = re.compile(rb"retry: (\d+)")
_RETRY_WS = re.compile(rb"retry=(\d+)")
_MESSAGE = re.compile(rb'"message":"([^"]{1,80})"')
_KICK = re.compile(rb'"kick_id":"([^"]+)"')
