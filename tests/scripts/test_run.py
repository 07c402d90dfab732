"""scripts/run as somebody at a terminal has it: started, looked at, killed, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
import rq
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from scripts.embedded.ports import free_port
from store.settings import SETTING_NAMES
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).parents[2]

START_SECONDS = 90.0
STOP_SECONDS = 20.0


class Terminal:
    """One `scripts/run` and what it printed."""

    def __init__(self, home: Path, port: int, **settings: str) -> None:
        self.home = home
        self.port = port
        self._output = home.with_suffix(".out")
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        with open(self._output, "wb") as output:
            self.process = subprocess.Popen(
                [ROOT / "scripts" / "run"],
                env={**clean, "JAGA_HOME": str(home), "PORT": str(port), **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.family: list[psutil.Process] = []

    @property
    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    @property
    def facts(self) -> dict[str, Any]:
        """run.json."""
        facts: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        return facts

    def await_ready(self) -> float:
        """Wait for the ready line; returns the seconds it took."""
        began = time.monotonic()
        ready = f"Jaga is ready: http://127.0.0.1:{self.port}"
        self.until(lambda: ready in self.lines or self.process.poll() is not None, START_SECONDS)
        assert ready in self.lines, "\n".join(self.lines)
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return time.monotonic() - began

    def end(self, signum: signal.Signals) -> int:
        self.process.send_signal(signum)
        return self.process.wait(STOP_SECONDS)

    def await_nobody(self) -> None:
        """Wait until none of its processes is left."""
        self.until(lambda: not self.left(), STOP_SECONDS)

    def left(self) -> list[str]:
        """Who of its family still runs."""
        found = []
        for member in self.family:
            with contextlib.suppress(psutil.NoSuchProcess):
                if member.is_running() and member.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{member.pid} {member.name()}")
        return found

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "\n".join([*self.left(), *self.lines])
            time.sleep(0.02)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One that is ready, and that a test leaves so: to start one takes six seconds of a core."""
    run = Terminal(tmp_path_factory.mktemp("running") / "home", free_port())
    run.await_ready()
    yield run
    if run.process.poll() is None:
        assert run.end(signal.SIGTERM) == 0
        assert run.left() == []


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(home: str = "home", port: int | None = None, **settings: str) -> Terminal:
        opened.append(Terminal(tmp_path / home, port or free_port(), **settings))
        return opened[-1]

    yield start
    for terminal in opened:
        if terminal.process.poll() is None:
            terminal.end(signal.SIGTERM)


@pytest.mark.timing  # CONTRACT §1: a second start is ready in under 5 s
@pytest.mark.timeout(180)
def test_a_fresh_home_gets_ready_describes_itself_and_is_left_clean(
    terminal: Callable[..., Terminal],
) -> None:
    first = terminal()
    print(f"first start: {first.await_ready():.2f} s")
    run_file = first.home / "run.json"
    facts = first.facts
    assert stat.S_IMODE(run_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.home.stat().st_mode) == 0o700
    assert facts["url"] == f"http://127.0.0.1:{first.port}"
    assert _get(f"{facts['router']['control_url']}/state") == 200
    assert facts["env"]["JAGA_ENV"] == "dev"
    assert facts["env"]["SECRET_KEY"] == (first.home / "secret_key").read_text()

    assert _get(f"{facts['url']}/readyz") == 200
    with redis.Redis.from_url(facts["redis_url"]) as connection:
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
    with psycopg.connect(facts["database_url"]) as postgres:
        assert postgres.execute("SELECT count(*) > 0 FROM schema_migration").fetchone() == (True,)
    smtp_port = int(facts["smtp_url"].rsplit(":", 1)[1])
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as mail:
        mail.sendmail("jaga@jaga.test", "budi@jaga.test", "Subject: Halo\n\nHalo\n")
    mails = [mail.read_text() for mail in Path(facts["mail_dir"]).glob("*.eml")]
    assert len([mail for mail in mails if "Subject: Halo" in mail]) == 1
    assert Path(facts["messages_dir"]).is_dir()
    assert set(facts["pids"].values()) <= {member.pid for member in first.family}
    for role in ("admin", "member", "teacher"):
        account = facts["accounts"][role]
        assert any(account["email"] in line and account["password"] in line for line in first.lines)
        assert _logs_in(facts["url"], account["email"], account["password"])

    assert first.lines[-1].startswith("Jaga is ready") or "|" in first.lines[-1]
    assert first.end(signal.SIGTERM) == 0
    assert first.left() == []
    assert not run_file.exists()

    second = terminal(port=first.port)
    took = second.await_ready()
    print(f"second start: {took:.2f} s")
    assert took < 5
    assert second.facts["env"]["SECRET_KEY"] == facts["env"]["SECRET_KEY"]
    assert second.end(signal.SIGINT) == 0
    assert second.left() == []


