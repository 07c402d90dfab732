"""Debian's packages, for what the tests need and pip does not have. Only root may install them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

INSTALL_SECONDS = 900.0
"""Some 400 MB for a Chromium with its libraries, over a slow line."""

APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")
UPDATE = [*APT, "update"]


def installing(*packages: str) -> list[str]:
    """Return the command that installs packages."""
    return [*APT, "install", "-y", "--no-install-recommends", *packages]


def attempt(command: Sequence[str]) -> None:
    """Run a command; a failure is shown and no more, for whoever asked looks for himself whether
    the program is there now."""
    try:
        subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"That did not work: {error}", flush=True)


PROGRAMS = ("pgbouncer", "nginx")
"""What tests put before Postgres and before the server; each is in the package of its name."""


def find(program: str) -> Path | None:
    """Return a program of PROGRAMS, None when it is not there."""
    places = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    found = shutil.which(program, path=places)
    return Path(found) if found else None


def advice(program: str) -> str:
    """Return what to do when it is not there."""
    return f"no {program}: install your system's package `{program}`, or run scripts/test as root"


def bring() -> None:
    """Install what is missing of PROGRAMS; without one, its tests say so."""
    missing = [program for program in PROGRAMS if find(program) is None]
    if not missing or os.geteuid() != 0:
        return
    for command in (UPDATE, installing(*missing)):
        attempt(command)
