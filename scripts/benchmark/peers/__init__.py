"""Other servers that do the same work, measured by the same clients in the same run.

Each is told through Redis what to push, and lets a tab in after looking its session up in Redis
(Nchan, which has no such check of its own, lets everybody in). What runs in them is their own
library's usual way; none of it is needed by the product.
"""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.machine import Cores
from scripts.benchmark.peers.nchan import Nchan
from scripts.benchmark.peers.scripted import Scripted
from scripts.benchmark.peers.socketio import SocketIO
from scripts.benchmark.subject import Subject
from scripts.embedded.supervisor import Supervisor

NAMES = ("nchan", "socketio", "starlette", "aiohttp", "tornado")


def make(name: str, supervisor: Supervisor, redis_url: str, cores: Cores, home: Path) -> Subject:
    """Return a peer that is ready to be started.

    Raises NotInstalled, whose text says how to install it.
    """
    match name:
        case "nchan":
            return Nchan(supervisor, redis_url, cores, home)
        case "socketio":
            return SocketIO(supervisor, redis_url, cores, home)
        case _:
            return Scripted.in_python(name, supervisor, redis_url, cores, home)
