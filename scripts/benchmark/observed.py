"""The product's web process as it is, with one ear more: SIGUSR1 makes it say what it holds.

`python -m scripts.benchmark.observed`. On the signal it collects garbage and writes
`$BENCH_REPORT`, a JSON file. With `$BENCH_TRACE` (a number of frames) memory is traced from the
start; with `$BENCH_PROFILE` the processor's time is, from one signal to the next.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
import os
import pstats
import signal
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from realtime.__main__ import main

TOP = 40


class Ear:
    """Answers the signal."""

    def __init__(self, report: Path, profile: cProfile.Profile | None) -> None:
        self._report = report
        self._profile = profile
        self._number = 0
        self._before: tracemalloc.Snapshot | None = None

    def __call__(self, *_: object) -> None:
        """Collect, and write the next report whole."""
        self._number += 1
        if self._profile is not None:
            self._profile.disable()
        collected = gc.collect()
        facts: dict[str, Any] = {
            "number": self._number,
            "collected": collected,
            "tasks": len(asyncio.all_tasks()),
            "objects": len(gc.get_objects()),
            "memory": self._memory(),
            "time": self._time(),
        }
        unfinished = self._report.with_suffix(".new")
        unfinished.write_text(json.dumps(facts))
        unfinished.replace(self._report)
        if self._profile is not None:
            self._profile.enable()

    def _memory(self) -> list[dict[str, Any]]:
        """What each line holds more than at the signal before."""
        if not tracemalloc.is_tracing():
            return []
        now = tracemalloc.take_snapshot()
        before, self._before = self._before, now
        if before is None:
            return []
        return [
            {"line": str(stat.traceback), "bytes": stat.size_diff, "blocks": stat.count_diff}
            for stat in now.compare_to(before, "lineno")[:TOP]
        ]

    def _time(self) -> list[dict[str, Any]]:
        """Where the time went since the signal before."""
        if self._profile is None or not self._profile.getstats():
            return []
        stats: Any = pstats.Stats(self._profile)
        self._profile.clear()
        rows = [
            {
                "where": f"{file}:{line}({name})" if line else name,
                "calls": calls,
                "own": own,
                "with_called": whole,
            }
            for (file, line, name), (_, calls, own, whole, _) in stats.stats.items()
        ]
        rows.sort(key=lambda row: -row["own"])
        return rows[:TOP]


def listen() -> None:
    """Take the signal, and begin to trace what the environment asks for."""
    profile = cProfile.Profile() if os.environ.get("BENCH_PROFILE") else None
    if frames := os.environ.get("BENCH_TRACE"):
        tracemalloc.start(int(frames))
    signal.signal(signal.SIGUSR1, Ear(Path(os.environ["BENCH_REPORT"]), profile))


if __name__ == "__main__":
    listen()
    sys.exit(main())
