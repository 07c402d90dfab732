"""Seconds that something took of its own accord, whatever else ran on this machine.

For bounds from above ("it is closed within a second"). A bound from below takes `time.monotonic`,
and a cost is counted or is CPU time (`time.thread_time`).
"""

from __future__ import annotations

import time
from pathlib import Path

SCHEDULE = Path("/proc/thread-self/schedstat")
"""Linux: nanoseconds on a processor, nanoseconds ready and waiting for one, turns."""


class Stopwatch:
    """Runs from when it is made, and stands while this thread waits for a processor."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited = _waited()

    @property
    def seconds(self) -> float:
        """What has passed so far."""
        return time.monotonic() - self._began - (_waited() - self._waited)


def _waited() -> float:
    try:
        return int(SCHEDULE.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0  # another system: then all of it counts
