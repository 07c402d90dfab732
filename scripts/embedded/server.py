"""What the embedded servers share: a process of ours on free ports of the loopback.

Its ports are chosen when it is made. Where somebody else has taken one by the time it starts, it
takes others; once it has been up they are its address, over `kill` and `start`.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from scripts.embedded.ports import free_port, is_free
from scripts.embedded.supervisor import Child, StartError, Supervisor, wait_until

TRIES = 5
"""How often a start may lose its ports to somebody else; once is rare."""


class Server:
    """One server; `child` is its process while there is one."""

    name = ""
    start_seconds = 30.0
    stop_seconds = 5.0
    stop_signal = signal.SIGTERM

    def __init__(self, supervisor: Supervisor, log: Path, ports: int = 1) -> None:
        self.child: Child | None = None
        self.log = log
        self.ports = [free_port() for _ in range(ports)]
        self._supervisor = supervisor
        self._has_been_up = False

    @property
    def port(self) -> int:
        """The first of its ports."""
        return self.ports[0]

    def start(self) -> None:
        """Start it and wait until it answers; raises StartError."""
        tries = 1 if self._has_been_up else TRIES
        while True:
            try:
                self._start()
                break
            except StartError:
                self.stop()
                tries -= 1
                if not tries or all(map(is_free, self.ports)):
                    raise
                self.ports = [free_port() for _ in self.ports]
        self._has_been_up = True

    def stop(self) -> None:
        """Let it end in its orderly way, with what it holds."""
        if self.child is not None:
            self.child.end(self.stop_seconds)
            self.child = None

    def kill(self) -> None:
        """End it at once, as a power cut would: SIGKILL."""
        if self.child is not None:
            self.child.send(signal.SIGKILL)
            self.child.wait(self.stop_seconds)
            self.child = None

    def pause(self) -> None:
        """Freeze it, until `resume`: sessions already open stay, and nothing answers."""
        if self.child is not None:
            self.child.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self.child is not None:
            self.child.send(signal.SIGCONT)

    # What each of them says

    def prepare(self) -> None:
        """Make ready what the command needs. Raises StartError."""

    def command(self) -> Sequence[str | Path]:
        """The words that start it on `ports`."""
        raise NotImplementedError

    def directory_to_run_in(self) -> Path:
        """Where it works."""
        return Path(__file__).parents[2]

    def answers(self) -> bool:
        """Whether somebody answers at its address."""
        raise NotImplementedError

    def _start(self) -> None:
        self.prepare()
        child = self._supervisor.start(
            self.name,
            self.command(),
            cwd=self.directory_to_run_in(),
            log=self.log,
            stop_signal=self.stop_signal,
            is_on_trial=True,
        )
        self.child = child
        wait_until(lambda: self._is_up(child), child, self.start_seconds, log=self.log)
        child.is_on_trial = False

    def _is_up(self, child: Child) -> bool:
        """Another server may answer where ours could not listen: then it is not ours that is up."""
        return self.answers() and set(self.ports) <= _heard_by(child.pid)


def _heard_by(pid: int) -> set[int]:
    """The ports that a process listens on; none when it is gone."""
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return set()
    return {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
