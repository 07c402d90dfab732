"""A process and all it brought into the world, found so that none of them is left running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

ORPHAN_SECONDS = 1.0
"""How long the children of an ended process may take to notice it: Postgres's do within 0.1 s."""

KILL_SECONDS = 2.0
"""SIGKILL works at once, except on a process that waits for a disk."""


class Family:
    """A process, its descendants, and everybody in its session (a descendant may be orphaned).

    A member is known by pid and start time, so a pid given to a stranger later is never touched.
    """

    def __init__(self, members: Iterable[psutil.Process]) -> None:
        self._members = list(members)

    @classmethod
    def of(cls, pid: int) -> Family:
        """Everybody who belongs to `pid` now; empty when there is no such process."""
        try:
            root = psutil.Process(pid)
            members = {root, *root.children(recursive=True)}
        except psutil.NoSuchProcess:
            members = set()
        return cls(members | set(_session(pid)))

    def living(self) -> list[psutil.Process]:
        """Who still runs; a zombie does not."""
        return [member for member in self._members if _lives(member)]

    def kill(self, patience: float = ORPHAN_SECONDS) -> None:
        """Give them `patience` seconds to leave by themselves, then kill who is left."""
        self._wait(patience)
        for member in self.living():
            _kill(member)
        self._wait(KILL_SECONDS)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.living() and time.monotonic() < deadline:
            time.sleep(0.01)


def ask_to_stop(pid: int) -> None:
    """Ask a process to end in its orderly way, waking it when it is paused."""
    try:
        process = psutil.Process(pid)
        # SIGTERM lets Postgres wait for its clients for ever; SIGINT is its "fast shutdown".
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return


def end_leftover(pid_file: Path, directory: Path, within: float = 5.0) -> None:
    """End a server that an earlier run left working in `directory`, if there is one.

    The number in `pid_file` may belong to a stranger by now; only a process whose current
    directory is `directory` is ours. Takes at most about `within` seconds.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if Path(process.cwd()).resolve() != directory.resolve():
            return
        family = Family.of(process.pid)
        ask_to_stop(process.pid)
        family.kill(within)
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
        # No file, no number, no such process, or one that we may not even look at: not ours.
        return


def _session(pid: int) -> Iterable[psutil.Process]:
    for other in psutil.pids():
        try:
            if os.getsid(other) == pid:
                yield psutil.Process(other)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
