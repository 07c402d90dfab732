"""The client processes, commanded as one: orders go to all of them, replies are added up."""

from __future__ import annotations

import multiprocessing
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import TypeVar

from scripts.benchmark.client import (
    Close,
    Closed,
    Count,
    Forget,
    Open,
    Opened,
    Order,
    Plan,
    Progress,
    Recall,
    Return,
    Seen,
    State,
    Track,
    Tracked,
    Watch,
    Watching,
    run,
)
from scripts.benchmark.machine import Cores

OPEN_SECONDS = 300.0
REPLY_SECONDS = 30.0
STOP_SECONDS = 5.0

Answer = TypeVar("Answer", Opened, Watching, Seen, Tracked, Closed, State)


class ClientsFailed(Exception):
    """A client process did not answer, or the server did not let everybody in."""


@dataclass(frozen=True)
class Connected:
    """What came of opening many: how many a second, how long each took (ms, sorted), failures."""

    count: int
    seconds: float
    took_ms: list[float]
    failures: Counter[str]
    failed: frozenset[int]
    """The keys of those who failed."""

    @property
    def per_second(self) -> float:
        """Connections a second, from the first request to the last that was let in."""
        return self.count / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Crowd:
    """How many tabs are open, the answers by status, and when tabs came back (ns, sorted)."""

    open: int
    answers: Counter[str]
    returned: list[int]


class Clients:
    """Several client processes; a context manager."""

    def __init__(self, count: int, cores: Cores) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=run, args=(theirs, cores.clients), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_error: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.kill()

    def open(
        self,
        plans: Sequence[Plan],
        in_flight: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Connected:
        """Open these tabs, `in_flight` at a time over all processes.

        Those that the server refused are counted in the result, not raised.
        """
        shares = self._shares(plans)
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send(Open(share, max(1, in_flight // len(self._pipes))))
        results = self._opened(len(plans), progress)
        took = sorted(ns / 1e6 for result in results for ns in result.took)
        failures: Counter[str] = Counter()
        for result in results:
            failures += result.failures
        began = min(result.began for result in results)
        ended = max(result.ended for result in results)
        failed = frozenset(key for result in results for key in result.failed)
        return Connected(len(took), (ended - began) / 1e9, took, failures, failed)

    def _shares(self, plans: Iterable[Plan]) -> list[list[Plan]]:
        """A device's tabs are in one process, as a browser's are."""
        shares: list[list[Plan]] = [[] for _ in self._pipes]
        for plan in plans:
            shares[plan.device % len(shares)].append(plan)
        return shares

    def _opened(self, total: int, progress: Callable[[int, int], None]) -> list[Opened]:
        done = dict.fromkeys(self._pipes, 0)
        results: dict[Pipe, Opened] = {}
        deadline = time.monotonic() + OPEN_SECONDS
        while len(results) < len(self._pipes):
            for pipe in self._ready([p for p in self._pipes if p not in results], deadline):
                match pipe.recv():
                    case Progress(count):
                        done[pipe] = count
                        progress(min(sum(done.values()), total - 1), total)
                    case Opened() as result:
                        results[pipe] = result
        progress(total, total)
        return list(results.values())

    def watch(self, marker: bytes, keys: frozenset[int] | None = None) -> None:
        """Get ready to note when these tabs (None: all that are open) get `marker`."""
        self._ask(Watch(marker, keys), Watching)

    def seen(self, seconds: float) -> Seen:
        """Return when the last of the watched tabs got it, waiting up to `seconds`."""
        deadline = time.monotonic() + seconds
        results: dict[Pipe, Seen] = {}
        while len(results) < len(self._pipes):
            waiting = [pipe for pipe in self._pipes if pipe not in results]
            ready = wait(waiting, max(0.0, deadline - time.monotonic()))
            if not ready:
                for pipe in waiting:
                    pipe.send(Forget())
                deadline += REPLY_SECONDS
            for pipe in waiting:
                if pipe in ready:
                    results[pipe] = _expect(pipe.recv(), Seen)
        return Seen(
            max(result.last for result in results.values()),
            sum(result.missing for result in results.values()),
        )

    def track(self, logouts: Iterable[bytes]) -> None:
        """Get ready to note which tabs are told of these logouts, and when."""
        self._ask(Track(frozenset(logouts)), Watching)

    def tracked(self) -> dict[bytes, list[int]]:
        """Stop tracking; returns for each logout when its tabs were told (ns)."""
        told: dict[bytes, list[int]] = {}
        for reply in self._ask(Recall(), Tracked):
            for logout, moments in reply.told.items():
                told.setdefault(logout, []).extend(moments)
        return told

    def close(self, keys: Iterable[int] | None = None, *, abruptly: bool = True) -> None:
        """Close these tabs, or all."""
        self._ask(Close(None if keys is None else frozenset(keys), abruptly), Closed)

    def let_return(self, wanted: bool) -> None:
        """Whether tabs that are sent away come back as the page does."""
        self._ask(Return(wanted), Closed)

    def crowd(self) -> Crowd:
        """Count who is open, and what has happened since this was last asked."""
        states = self._ask(Count(), State)
        answers: Counter[str] = Counter()
        returned: array[int] = array("q")
        for state in states:
            answers += state.answers
            returned += state.returned
        return Crowd(sum(state.open for state in states), answers, sorted(returned))

    def _ask(self, order: Order, kind: type[Answer]) -> list[Answer]:
        for pipe in self._pipes:
            pipe.send(order)
        deadline = time.monotonic() + REPLY_SECONDS
        return [_expect(self._recv(pipe, deadline), kind) for pipe in self._pipes]

    def _recv(self, pipe: Pipe, deadline: float) -> object:
        self._ready([pipe], deadline)
        return pipe.recv()

    def _ready(self, pipes: list[Pipe], deadline: float) -> list[Pipe]:
        ready = wait(pipes, max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ClientsFailed("a client process does not answer")
        return [pipe for pipe in pipes if pipe in ready]


def _expect(reply: object, kind: type[Answer]) -> Answer:
    if not isinstance(reply, kind):
        raise ClientsFailed(f"a client process said {reply!r}, not {kind.__name__}")
    return reply
