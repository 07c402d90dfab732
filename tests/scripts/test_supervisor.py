"""scripts/embedded/supervisor.py: no process outlives whoever started it."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scripts.embedded.family import end_leftover
from scripts.embedded.supervisor import Child, StartError, Supervisor, wait_until
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).parents[2]

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for group in (False, True):      # a helper, and one in a process group of its own, as RQ's
    if os.fork() == 0:
        if group:
            os.setpgrp()
        break
os.write(1, b"%d " % os.getpid())
time.sleep(60)
"""


def test_a_family_that_ignores_sigterm_is_gone_in_time(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    child = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN], log=log)
    pids = _three_pids(log, child)
    began = Stopwatch()
    child.end(within=0.3)
    assert began.seconds < 3
    assert child.returncode == -signal.SIGKILL
    assert not [pid for pid in pids if _runs(pid)]


def test_the_helpers_of_a_killed_child_are_ended_as_well(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    child = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN], log=log)
    pids = _three_pids(log, child)
    child.send(signal.SIGKILL)
    child.wait(5)
    assert [pid for pid in pids if _runs(pid)]
    child.end(within=0.3)
    assert not [pid for pid in pids if _runs(pid)]


def test_a_paused_child_is_ended(supervisor: Supervisor) -> None:
    tidy = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    ready: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    child = supervisor.start("tidy", ["sh", "-c", tidy], on_line=ready.put)
    assert ready.get(timeout=5) == b"ready\n"
    child.send(signal.SIGSTOP)
    child.end(within=5)
    assert child.returncode == 7


def test_an_unexpected_end_is_told_and_an_asked_one_is_not() -> None:
    ended: queue.SimpleQueue[Child] = queue.SimpleQueue()
    with Supervisor(on_exit=ended.put) as supervisor:
        dies = supervisor.start("dies", ["sh", "-c", "exit 3"])
        lives = supervisor.start("lives", ["sleep", "60"])
        assert ended.get(timeout=5) is dies
        assert dies.returncode == 3
    assert lives.returncode == -signal.SIGTERM
    assert ended.empty()


def test_nothing_is_started_once_the_end_has_begun() -> None:
    supervisor = Supervisor()
    supervisor.close()
    with pytest.raises(StartError, match="being stopped"):
        supervisor.start("late", ["sleep", "60"])


def test_a_missing_program_is_a_start_error(supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match="ghost could not be started"):
        supervisor.start("ghost", ["/nowhere/ghost"])


def test_a_child_that_fails_to_get_ready_shows_its_last_lines(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    child = supervisor.start("server", ["sh", "-c", "echo no such disk; exit 4"], log=log)
    with pytest.raises(StartError, match=r"server ended with 4:\n    no such disk"):
        wait_until(lambda: False, child, 5, log=log)


def test_a_killed_supervisor_takes_everybody_along(tmp_path: Path) -> None:
    """kill -9, the one signal after which nothing can be cleaned up."""
    run_file, log = tmp_path / "run.json", tmp_path / "log"
    run_file.write_text("{}")
    program = f"""
import sys, time
from pathlib import Path
from scripts.embedded.supervisor import Supervisor
with Supervisor(run_file=Path({str(run_file)!r})) as supervisor:
    supervisor.start("stubborn", [sys.executable, "-c", {STUBBORN!r}], log=Path({str(log)!r}))
    supervisor.start("sleeper", ["sleep", "60"])
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        _until(lambda: log.exists() and len(log.read_text().split()) == 3)
        _until(lambda: len(psutil.Process(process.pid).children()) == 3)
        family = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.wait(5)
    assert len(family) == 5  # the guardian, a sleeper, and the stubborn three
    _until(lambda: not [member for member in family if _runs(member.pid)], seconds=15)
    assert not run_file.exists()


def test_a_leftover_is_ended_and_a_stranger_with_its_number_is_not(tmp_path: Path) -> None:
    ours, elsewhere = tmp_path / "ours", tmp_path / "elsewhere"
    for directory in (ours, elsewhere):
        directory.mkdir()
    leftover = subprocess.Popen(["sleep", "60"], cwd=ours)
    stranger = subprocess.Popen(["sleep", "60"], cwd=elsewhere)
    try:
        (ours / "pid").write_text(f"{stranger.pid}\n")
        end_leftover(ours / "pid", ours)
        assert stranger.poll() is None
        (ours / "pid").write_text(f"{leftover.pid}\nmore\n")
        end_leftover(ours / "pid", ours)
        assert leftover.wait(5) == -signal.SIGTERM
        end_leftover(ours / "absent", ours)
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait(5)


def _three_pids(log: Path, child: Child) -> list[int]:
    wait_until(lambda: len(log.read_text().split()) == 3, child, 10, log=log)
    return [int(pid) for pid in log.read_text().split()]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
