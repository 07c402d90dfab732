"""What this process counts, for Prometheus. Each server has a registry of its own, so a test may
build two.

Names say their unit, and counters end in `_total`. A label takes one of a few words that are
written in our code, never anything of a member, an address or a client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from tornado.web import RequestHandler

from store.ends import REASONS

# a sample of its own for when each counter began: Prometheus finds that out by itself
disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What other parts know, as it is now; None for what could not be asked."""

    serving: bool
    degraded: int
    """How many troubles `/readyz` names."""
    up: Mapping[str, bool]
    """Whether a dependency answers, by its name."""
    connections: Mapping[str, int]
    ended: Mapping[str, int]
    sessions: int
    payments: Mapping[str, int]
    """By `state:tier`."""
    spooled: int | None
    log_lag_seconds: float | None
    routers: Mapping[str, Mapping[str, Any]]
    """By name, as `Health.report` has them."""

    outboxes: Mapping[str, Mapping[str, int]]
    """How many mails and messages are in each state; empty when Postgres is away."""

    resting: Mapping[str, bool]
    """Whether what is beyond an outbox takes nothing from us."""

    processes: Mapping[str, int]
    """How many workers and schedulers are alive; empty when the queue cannot be asked."""


class Metrics(Collector):
    """The figures of one server process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._snapshot: Snapshot | None = None
        self.told = Counter(
            "jaga_kicked_tabs", "Tabs told that their session ended", ["reason"], registry=registry
        )
        self.delay = Histogram(
            "jaga_kick_seconds",
            "From the end of a session to its last tab here being told",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
            registry=registry,
        )
        self.loop_lag = Histogram(
            "jaga_loop_lag_seconds",
            "How late the event loop came to each beat: how busy the process is",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self.requests = Counter(
            "jaga_http_requests", "Requests that were answered", ["code"], registry=registry
        )
        self.request_seconds = Histogram(
            "jaga_http_request_duration_seconds",
            "From a request's head to its answer",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=registry,
        )
        self.refused = Counter(
            "jaga_refused_connections",
            "Streams, sockets and bodies refused at the door",
            ["code"],
            registry=registry,
        )
        # memory, processor, descriptors and the time of the start, under their usual names
        ProcessCollector(registry=registry)
        registry.register(self)

    def kicked(self, reason: str, tabs: int, seconds: float) -> None:
        """Count tabs that were told of one end, `seconds` after it."""
        self.told.labels(reason if reason in REASONS else "other").inc(tabs)
        self.delay.observe(max(0.0, seconds))

    def answered(self, handler: RequestHandler) -> None:
        """Count a request that a handler has answered."""
        self.requests.labels(str(handler.get_status())).inc()
        self.request_seconds.observe(handler.request.request_time())

    def text(self, snapshot: Snapshot) -> bytes:
        """Return the exposition format."""
        self._snapshot = snapshot
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield what other parts count. What could not be asked has no sample: a zero would be
        taken for a count."""
        now = self._snapshot
        if now is None:
            return
        yield GaugeMetricFamily(
            "jaga_ready", "Whether traffic may come here, as /readyz says", int(now.serving)
        )
        yield GaugeMetricFamily(
            "jaga_degraded", "How many troubles /readyz names while it serves", now.degraded
        )
        yield _gauges("jaga_processes", "Workers and schedulers that live", "role", now.processes)
        yield _gauges("jaga_up", "Whether a dependency answers", "dependency", now.up)
        yield _gauges(
            "jaga_connections",
            "Streams and sockets that are open here",
            "transport",
            now.connections,
        )
        ended = CounterMetricFamily(
            "jaga_connections_ended", "Connections that ended, by close code or why", labels=["why"]
        )
        for why, count in now.ended.items():
            ended.add_metric([why], count)
        yield ended
        yield GaugeMetricFamily("jaga_sessions", "Sessions with a tab here", now.sessions)
        payments = CounterMetricFamily(
            "jaga_payments_taken",
            "Deliveries of the webhook, by what they were and where they were kept",
            labels=["state", "tier"],
        )
        for name, count in now.payments.items():
            payments.add_metric(name.split(":"), count)
        yield payments
        yield _known("jaga_payments_spooled", "Deliveries that wait on this disk", now.spooled)
        yield _known(
            "jaga_event_log_lag_seconds",
            "Age of the oldest event that Postgres lacks",
            now.log_lag_seconds,
        )
        yield from _routers(now.routers)
        yield from _outboxes(now.outboxes, now.resting)


def _routers(routers: Mapping[str, Mapping[str, Any]]) -> Iterable[Metric]:
    """Each router's name is one of the settings'; one that no run has met yet has no sample."""
    up = GaugeMetricFamily("jaga_router_up", "Whether the last run reached it", labels=["router"])
    took = GaugeMetricFamily(
        "jaga_router_pass_seconds", "How long its last pass over everybody took", labels=["router"]
    )
    pending = GaugeMetricFamily(
        "jaga_router_pending", "Members whom it was not seen to agree with", labels=["router"]
    )
    for name, seen in routers.items():
        if seen["at"] is not None:
            up.add_metric([name], int(seen["state"] not in ("away", "refused")))
        if seen["took_ms"] is not None:
            took.add_metric([name], seen["took_ms"] / 1000)
            pending.add_metric([name], seen["pending"])
    yield from (up, took, pending)


def _outboxes(
    outboxes: Mapping[str, Mapping[str, int]], resting: Mapping[str, bool]
) -> Iterable[Metric]:
    for outbox, counts in outboxes.items():
        yield _gauges(f"jaga_{outbox}", f"How many {outbox} are in each state", "state", counts)
    yield _gauges(
        "jaga_outbox_resting", "Whether nothing is taken from an outbox", "outbox", resting
    )


def _gauges(name: str, text: str, label: str, figures: Mapping[str, float]) -> GaugeMetricFamily:
    """One sample for each value of the label; True is 1."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, figure in figures.items():
        family.add_metric([value], float(figure))
    return family


def _known(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
