"""The clock outside of Redis's scripts: wall time, for storing. What is measured uses
`time.monotonic`."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return the moment in Unix milliseconds."""
    return int(time.time() * 1000)
