"""Finds pgbouncer for the tests of a pooler before Postgres, and brings it where root may."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

INSTALL_SECONDS = 300.0

ADVICE = "no pgbouncer: install your system's package `pgbouncer`, or run scripts/test as root"


def find() -> Path | None:
    """Return the program, None when there is none."""
    places = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    found = shutil.which("pgbouncer", path=places)
    return Path(found) if found else None


def bring() -> None:
    """Install it from the distribution unless it is there; without it, its tests say so."""
    if find() is not None or os.geteuid() != 0:
        return
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    for command in (
        [*apt, "update"],
        [*apt, "install", "-y", "--no-install-recommends", "pgbouncer"],
    ):
        try:
            subprocess.run(
                command,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                timeout=INSTALL_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{ADVICE} ({error})", flush=True)
            return
