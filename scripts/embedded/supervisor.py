"""Starts processes and ends them, with all they started, however we ourselves come to an end.

Every child leads a session of its own, so a Ctrl-C in the terminal reaches only us and we decide
the order of stopping. A second process, the guardian, holds the other end of a pipe: when we are
killed without a chance to clean up, the pipe closes and the guardian ends what we left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from scripts.embedded.family import Family

GUARDIAN_STOP_SECONDS = 10.0
"""How long the guardian may take to see that nothing is left to do: mostly the start of Python."""


class StartError(Exception):
    """Something could not be started; the text is for the person at the terminal."""


class Process(Protocol):
    """What a Child needs of a `subprocess.Popen`."""

    pid: int
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, signum: int, /) -> None: ...


class Child:
    """One process started by us.

    `pid` and `name` say which, `log` is the file with its output if there is one. A line it prints
    goes to `on_line`; `on_exit` is called once, from a thread of ours.
    """

    def __init__(
        self,
        name: str,
        process: Process,
        *,
        log: Path | None,
        stop_signal: signal.Signals,
        on_line: Callable[[bytes], None] | None,
        on_exit: Callable[[Child], None],
        is_on_trial: bool,
    ) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self._process = process
        self._stop_signal = stop_signal
        self._on_line = on_line
        self._on_exit = on_exit
        self.is_ended_by_us = False
        self.is_on_trial = is_on_trial
        """Whether who started it still looks whether it comes up, and is to hear of its end."""

        threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True).start()

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Return how it ended; raises TimeoutError when it still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {seconds:g} s") from None

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the process alone; nothing happens when it has ended."""
        self._process.send_signal(signum)

    def end(self, within: float) -> None:
        """Ask it to stop, wait up to `within` seconds, then kill what is left of its family."""
        self.is_ended_by_us = True
        family = Family.of(self.pid)
        self.send(self._stop_signal)
        self.send(signal.SIGCONT)  # A paused process would sleep through its own end.
        try:
            self.wait(within)
        except TimeoutError:
            self.send(signal.SIGKILL)
            self.wait(within)
        family.kill()

    def _watch(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                if self._on_line is not None:
                    self._on_line(line)
            self._process.stdout.close()
        self._process.wait()
        self._on_exit(self)


class Supervisor:
    """Starts children and makes sure that none outlives it; a context manager."""

    def __init__(
        self,
        *,
        run_file: Path | None = None,
        keep_open: Sequence[int] = (),
        on_exit: Callable[[Child], None] | None = None,
        popen: Callable[..., Process] = subprocess.Popen,
    ) -> None:
        """`run_file` is removed at the end, also by the guardian.

        The guardian inherits the descriptors `keep_open`: a lock among them is held until the
        last child is gone, even when we are not there any more to hold it. `on_exit` is called,
        from a thread of ours, for every child that ended without having been asked to. `popen`
        starts one: a fork server may.
        """
        self._run_file = run_file
        self._on_exit = on_exit
        self._popen = popen
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._ending = False
        command = [sys.executable, "-m", "scripts.embedded.guardian"]
        self._guardian = subprocess.Popen(
            command if run_file is None else [*command, str(run_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
            pass_fds=keep_open,
        )

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        on_line: Callable[[bytes], None] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        is_on_trial: bool = False,
    ) -> Child:
        """Start `command` and return its Child; raises StartError when it cannot be started.

        Its output goes to `on_line`, line by line, or into the file `log`, or nowhere. While a
        child is on trial nobody but its starter is told that it ended.
        """
        output = subprocess.DEVNULL if log is None else _open_log(log)
        try:
            with self._lock:
                if self._ending:
                    raise StartError(f"{name} was not started: everything is being stopped")
                process = self._popen(
                    [str(word) for word in command],
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if on_line is not None else output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._tell_guardian(f"+{process.pid}")
                child = Child(
                    name,
                    process,
                    log=log,
                    stop_signal=stop_signal,
                    on_line=on_line,
                    on_exit=self._forget,
                    is_on_trial=is_on_trial,
                )
                self._children.append(child)
                return child
        except OSError as error:
            raise StartError(f"{name} could not be started: {error}") from error
        finally:
            if output != subprocess.DEVNULL:
                os.close(output)

    def end(self, children: Sequence[Child], within: float) -> None:
        """Stop several children at the same time, each within `within` seconds."""
        threads = [threading.Thread(target=child.end, args=(within,)) for child in children]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def refuse_new(self) -> None:
        """Start nothing from now on, whoever asks: the first step of an orderly end."""
        with self._lock:
            self._ending = True

    def kill(self) -> None:
        """End every child at once: SIGKILL."""
        for child in list(self._children):
            child.send(signal.SIGKILL)

    def close(self, within: float = 5.0) -> None:
        """End every child that still runs, the run file and the guardian."""
        self.refuse_new()
        self.end(list(self._children), within)
        if self._run_file is not None:
            self._run_file.unlink(missing_ok=True)
        self._guardian.communicate(timeout=GUARDIAN_STOP_SECONDS)

    def _forget(self, child: Child) -> None:
        with self._lock:
            self._children = [other for other in self._children if other is not child]
            self._tell_guardian(f"-{child.pid}")
        if self._on_exit is not None and not (child.is_ended_by_us or child.is_on_trial):
            self._on_exit(child)

    def _tell_guardian(self, line: str) -> None:
        pipe = self._guardian.stdin
        if pipe is None or pipe.closed or self._guardian.poll() is not None:
            return
        try:
            pipe.write(f"{line}\n".encode())
            pipe.flush()
        except BrokenPipeError:
            # Somebody killed the guardian: we go on without the safety net.
            return


def wait_until(
    ready: Callable[[], bool], child: Child, seconds: float, *, log: Path | None = None
) -> None:
    """Wait until `ready()`, asking every 20 ms.

    Raises StartError with the end of `log` when `child` ends first or `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if child.returncode is not None:
            raise StartError(f"{child.name} ended with {child.returncode}{last_lines(log)}")
        if time.monotonic() > deadline:
            raise StartError(f"{child.name} is not ready after {seconds:g} s{last_lines(log)}")
        time.sleep(0.02)


def last_lines(log: Path | None, count: int = 15) -> str:
    """The end of a log, each line indented below what was said before; empty without a log."""
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return ":" + "".join(f"\n    {line}" for line in lines) if lines else ""


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
