"""Ends what a killed supervisor left behind; a process of its own, started by it.

Standard input carries `+<pid>` for every child started and `-<pid>` for every one that ended.
When it closes, whoever is still listed is asked to stop and killed after a while, and the run
file named on the command line is removed.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from scripts.embedded.family import Family, ask_to_stop

STOP_SECONDS = 5.0
"""Time for Redis to write its last second and for a job to finish, after SIGTERM."""


def main() -> None:
    """Listen until the supervisor is gone, then clean up after it."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    left = _listen()
    families = [Family.of(pid) for pid in left]
    for pid in left:
        ask_to_stop(pid)
    deadline = time.monotonic() + STOP_SECONDS
    for family in families:
        family.kill(patience=max(0.0, deadline - time.monotonic()))
    for run_file in sys.argv[1:]:
        Path(run_file).unlink(missing_ok=True)


def _listen() -> list[int]:
    """The children still running when the pipe closed."""
    children: dict[int, None] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            children[pid] = None
        else:
            children.pop(pid, None)
    return list(children)


if __name__ == "__main__":
    main()
