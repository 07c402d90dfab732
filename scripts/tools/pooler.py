"""Finds pgbouncer for the tests of a pooler before Postgres, and brings it where root may."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.tools import debian

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
    for command in (debian.UPDATE, debian.installing("pgbouncer")):
        debian.attempt(command)
