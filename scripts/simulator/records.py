"""What the hotspot keeps in memory: the clock, devices, and the rows that are made of what happens.

No rules: those are in `hotspot`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from scripts.simulator.tables import Row


class Clock:
    """The router's time: it runs with ours, and can be moved on."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic() + self._ahead

    def wall(self) -> float:
        """Unix seconds as the router would say."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._ahead += seconds


@dataclass(frozen=True)
class Packet:
    """What a device sent and was answered, and whether it passed."""

    bytes_in: int
    bytes_out: int
    passed: bool
    at: float


@dataclass
class Device:
    """A phone or laptop in the air, whether or not the router knows it at the moment."""

    mac: str
    ip: str
    present: bool = True
    http_cookie: str = ""
    """The user whose login its browser remembers."""

    last: Packet | None = None
    """What it sent last."""


@dataclass
class Host:
    """A row of `/ip/hotspot/host`."""

    id: str
    mac: str
    address: str
    verdict: str
    """What the matching binding said when the row appeared: regular, bypassed or blocked."""

    since: float
    seen: float
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass
class Session:
    """A row of `/ip/hotspot/active`; `profile` is the user's as it was at login."""

    id: str
    user: str
    mac: str
    address: str
    login_by: str
    profile: Row
    since: float
    bytes_in: int = 0
    bytes_out: int = 0
    listed: str = ""
    """Id of its dynamic address-list row."""


@dataclass
class Cookie:
    """A row of `/ip/hotspot/cookie`."""

    id: str
    user: str
    mac: str
    expires: float
    is_mac: bool


@dataclass
class Usage:
    """What a user has used over all sessions."""

    bytes_in: int = 0
    bytes_out: int = 0
    uptime: float = 0.0
