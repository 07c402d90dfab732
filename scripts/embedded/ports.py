"""Ports for what runs on this machine, below those that the system gives to clients.

A client that connects is given any port of the system's range for the whole time it is connected;
a server that chose one there may find it taken a moment later.
"""

from __future__ import annotations

import random
import socket
from collections import deque
from pathlib import Path

LOWEST = 10_000
"""Below it people run things of their own: 3000, 5432, 6379, 8000, 8080, 9090."""

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

USUAL_START = 32_768
"""Where that range begins on Linux, unless somebody has set it; above it on other systems."""

LEAST_ROOM = 1_000
TRIES = 200

_chance = random.SystemRandom()
"""Not the module's own, which tests seed alike in every process."""

_given: deque[int] = deque(maxlen=1_000)
"""What was given here and may not be listened on yet."""


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on right now, taken at random, so that two
    processes that ask at the same time are given different ones."""
    end = start_of_clients()
    for _ in range(TRIES):
        if end - LOWEST < LEAST_ROOM:
            break  # somebody has given nearly all ports to clients
        port = _chance.randrange(LOWEST, end)
        if port not in _given and is_free(port):
            _given.append(port)
            return port
    return _any_port()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now; old connections in TIME_WAIT do not matter."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
        return True


def answers_at(port: int) -> bool:
    """Whether somebody listens there and takes a connection."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def start_of_clients() -> int:
    """The first port that the system gives to clients."""
    try:
        return int(RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_START


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
