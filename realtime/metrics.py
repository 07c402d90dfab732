"""What this process counts, for Prometheus; one registry per server, so a test may build two."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The figures of one server process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.connections = Gauge(
            "jaga_connections", "Open connections here", ["transport"], registry=registry
        )
        self.sessions = Gauge("jaga_sessions", "Sessions with a tab here", registry=registry)
        self.left = Gauge(
            "jaga_connections_left", "Connections that ended, by why", ["why"], registry=registry
        )
        self.told = Counter(
            "jaga_kicked_tabs", "Tabs told that their session ended", ["reason"], registry=registry
        )
        self.delay = Histogram(
            "jaga_kick_seconds",
            "From the end of a session to its last tab here being told",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
            registry=registry,
        )
        self.log_lag = Gauge(
            "jaga_event_log_lag_seconds", "How far Postgres is behind the log", registry=registry
        )
        self.loop_lag = Gauge(
            "jaga_loop_lag_seconds", "How late the last beat was", registry=registry
        )

        self.payments = Gauge(
            "jaga_payments_taken",
            "Deliveries of the webhook, by what they were and where they were kept",
            ["state", "tier"],
            registry=registry,
        )
        self.spool = Gauge(
            "jaga_payments_spooled", "Deliveries that wait on this disk", registry=registry
        )

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self._registry)
