"""Starts programs of the product without the second that their imports take a processor.

A fork server has imported what the product is made of. It forks for each start; the child then
runs its module as `python -m` does, with a session, an environment, a folder and an output of its
own: a process like any other, to be killed, stopped and waited for. That the programs also start
from nothing is what tests/scripts/test_run.py shows.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from jinja2 import BytecodeCache, Environment

ROOT = Path(__file__).resolve().parents[1]

IMPORTED = (
    "jobs.attendance",
    "jobs.hotspot",
    "jobs.mail",
    "jobs.messages",
    "jobs.payments",
    "jobs.persist",
    "jobs.retention",
    "realtime.server",
    "rq_scheduler",
    "store.logs",
)
"""No program itself: a module that is there already is not run again without a warning."""

MOST_BYTES = 1 << 17
"""A request holds an environment; more than the kernel takes in one datagram is an error there."""

START_SECONDS = 20.0
SECONDS_TO_END = 5.0


class ForkServer:
    """The server, as who uses it sees it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def popen(
        self, command: Sequence[str], *, stdout: int, env: Mapping[str, str] | None, **how: Any
    ) -> Forked | subprocess.Popen[bytes]:
        """Start a command as subprocess.Popen does: a module or a text of Python in a session of
        its own, which speaks with one voice, as a fork; everything else as it is."""
        if list(command[:1]) != [sys.executable] or command[1] not in ("-m", "-c"):
            return subprocess.Popen(command, stdout=stdout, env=env, **how)
        with ExitStack() as stack:
            silent = stack.enter_context(open(os.devnull, "r+b")).fileno()
            reads = None
            if stdout == subprocess.PIPE:
                reads, stdout = os.pipe()
                stack.callback(os.close, stdout)
            elif stdout == subprocess.DEVNULL:
                stdout = silent
            return self._fork(
                command[1:],
                (silent, stdout, stdout),
                env,
                how["cwd"],
                None if reads is None else open(reads, "rb"),
            )

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, typed: str = "", timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Have Python run (`-m` and a module, or `-c` and a text, and arguments) in the project's
        folder, with a terminal's input; returns how it ended and what it said."""
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
            files[0].write(typed)
            files[0].seek(0)
            fds = tuple(file.fileno() for file in files)
            process = self._fork(words, fds, env, ROOT)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(SECONDS_TO_END)
                raise
            for file in files[1:]:
                file.seek(0)
            said = [file.read() for file in files[1:]]
        return subprocess.CompletedProcess(words, code, *said)

    def _fork(
        self,
        words: Sequence[str],
        fds: tuple[int, ...],
        env: Mapping[str, str] | None,
        cwd: Path | None,
        stdout: IO[bytes] | None = None,
    ) -> Forked:
        ours, theirs = socket.socketpair()
        asked = {
            "words": list(words),
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
        }
        with theirs, self._lock:
            socket.send_fds(self._line, [json.dumps(asked).encode()], [theirs.fileno(), *fds])
        ours.settimeout(START_SECONDS)
        return Forked(int(ours.recv(32)), ours, stdout)

    def close(self) -> None:
        """End the server; what it started goes on."""
        self._line.close()
        self._process.wait(SECONDS_TO_END)


class Forked:
    """What is left of subprocess.Popen for a process that somebody else is the parent of."""

    def __init__(self, pid: int, line: socket.socket, stdout: IO[bytes] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._line = line
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return how it ended, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None and select.select([self._line], [], [], 0)[0]:
                # without a word the server is gone, and with it whoever knows
                self.returncode = int(self._line.recv(32) or -signal.SIGKILL)
                self._line.close()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with suppress(ValueError, OSError):  # another thread has just read and closed it
                select.select([self._line], [], [], left)
        return code

    def send_signal(self, signum: int) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)


def _serve(line: socket.socket) -> dict[str, Any]:
    """Fork for each request until nobody asks any more; returns, in the child, what it is to be."""
    awake, wakes = socket.socketpair()
    for end in (awake, wakes):
        end.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready = select.select([line, awake], [], [])[0]
        if awake in ready:
            awake.recv(64)
            _tell_ends(running)
        if line not in ready:
            continue
        text, fds, _flags, _address = socket.recv_fds(line, MOST_BYTES, 4)
        if not text:
            sys.exit()
        if pid := os.fork():
            for fd in fds[1:]:
                os.close(fd)
            running[pid] = socket.socket(fileno=fds[0])
            running[pid].send(str(pid).encode())
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (line, awake, wakes, *running.values()):
            end.close()
        os.close(fds[0])
        return {**json.loads(text), "fds": fds[1:]}


def _tell_ends(running: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with running.pop(ended[0]) as line, suppress(OSError):  # nobody may care any more
                line.send(str(os.waitstatus_to_exitcode(ended[1])).encode())


def _become(asked: dict[str, Any]) -> None:
    os.setsid()
    for at, fd in enumerate(asked["fds"]):
        os.dup2(fd, at)
        os.close(fd)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(asked["cwd"])
    kind, program, *arguments = asked["words"]
    sys.argv = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(compile(program, "<string>", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102


def _compile_templates(cache: BytecodeCache) -> None:
    """Half of what the start of a server costs when nothing is left to be imported."""
    pages: Any = importlib.import_module("web.pages")
    pages.Environment = partial(Environment, bytecode_cache=cache)
    pages.Pages()


def main() -> None:
    """Import, serve, and in each child go on as what was asked for."""
    line = socket.socket(fileno=int(sys.argv[1]))
    compiled = importlib.import_module("compiled")
    sys.path[0] = str(ROOT)
    for name in IMPORTED:
        importlib.import_module(name)
    _compile_templates(compiled.Compiled())
    gc.collect()
    gc.freeze()
    _become(_serve(line))


if __name__ == "__main__":
    main()