@pytest.mark.timeout(180)
def test_two_runs_beside_each_other_do_not_meet(
    running: Terminal, terminal: Callable[..., Terminal]
) -> None:
    other = terminal("other")
    other.await_ready()
    for name in ("redis_url", "database_url", "smtp_url", "url"):
        assert running.facts[name] != other.facts[name]
    assert other.end(signal.SIGTERM) == 0
    assert other.left() == []
    assert _get(f"{running.facts['url']}/readyz") == 200


@pytest.mark.timeout(180)
def test_a_killed_run_takes_everybody_along_and_the_next_one_starts(
    terminal: Callable[..., Terminal],
) -> None:
    killed = terminal()
    killed.await_ready()
    _keep_the_worker_busy(killed)
    killed.family = psutil.Process(killed.process.pid).children(recursive=True)
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    again = terminal(port=killed.port)
    again.await_ready()
    assert "Waiting until the processes of the last run have stopped." in again.lines
    assert killed.left() == []
    assert (killed.home / "run.json").exists()
    assert _logs_in(again.facts["url"], "member@jaga.test", "jaga-member")
    assert again.end(signal.SIGTERM) == 0


@pytest.mark.timeout(180)
def test_a_part_that_dies_comes_back_at_its_address_with_its_data(running: Terminal) -> None:
    before = running.facts
    time.sleep(1.2)  # appendfsync everysec: what the seed wrote is on disk after this.
    for name in ("redis", "postgres", "mail"):
        os.kill(before["pids"][name], signal.SIGKILL)
    running.until(
        lambda: all(
            running.facts["pids"][name] != before["pids"][name]
            for name in ("redis", "postgres", "mail")
        ),
        30,
    )
    after = running.facts
    assert {**after, "pids": None} == {**before, "pids": None}
    running.until(lambda: _get(f"{after['url']}/readyz") == 200, 30)
    assert _logs_in(after["url"], "member@jaga.test", "jaga-member")
    running.family = psutil.Process(running.process.pid).children(recursive=True)


@pytest.mark.timeout(180)
def test_a_process_of_ours_that_dies_stops_everything_with_a_line(
    terminal: Callable[..., Terminal],
) -> None:
    run = terminal()
    run.await_ready()
    os.kill(run.facts["pids"]["worker"], signal.SIGKILL)
    assert run.process.wait(STOP_SECONDS) == 1
    assert "worker ended with SIGKILL: stopping everything." in run.lines
    run.await_nobody()


@pytest.mark.timeout(180)
def test_a_second_signal_ends_the_patience(terminal: Callable[..., Terminal]) -> None:
    run = terminal()
    run.await_ready()
    _keep_the_worker_busy(run)
    run.family = psutil.Process(run.process.pid).children(recursive=True)
    run.process.send_signal(signal.SIGTERM)
    run.until(lambda: any("stopping" in line for line in run.lines), 5)
    time.sleep(0.5)
    assert run.process.poll() is None  # It waits for the job.
    began = Stopwatch()
    assert run.end(signal.SIGTERM) == 0
    assert began.seconds < 4
    assert run.left() == []


