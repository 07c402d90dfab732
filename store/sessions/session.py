"""What a session is: the records that pass between the scripts, the store and its users."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from store.ends import EXPIRY_REASONS
from store.errors import (
    SessionEnded,
    SessionExpired,
)

Kind = Literal["web", "mobile"]
Method = Literal["password", "qr", "mobile"]
Carrier = Literal["cookie", "bearer", "both"]
"""What carries a session: a browser's cookie, a program's bearer, or both, where a captive portal's
mini-browser may keep no cookies."""

_UUID_4 = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", re.I
)


@dataclass(frozen=True, slots=True)
class Device:
    """The browser or phone that asks: what it said of itself, and what we know it by.

    `id` is a digest of the member and the `jaga_device` cookie. `known` tells whether that cookie
    came with the request; without it the fingerprint decides (CONTRACT §4).
    """

    id: str
    name: str
    fp: str = ""
    ip: str = ""
    user_agent: str = ""
    browser_id: str = ""
    known: bool = True

    @property
    def is_hard_to_guess(self) -> bool:
        """Whether nobody else can name it: our cookie is random, a program's own `browser_id` only
        when it is a UUID v4."""
        return not self.browser_id or bool(_UUID_4.fullmatch(self.browser_id))

    @property
    def trace(self) -> str:
        """What it is recognised by for a moment when it has dropped its cookie."""
        return "~" + hashlib.sha256(f"{self.ip}|{self.user_agent}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Session:
    """One session as Redis keeps it. Times are unix milliseconds; None is a clock it lacks."""

    sid: str
    member: str
    kind: Kind
    method: Method
    device: str
    device_name: str
    fp: str
    ip: str
    epoch: int
    opened_at: int
    last_seen: int
    idle_ms: int | None
    cap_at: int | None
    remember_until: int | None
    generation: int | None

    @classmethod
    def from_json(cls, text: str) -> Session:
        """Read a record as the scripts write it."""
        record = json.loads(text)
        return cls(**{name: record.get(name) for name in cls.__slots__})

    @property
    def idle_at(self) -> int | None:
        """The moment up to which it lives without further activity."""
        return None if self.idle_ms is None else self.last_seen + self.idle_ms

    @property
    def next_clock(self) -> tuple[int, str] | None:
        """The nearest clock: its moment, and the reason it will give."""
        clocks = [(self.idle_at, "idle"), (self.cap_at, "absolute")]
        return min(((at, why) for at, why in clocks if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a session is no more: the public part of its tombstone."""

    sid: str
    member: str
    device: str
    reason: str
    kick_id: str
    at: int
    by: str
    drain_until: int
    same_browser: bool

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Ended:
        """Read a tombstone, or the data of a `session.ended` event."""
        return cls(
            sid=record["sid"],
            member=record["member"],
            device=record["device"],
            reason=record["reason"],
            kick_id=record["kick_id"],
            at=record.get("ended_at") or record["at"],
            by=record.get("by", ""),
            drain_until=record["drain_until"],
            same_browser=bool(record.get("same_browser")),
        )

    @property
    def is_expiry(self) -> bool:
        """Whether a clock ended it, not a person."""
        return self.reason in EXPIRY_REASONS

    def error(self) -> SessionEnded | SessionExpired:
        """Return what its bearer is answered."""
        if self.is_expiry:
            return SessionExpired(self.reason)
        return SessionEnded({"reason": self.reason, "kick_id": self.kick_id})


@dataclass(frozen=True, slots=True)
class CurrentSession:
    """A checked credential: the session, and of its member what a request needs."""

    session: Session
    username: str
    name: str
    email: str
    role: str
    must_change: bool
    draining: bool
    waits: bool
    """Whether nobody has approved the member yet: they may use the hotspot's portal only."""

    now: int

    @property
    def member(self) -> str:
        """Return the member's id."""
        return self.session.member


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just opened, the credential for it, and the session it put out (if any).

    `credential` is a cookie's value, or the bearer of a session that only a bearer carries;
    `bearer` is that bearer, or the second credential of one that both carry.
    """

    session: Session
    credential: str
    remember: str | None
    replaced: Session | None
    bearer: str = ""


@dataclass(frozen=True, slots=True)
class Logout:
    """One act that ended sessions: its id, and the sessions it ended."""

    id: str
    ended: list[Ended]


def new_id() -> str:
    """Return a random id of 16 hex characters: public, not a credential."""
    return secrets.token_hex(8)


def device_id(member: str, words: str) -> str:
    """Return a member's id for a device: a digest of both, so that members who share a device
    learn nothing of each other. `words` are its cookie, or `browser|` and the id it names."""
    return hashlib.sha256(f"{member}|{words}".encode()).hexdigest()[:24]


def digest(secret: str) -> str:
    """Return what is kept of a secret: SHA-256, which is enough for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
