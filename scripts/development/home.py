"""JAGA_HOME: the directory that holds everything a run keeps, for one run at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from scripts.embedded.supervisor import StartError

STOPPING_SECONDS = 20.0
"""How long the processes of a killed run may take to be gone: their guardian needs about 6 s."""


class Home:
    """The directory, its places, and the lock on it.

    `mail` and `messages` are where mails and messages land, `run_file` is run.json.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mail = path / "mail"
        self.messages = path / "messages"
        self.run_file = path / "run.json"
        self.lock = -1

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def open(self, say: Callable[[str], None]) -> None:
        """Make it, closed to other users, and take its lock; raises StartError.

        The lock is released when `lock` is closed here and in every process that inherited it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for place in (self.mail, self.messages):
                place.mkdir(exist_ok=True)
            self.lock = os.open(self / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"{self.path} cannot be used ({error.strerror}): choose another JAGA_HOME"
            ) from error
        self._take_lock(say)

    def secret_key(self) -> str:
        """The SECRET_KEY of this home, made at its first start."""
        file = self / "secret_key"
        file.touch(mode=0o600)
        if not file.read_text():
            file.write_text(secrets.token_urlsafe(48))
        return file.read_text()

    def _take_lock(self, say: Callable[[str], None]) -> None:
        deadline = time.monotonic() + STOPPING_SECONDS
        told = False
        while not self._locked():
            holder = int(os.pread(self.lock, 20, 0) or b"0")
            if psutil.pid_exists(holder) or time.monotonic() > deadline:
                raise StartError(
                    f"another scripts/run (process {holder}) is using {self.path}: stop it, or "
                    "choose another JAGA_HOME and another PORT"
                )
            if not told:
                say("Waiting until the processes of the last run have stopped.")
                told = True
            time.sleep(0.05)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
