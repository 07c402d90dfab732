"""The fork server: what it starts is a process as `subprocess` would have started it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from scripts.embedded.supervisor import Supervisor
from tests.forkserver import ForkServer

SAID = 5.0


def test_it_is_a_process_of_its_own(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = "import os; print(os.getsid(0) == os.getpid(), os.getcwd(), dict(os.environ)); exit(3)"
    child = supervisor.start(
        "one", [sys.executable, "-c", text], env={"ONLY": "this"}, cwd=tmp_path, log=log
    )
    assert child.wait(SAID) == child.returncode == 3
    assert log.read_text() == f"True {tmp_path} {{'ONLY': 'this'}}\n"


def test_its_words_and_errors_come_line_by_line(supervisor: Supervisor) -> None:
    lines: list[bytes] = []
    text = "import sys; print(sys.argv[1:], flush=True); raise SystemExit('no')"
    command = [sys.executable, "-c", text, "a", "b"]
    child = supervisor.start("one", command, on_line=lines.append)
    assert child.wait(SAID) == 1
    while len(lines) < 2:
        os.sched_yield()
    assert lines == [b"['a', 'b']\n", b"no\n"]


def test_a_signal_ends_it_and_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    child = supervisor.start("one", [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(TimeoutError):
        child.wait(0.05)
    assert child.returncode is None
    child.send(signal.SIGKILL)
    assert child.wait(SAID) == -signal.SIGKILL
    assert not psutil.pid_exists(child.pid)


def test_what_it_started_outlives_it() -> None:
    server = ForkServer()
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = server.popen(command, stdout=-3, env=None, cwd=None)
    server.close()
    assert psutil.pid_exists(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    assert child.poll() == -signal.SIGKILL
