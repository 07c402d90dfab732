"""Sessions: who is logged in, on which device, until when; opened, checked and ended here only.

A member's sessions are one Redis hash, so that each change is one script on one key: the swap of
the web session, the block of an account, the expiry of a clock. What ends leaves a tombstone that
says why. A session's id is public; its secret is kept as a SHA-256 digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis

from store.errors import (
    EXPIRY_REASONS,
    AccountBlocked,
    LoginRefused,
    LoginSuperseded,
    SessionConflict,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
    Unavailable,
)
from store.keys import TOMBSTONE_SECONDS, Keys
from store.queue import Queue
from store.scripts import Script, SharedScript
from store.settings import Settings

log = logging.getLogger("jaga.sessions")

Kind = Literal["web", "mobile"]
Method = Literal["password", "qr", "mobile"]

TOUCH_AFTER_MS = 30_000
"""A fresher `last_seen` is left alone when a ping comes again (reference/sessions.md F1-9)."""

ROTATION_TOLERANCE_MS = 30_000
"""How long the token just used still answers with the same successor (CONTRACT §6)."""

RECEIPT_SECONDS = 3600


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
class Place:
    """A checked credential: the session, and of its member what a request needs."""

    session: Session
    username: str
    name: str
    email: str
    role: str
    must_change: bool
    draining: bool
    now: int

    @property
    def member(self) -> str:
        """Return the member's id."""
        return self.session.member


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just opened, the credential for it, and the session it put out (if any)."""

    session: Session
    credential: str
    remember: str | None
    replaced: Session | None


@dataclass(frozen=True, slots=True)
class Credential:
    """What a cookie or bearer says: `<member>.<sid>.<secret>`."""

    member: str
    sid: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Take it apart. Raises Unauthenticated when it has not the form."""
        parts = text.split(".")
        if len(text) > 200 or len(parts) != 3 or not all(_is_word(part) for part in parts):
            raise Unauthenticated()
        _require_id(parts[1])
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.member}.{self.sid}.{self.secret}"


