"""Debian's packages, for what the tests need and pip does not have. Only root may install them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

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
