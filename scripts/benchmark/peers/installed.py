"""Where peers are installed, and what to say when one is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLACE = ROOT / "var" / "peers"
"""A virtualenv, with node_modules in it as well."""

PYTHON = (
    "python3 -m venv var/peers && "
    "var/peers/bin/pip install -r scripts/benchmark/peers/requirements.txt"
)
NODE = "npm install --prefix var/peers socket.io@4.8.4 ioredis@6.0.0"
DEBIAN = "apt install nginx-light libnginx-mod-nchan"

LOOK_SECONDS = 20


class NotInstalled(Exception):
    """A peer cannot be run here; the text is the command that changes that."""


def python_with(package: str) -> Path:
    """Return the Python of the peers. Raises NotInstalled when it lacks the package."""
    python = PLACE / "bin" / "python"
    if not python.exists() or not _succeeds(python, "-c", f"import {package}, redis"):
        raise NotInstalled(PYTHON)
    return python


def node() -> tuple[Path, Path]:
    """Return node and the modules of the peers. Raises NotInstalled."""
    program, modules = shutil.which("node"), PLACE / "node_modules"
    if not program or not (modules / "socket.io").exists() or not (modules / "ioredis").exists():
        raise NotInstalled(NODE)
    return Path(program), modules


def nginx() -> tuple[Path, Path]:
    """Return nginx and Debian's Nchan module. Raises NotInstalled."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    if not program or not module.exists():
        raise NotInstalled(DEBIAN)
    return Path(program), module


def _succeeds(*command: str | Path) -> bool:
    done = subprocess.run(command, capture_output=True, timeout=LOOK_SECONDS, check=False)
    return done.returncode == 0