class Sessions:
    """Every way a session may change."""

    def __init__(self, settings: Settings, redis: Redis, keys: Keys, queue: Queue) -> None:
        self._settings = settings
        self._redis = redis
        self._keys = keys
        self._queue = queue
        self._open = Script(redis, "session_open")
        self._check = SharedScript(redis, "session_check")
        self._look = Script(redis, "session_look")
        self._sweep = Script(redis, "session_sweep")
        self._holder = Script(redis, "session_holder")
        self._end = Script(redis, "session_end")
        self._rotate = Script(redis, "session_rotate")
        self._receipt = SharedScript(redis, "receipt_add")

    # Opening

    async def holder(self, member: str) -> tuple[Session | None, int]:
        """Return the live web session of a member, and the epoch it was seen at."""
        reply = await self._holder([self._keys.sessions(member), self._keys.built()], [])
        if reply[0] == "unbuilt":
            raise Unavailable()
        return (Session.from_json(reply[0]) if reply[0] else None), int(reply[1])

    async def open(
        self,
        member: str,
        device: Device,
        *,
        method: Method,
        keep: bool = False,
        remember: bool = False,
        ticket: str = "",
        bearer: bool | None = None,
    ) -> Opened:
        """Open a session for a member whose credentials were checked.

        A web session takes the member's one place: an older one is told `force_logout` at once
        and drains for GRACE_SECONDS. `ticket` is the digest of a ticket to consume. `bearer`
        asks for a pair of tokens in place of a credential for a cookie (a phone's by default).
        Raises SessionConflict when another device holds the place and neither `keep` nor a
        ticket's `keep` allows taking it, LoginRefused when that device has just said no,
        AccountBlocked, Unauthenticated (no such member).
        """
        kind: Kind = "mobile" if method == "mobile" else "web"
        secret = secrets.token_urlsafe(32)
        record = self._record(member, kind, method, device, secret, remember)
        if bearer or (bearer is None and kind == "mobile"):
            record |= self._family() | {"access_ms": self._settings.access_token_seconds * 1000}
        reply = await self._open(
            [*self.keys_of(member), self._keys.built(), self._keys.ticket(member, ticket)],
            [
                json.dumps(record),
                int(keep),
                int(not device.known),
                int(self._settings.grace_seconds * 1000),
                new_id(),
                "" if device.known else device.trace,
            ],
        )
        return self._opened(reply, secret)

    def _record(
        self,
        member: str,
        kind: Kind,
        method: Method,
        device: Device,
        secret: str,
        remember: bool,
    ) -> dict[str, Any]:
        """The new record, without what only the script can know (epoch, moments)."""
        record: dict[str, Any] = {
            "sid": new_id(),
            "member": member,
            "kind": kind,
            "method": method,
            "device": device.id,
            "device_name": device.name,
            "fp": device.fp,
            "ip": device.ip,
            "user_agent": device.user_agent[:256],
            "browser_id": device.browser_id,
            "secret": digest(secret),
        }
        record |= self._clocks(method)
        if remember and kind == "web":
            record |= self._family()
            record["remember_ms"] = self._settings.session_remember_seconds * 1000
        return record

    def _family(self) -> dict[str, Any]:
        """The first generation of a long-lived token, and what all of them are derived from."""
        return {"generation": 1, "rotated_at": 0, "seed": secrets.token_urlsafe(16)}

    def _clocks(self, method: Method) -> dict[str, int]:
        """The clocks of a login method (CONTRACT §5)."""
        settings = self._settings
        if method == "password":
            return {
                "idle_ms": settings.session_idle_seconds * 1000,
                "lifetime_ms": settings.session_lifetime_seconds * 1000,
            }
        if method == "qr":
            return {"idle_ms": settings.web_session_ttl_days * 86_400_000}
        return {}

    def _opened(self, reply: list[Any], secret: str) -> Opened:
        if reply[0] == "conflict":
            raise SessionConflict()
        if reply[0] == "denied":
            raise LoginRefused()
        if reply[0] == "refused":
            raise AccountBlocked(str(reply[1]))
        if reply[0] == "gone":
            raise Unauthenticated()
        if reply[0] == "unbuilt":
            raise Unavailable()
        self._queue.wake_persist()
        session = Session.from_json(reply[1])
        return Opened(
            session=session,
            credential=str(Credential(session.member, session.sid, secret)),
            remember=self._long_token(json.loads(reply[1])),
            replaced=Session.from_json(reply[2]) if reply[2] else None,
        )

    async def settle(self, opened: Opened) -> None:
        """Wait until a replaced web session was told and its grace is over, so that the outside
        sees the documented order. Raises LoginSuperseded when a later login took the place."""
        if opened.replaced is None or opened.session.kind != "web":
            return
        await asyncio.sleep(self._settings.grace_seconds)
        try:
            await self.confirm(opened.session)
        except LoginSuperseded:
            log.info("login superseded sid=%s", opened.session.sid)
            raise

    async def confirm(self, session: Session) -> None:
        """Check, after the grace, that a web session still has the place.

        Raises LoginSuperseded when a later login took it meanwhile.
        """
        holder = await self._redis.hget(self._keys.sessions(session.member), "web")
        if holder != session.sid:
            raise LoginSuperseded()

    # Checking

    async def check(self, text: str, *, touch: bool, sparing: bool = False) -> Place:
        """Return the place that a cookie or bearer stands for.

        `touch` counts the request as activity; `sparing` leaves a `last_seen` of the last
        30 s alone (the ping). A draining session is returned as such: it may read, and nothing
        else. Raises Unauthenticated, SessionEnded, SessionExpired, Unavailable.
        """
        credential = Credential.parse(text)
        reply = await self._check(
            [*self.keys_of(credential.member), self._keys.built()],
            [credential.sid, digest(credential.secret), int(touch), self._touch_after(sparing)],
        )
        return _place_of(reply)

    def _touch_after(self, sparing: bool) -> int:
        """With a very short idle limit a twentieth of it, so that a ping still counts."""
        return min(TOUCH_AFTER_MS, self._settings.session_idle_seconds * 50) if sparing else 0

    async def look(self, member: str, sid: str) -> Session | Ended | None:
        """Return what became of a session, by its id: for those who hold its connections."""
        reply = await self._look(self.keys_of(member), [sid, member])
        if reply[0] == "live":
            return Session.from_json(reply[1])
        return Ended.from_record(json.loads(reply[1])) if reply[0] == "ended" else None

    async def suspects(self, places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return those of `(member, sid)` that are gone or past a clock: for the sweep."""
        keys = [self._keys.sessions(member) for member, _ in places]
        found = await self._sweep(keys, [sid for _, sid in places])
        return [places[place - 1] for place in found]

    async def expire_due(self, most: int = 500) -> int:
        """End sessions whose clock has run out while nobody looked; returns how many were due."""
        now = int(time.time() * 1000)
        due = await self._redis.zrangebyscore(self._keys.clocks(), 0, now, start=0, num=most)
        for entry in due:
            member, _, sid = str(entry).partition(":")
            await self.look(member, sid)
        if due:
            self._queue.wake_persist()
        return len(due)

    # Ending

    async def end(
        self, member: str, which: str, *, reason: str, by: str, keep: str = "", status: str = ""
    ) -> Kick:
        """End sessions of a member.

        `which` is a sid, or `web`, `mobile`, `all`; `keep` is a sid that stays. With `status`
        the member gets it in the same step, so that nobody logs in between. Returns the kick.
        """
        kick_id = new_id()
        tombs = await self._end(self.keys_of(member), [which, keep, reason, kick_id, by, 0, status])
        if tombs == ["gone"]:
            return Kick(kick_id, [])
        if tombs or status:
            self._queue.wake_persist()
        return Kick(kick_id, [Ended.from_record(json.loads(tomb)) for tomb in tombs])

    async def leave(self, text: str) -> Kick | None:
        """End only the session that this cookie stands for; a dead or odd one ends nothing."""
        try:
            place = await self.check(text, touch=False)
        except (SessionEnded, SessionExpired, Unauthenticated):
            return None
        if place.draining:
            return None
        return await self.end(
            place.member, place.session.sid, reason="logged_out", by=place.session.device_name
        )

    # Long-lived tokens: the remember cookie, the refresh token

    async def rotate(self, text: str, device_id: str, trace: str = "") -> Opened:
        """Turn a remember cookie or refresh token: a new credential, and its own successor.

        Takes the device the request comes from: another one's remember cookie opens nothing.
        `trace` is what the client of a refresh token is recognised by: for 30 s the same one gets
        the same successor again. Any other use of a token that was used ends its whole family.
        Raises SessionExpired (`remember` and the other clocks), SessionEnded, Unauthenticated.
        """
        member, sid, generation, seed = await self._authentic(text)
        # derived, not drawn: several tabs that present one token at once get one successor
        secret = self._mac("secret", member, sid, str(generation + 1), seed)
        reply = await self._rotate(
            self.keys_of(member),
            [
                sid,
                generation,
                device_id,
                ROTATION_TOLERANCE_MS,
                digest(secret),
                new_id(),
                trace or device_id,
            ],
        )
        if reply[0] == "reused":
            self._queue.wake_persist()
            raise SessionEnded({"reason": "token_reuse"})
        if reply[0] not in ("rotated", "repeated"):
            raise _refusal(reply)
        session = Session.from_json(reply[1])
        credential = str(Credential(member, sid, secret))
        return Opened(session, credential, self._long_token(json.loads(reply[1])), None)

    async def _authentic(self, text: str) -> tuple[str, str, int, str]:
        """Check a long-lived token's signature before it may touch anything."""
        parts = text.split(".")
        if len(text) > 200 or len(parts) != 4 or not all(_is_word(part) for part in parts):
            raise Unauthenticated()
        member, sid, generation, mac = parts
        _require_id(sid)
        if not generation.isdigit() or len(generation) > 9:
            raise Unauthenticated()
        seed = await self._seed(member, sid)
        if not hmac.compare_digest(mac, self._mac("long", member, sid, generation, seed)):
            raise Unauthenticated()
        return member, sid, int(generation), seed

    async def _seed(self, member: str, sid: str) -> str:
        """The random part of a session's long-lived tokens; a tombstone still has it."""
        for name in (self._keys.sessions(member), self._keys.ended(member)):
            text = await self._redis.hget(name, sid)
            if text and "seed" in (record := json.loads(text)):
                return str(record["seed"])
        raise Unauthenticated()

    def _long_token(self, record: dict[str, Any]) -> str | None:
        """The token of a record's present generation, None for a session without one."""
        if not record.get("generation"):
            return None
        place = (record["member"], record["sid"], str(record["generation"]))
        return ".".join((*place, self._mac("long", *place, record["seed"])))

    def _mac(self, *words: str) -> str:
        key = self._settings.secret_key.encode()
        mac = hmac.new(key, "|".join(words).encode(), hashlib.sha256).hexdigest()
        return mac[:43]

    # Being told

    async def told_before(self, member: str, sid: str, tab: str) -> bool:
        """Note that a returning client is told its end now; True when it was already.

        So that an EventSource which comes back for ever gets the reason once, then 204.
        """
        name = self._keys.told(member)
        first = await self._redis.hsetnx(name, f"{sid}:{tab}", "1")
        await self._redis.expire(name, TOMBSTONE_SECONDS)
        return not first

    async def report(
        self, kick_id: str, *, targeted: int = 0, delivered: int = 0, acked: int = 0, sid: str = ""
    ) -> None:
        """Add to a kick's receipt what this process did: tabs addressed, written, answered."""
        await self._receipt(
            [self._keys.receipt(kick_id), self._keys.reached(kick_id)],
            [targeted, delivered, acked, sid],
        )

    async def receipt(self, kick: Kick) -> dict[str, Any]:
        """Return `{kick_id, targeted, delivered, acked, offline}`; offline counts sessions that
        had no tab open anywhere."""
        counts = await self._redis.hgetall(self._keys.receipt(kick.id))
        reached = await self._redis.scard(self._keys.reached(kick.id))
        numbers = {name: int(counts.get(name, 0)) for name in ("targeted", "delivered", "acked")}
        return {"kick_id": kick.id, **numbers, "offline": max(0, len(kick.ended) - reached)}

    def keys_of(self, member: str) -> list[str]:
        """Return the KEYS that every script on a member's sessions begins with."""
        keys = self._keys
        return [
            keys.sessions(member),
            keys.ended(member),
            keys.member(member),
            keys.events(),
            keys.clocks(),
        ]


@dataclass(frozen=True, slots=True)
class Kick:
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


def _place_of(reply: list[Any]) -> Place:
    if reply[0] not in ("live", "draining"):
        raise _refusal(reply)
    verdict, record, now, username, name, email, role, must_change = reply
    return Place(
        session=Session.from_json(record),
        username=username or "",
        name=name or "",
        email=email or "",
        role=role or "member",
        must_change=must_change == "1",
        draining=verdict == "draining",
        now=int(now),
    )


def _refusal(reply: list[Any]) -> Exception:
    """Turn a script's no into the error its bearer gets."""
    if reply[0] == "ended":
        return Ended.from_record(json.loads(reply[1])).error()
    if reply[0] == "expired":
        return SessionExpired(reply[1])
    return Unavailable() if reply[0] == "unbuilt" else Unauthenticated()


def _require_id(sid: str) -> None:
    """Raise Unauthenticated for what is no id of a session: `sessions` has other fields too."""
    if not _ID.fullmatch(sid):
        raise Unauthenticated()


_ID = re.compile(r"[0-9a-f]{16}")


def _is_word(text: str) -> bool:
    """Letters, digits, `-` and `_` only: what our ids and secrets are made of; safe in a key."""
    return bool(text) and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
