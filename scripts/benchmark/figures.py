"""The figures: what each is called, its unit, its goal, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table; `goal` is an upper bound, or a lower one with `at_least`."""

    key: str
    label: str
    unit: str
    goal: float | None = None
    at_least: bool = False

    def is_met(self, value: float) -> bool | None:
        """Whether a value meets the goal, None when there is none."""
        if self.goal is None:
            return None
        return value >= self.goal if self.at_least else value <= self.goal


FIGURES = (
    Figure("memory.sse", "memory per idle connection, SSE", "KiB", 2),
    Figure("memory.ws", "memory per idle connection, WebSocket", "KiB", 2),
    Figure("connects.sse", "connects, session checked, SSE", "/s", 6000, at_least=True),
    Figure("connects.ws", "connects, session checked, WebSocket", "/s", 6000, at_least=True),
    Figure("connects.sse.p99", "… handshake p99, SSE", "ms"),
    Figure("connects.ws.p99", "… handshake p99, WebSocket", "ms"),
    Figure("push.sse.p50", "one device's tabs pushed to, through Redis, SSE p50", "ms", 0.25),
    Figure("push.sse.p99", "… SSE p99", "ms", 0.5),
    Figure("push.ws.p50", "one device's tabs pushed to, through Redis, WebSocket p50", "ms", 0.25),
    Figure("push.ws.p99", "… WebSocket p99", "ms", 0.5),
    Figure("all.sse", "message to all, last client, SSE", "ms", 100),
    Figure("all.ws", "message to all, last client, WebSocket", "ms", 100),
    Figure("logout.p50", "a whole logout → the device's last tab, p50", "ms"),
    Figure("logout.p99", "… p99", "ms", 25),
    Figure("swap.p50", "swap → last of 4 tabs on 2 servers, 1,000 idle, p50", "ms", 5),
    Figure("swap.p99", "… p99", "ms", 25),
    Figure("login.p50", "login → last of 4 tabs on 2 servers, all idle, p50", "ms"),
    Figure("login.p99", "… p99", "ms", 25),
    Figure("stall.p99", "another request while 8 passwords are checked, p99", "ms"),
    Figure("stall.max", "… the longest", "ms", 30),
    Figure("approval.p50", "QR: approval → approved on the desktop, 1,000 idle, p50", "ms"),
    Figure("approval.p99", "… p99", "ms", 25),
    Figure("attendance.p50", "2,000 pupils fill in within 10 s, 1,000 boards open, p50", "ms"),
    Figure("attendance.p99", "… p99", "ms", 100),
    Figure("attendance.refused", "… answers that were not 201", "", 0),
    Figure("attendance.boards", "… until the last board shows the last pupil", "ms", 100),
    Figure("payments.p50", "200 payments a second kept and answered, p50", "ms"),
    Figure("payments.p99", "… p99", "ms", 50),
    Figure("payments.refused", "… answers that were not 200", "", 0),
    *(
        Figure(f"durability.{setting}.{act}.{part}", f"{act} kept by {setting}, {part}", "ms")
        for setting in ("none", "disk", "replica", "both", "postgres")
        for act in ("logout", "webhook", "attendance")
        for part in ("p50", "p99")
    ),
    Figure("durability.refused", "… answers that were 503, of all", ""),
    Figure("durability.waits", "WAITs for 64 logouts at once", ""),
    Figure("hotspot.first", "hotspot of 10,000: the first pass, all of it written", "s"),
    Figure("hotspot.still", "… a pass with nothing to write", "s", 2),
    Figure("hotspot.still.writes", "… its writes", "", 0),
    Figure("hotspot.changed", "… a pass with 1 % to write", "s", 5),
    Figure("hotspot.prints", "… prints of a pass, at most", "", 6),
    Figure("hotspot.block.p50", "… block → no Internet, p50", "ms"),
    Figure("hotspot.block.p99", "… p99", "ms", 2000),
    Figure("flood.block.p50", "250 anonymous posts a second: block → no Internet, p50", "ms"),
    Figure("flood.block.p99", "… p99", "ms", 2000),
    Figure("flood.otp.p50", "… code asked for → sent, p50", "ms"),
    Figure("flood.otp.max", "… at most", "ms", 2000),
    Figure("flood.rate", "… posts that were answered", "/s"),
    Figure("flood.failed", "… of which by no answer, or a fault of ours", "", 0),
    Figure("attendance.cpu", "… what it takes the server", "% of a core"),
    Figure("mass.all", "mass logout: until the last tab is told", "ms"),
    Figure("mass.single.p50", "a single logout during it, p50", "ms"),
    Figure("mass.single.p99", "… p99", "ms", 25),
    Figure("cpu", "idle, heartbeats every 20 s", "% of a core", 2),
    Figure("storm.all", "restart: SIGTERM → all back", "s", 10),
    Figure("storm.down", "… of which nobody listened", "s"),
    Figure("storm.errors", "… answers that were no success", "", 0),
    Figure("storm.busiest", "… most that came back within 100 ms", ""),
    Figure("churn.memory", "2 × half of them connect and vanish: memory left", "KiB"),
    Figure("churn.descriptors", "… descriptors left", "", 0),
    Figure("churn.tasks", "… tasks left", "", 0),
    Figure("churn.second", "… memory the second time took more", "KiB", 512),
)


@dataclass
class Figures:
    """Everything measured: by subject and key, a value, and whatever else is worth keeping."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def put(self, subject: str, key: str, value: float, detail: Any = None) -> None:
        """Keep a figure."""
        self.values.setdefault(subject, {})[key] = round(value, 4)
        if detail is not None:
            self.details.setdefault(subject, {})[key] = detail

    def of(self, subject: str, key: str) -> float | None:
        """Return a figure, None when it was not measured."""
        return self.values.get(subject, {}).get(key)

    def remark(self, text: str) -> None:
        """Keep a line for the foot of the table, once."""
        if text and text not in self.remarks:
            self.remarks.append(text)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed; values need not be sorted."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    place = min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))
    return ordered[place]


def median(values: list[float]) -> float:
    """Return the 50th percentile."""
    return percentile(values, 0.5)