def test_an_argument_is_answered_with_the_usage() -> None:
    for argument, status in (("--help", 0), ("web", 2)):
        answer = subprocess.run(
            [ROOT / "scripts" / "run", argument], capture_output=True, text=True, timeout=30
        )
        assert answer.returncode == status
        assert "PORT=8001 JAGA_HOME=var-two scripts/run" in answer.stdout


def test_a_taken_port_is_one_line(terminal: Callable[..., Terminal]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = terminal(port=port)
        assert run.process.wait(START_SECONDS) == 1
    assert len(run.lines) == 1
    assert run.lines[0].startswith(f"Jaga could not start: port {port} is taken")


def test_a_setting_that_cannot_be_used_is_one_line(terminal: Callable[..., Terminal]) -> None:
    run = terminal(GRACE_SECONDS="soon")
    assert run.process.wait(START_SECONDS) == 1
    assert run.lines == ["Jaga could not start: GRACE_SECONDS is 'soon': it must be a number"]
    assert not run.home.exists()


@pytest.mark.timeout(180)
def test_a_home_in_use_is_refused_and_left_alone(running: Terminal) -> None:
    second = Terminal(running.home, free_port())
    assert second.process.wait(START_SECONDS) == 1
    assert "is using" in second.lines[-1]
    assert _get(f"{running.facts['url']}/readyz") == 200


@pytest.mark.timeout(180)
def test_a_stop_in_the_middle_of_the_start_leaves_nobody(
    terminal: Callable[..., Terminal],
) -> None:
    for wait in (0.1, 0.3, 0.6):
        run = terminal(f"home-{wait}")
        run.until((run.home / "lock").exists, START_SECONDS)
        time.sleep(wait)
        run.family = psutil.Process(run.process.pid).children(recursive=True)
        assert run.end(signal.SIGTERM) == 0
        assert run.left() == []
        assert not (run.home / "run.json").exists()


@pytest.mark.timeout(180)
def test_what_is_set_replaces_the_embedded_part(
    terminal: Callable[..., Terminal], redis_url: str, database_url: str
) -> None:
    run = terminal(REDIS_URL=redis_url, DATABASE_URL=database_url, SMTP_URL="smtp://127.0.0.1:9")
    run.await_ready()
    facts = run.facts
    assert (facts["redis_url"], facts["database_url"]) == (redis_url, database_url)
    assert [facts["pids"][name] for name in ("redis", "postgres", "mail")] == [None, None, None]
    assert not (run.home / "redis").exists() and not (run.home / "postgres").exists()
    assert _logs_in(facts["url"], "member@jaga.test", "jaga-member")
    assert run.end(signal.SIGTERM) == 0
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.ping()


@pytest.mark.timeout(180)
def test_another_process_can_be_started_beside_a_run(running: Terminal) -> None:
    port = free_port()
    beside = subprocess.Popen(
        [ROOT / ".venv" / "bin" / "python", "-m", "realtime"],
        cwd=ROOT,
        env={**os.environ, **running.facts["env"], "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running.until(lambda: _get(f"http://127.0.0.1:{port}/readyz") == 200, 30)
    finally:
        beside.terminate()
        beside.wait(STOP_SECONDS)


def _keep_the_worker_busy(run: Terminal) -> None:
    with redis.Redis.from_url(run.facts["redis_url"]) as connection:
        work = rq.Queue("urgent", connection=connection, serializer=JSONSerializer)
        job = work.enqueue("time.sleep", 60)
        run.until(lambda: job.get_status() == JobStatus.STARTED, 20)


def _get(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
            status: int = response.status
            return status
    except OSError:
        return None


def _logs_in(url: str, email: str, password: str) -> bool:
    body = f"username={email}&password={password}&action=keep".encode()
    with urllib.request.urlopen(f"{url}/auth/authenticate", body, timeout=10) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
        return bool(answer["status"] == "successful")
