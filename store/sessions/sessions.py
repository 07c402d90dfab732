"""Sessions: who is logged in, on which device, until when; opened, checked and ended here only.

A member's sessions are one Redis hash, so that each change is one script on one key: the swap of
the web session, the block of an account, the expiry of a clock. What ends leaves a tombstone that
says why. A session's id is public; its secret is kept as a SHA-256 digest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Sequence
from typing import Any

from store.changes import Changes, Part, Refusals, but, only
from store.clock import redis_ms
from store.errors import (
    AccountBlocked,
    LoginRefused,
    LoginSuperseded,
    NotApproved,
    PasswordNeeded,
    SessionConflict,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
    WrongPassword,
)
from store.keys import TOMBSTONE_SECONDS
from store.scripts import Script, SharedScript
from store.sessions.session import (
    Carrier,
    CurrentSession,
    Device,
    Ended,
    Kind,
    Logout,
    Method,
    Opened,
    Session,
    digest,
    new_id,
)
from store.sessions.tokens import Credential, LongTokens
from store.settings import Settings

log = logging.getLogger("jaga.sessions")

TOUCH_AFTER_MS = 30_000
"""A fresher `last_seen` is left alone when a ping comes again (reference/sessions.md F1-9)."""

MOST_TOLD = 500
"""Returning clients of one member that are remembered for a day, at some 100 bytes each: the tabs
of 25 sessions that had as many as one may."""

ROTATION_TOLERANCE_MS = 30_000
"""How long the token just used still answers with the same successor (CONTRACT §6)."""


class Sessions(Part):
    """Every way a session may change."""

    def __init__(self, changes: Changes, settings: Settings) -> None:
        super().__init__(changes)
        redis = changes.redis
        self._all_kept = changes.all_kept
        self._settings = settings
        self._long_tokens = LongTokens(settings.secret_keys, redis, changes.keys)
        self._open = changes.script("session_open", OPENING)
        self._check = changes.script("session_check", CHECKING, wrote=only("expired"), shared=True)
        self._look = changes.script("session_look", wrote=only("ended"))
        self._sweep = Script(redis, "session_sweep")
        self._holder = Script(redis, "session_holder")
        self._end = changes.script("session_end", wrote=but("gone"), lasting=True)
        self._rotate = changes.script("session_rotate", CHECKING, wrote=only("reused", "expired"))
        self._tell = Script(redis, "session_tell")
        self._receipt = SharedScript(redis, "receipt_add")

    # Opening

    async def holder(self, member: str) -> tuple[Session | None, int]:
        """Return the live web session of a member, and the epoch it was seen at."""
        reply = await self._holder([self._keys.sessions(member), self._keys.built()], [])
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
        carrier: Carrier | None = None,
        by_code: bool = False,
        fits: str = "",
    ) -> Opened:
        """Open a session for a member whose credentials were checked.

        A web session takes the member's one place: an older one is told `force_logout` at once
        and drains for GRACE_SECONDS. `ticket` is the digest of a ticket to consume. `carrier`
        tells what is to carry it: a cookie, or a pair of tokens (a phone's by default).
        `by_code`: a code by phone is what was checked. It opens a member's session, also of one who
        waits for approval, whose place is in the portal only (`check`), and never that of somebody
        with a role.
        `fits`: the hash that a password was checked against; by another one nobody gets in, so that
        a login under way does not outlast a new password.
        Raises WrongPassword for that, SessionConflict when another device holds the place and
        neither `keep` nor a ticket's `keep` allows taking it, LoginRefused when that device has
        just said no, AccountBlocked, NotApproved, PasswordNeeded, Unauthenticated (no such member).
        """
        kind: Kind = "mobile" if method == "mobile" else "web"
        carrier = carrier or ("bearer" if kind == "mobile" else "cookie")
        record = self._record(member, kind, method, device, remember)
        credentials = _credentials(member, str(record["sid"]), carrier)
        record["secret"] = credentials[0].mark
        if carrier == "both":
            record["bearer"] = credentials[1].mark
        if carrier == "bearer":
            record |= self._long_tokens.family()
            record["access_ms"] = self._settings.access_token_seconds * 1000
        if by_code:
            record["by_code"] = True
        reply = await self._open(
            [
                *self.keys_of(member),
                self._keys.built(),
                self._keys.ticket(member, ticket),
                self._keys.hotspot(member),
            ],
            [
                json.dumps(record),
                int(keep),
                int(not device.known),
                int(self._settings.grace_seconds * 1000),
                new_id(),
                "" if device.known else device.trace,
                int(by_code),
                fits,
            ],
        )
        return self._opened(reply, credentials)

    def _record(
        self,
        member: str,
        kind: Kind,
        method: Method,
        device: Device,
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
        }
        record |= self._clocks(method)
        if remember and kind == "web":
            record |= self._long_tokens.family()
            record["remember_ms"] = self._settings.session_remember_seconds * 1000
        return record

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

    def _opened(self, reply: list[Any], credentials: list[Credential]) -> Opened:
        session = Session.from_json(reply[1])
        return Opened(
            session=session,
            credential=str(credentials[0]),
            bearer=str(credentials[-1]) if credentials[-1].is_bearer else "",
            remember=self._long_tokens.of(json.loads(reply[1])),
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

    async def check(
        self, text: str, *, touch: bool, sparing: bool = False, portal: bool = False
    ) -> CurrentSession:
        """Return the current session of a cookie or bearer.

        `touch` counts the request as activity; `sparing` leaves a `last_seen` of the last
        30 s alone (the ping). A draining session is returned as such: it may read, and nothing
        else. A member who waits for approval is served where the caller says so (`portal`), and
        refused everywhere else. Raises Unauthenticated, SessionEnded, SessionExpired,
        NotApproved, Unavailable.
        """
        credential = Credential.parse(text)
        reply = await self._check(
            [
                *self.keys_of(credential.member),
                self._keys.built(),
                self._keys.hotspot(credential.member),
            ],
            [
                credential.sid,
                credential.mark,
                int(touch),
                self._touch_after(sparing),
                int(portal),
            ],
        )
        return _current_session_of(reply)

    def _touch_after(self, sparing: bool) -> int:
        """Return how old `last_seen` (ms) must be before it is written again; a twentieth of a very
        short idle limit, so that a ping still counts."""
        return min(TOUCH_AFTER_MS, self._settings.session_idle_seconds * 50) if sparing else 0

    async def has_been(self, member: str, device: Device) -> bool:
        """Return whether this device was logged in as this member before.

        False for a device that the member took off the list, for all but the last fifty, and for
        one that names itself by an id that can be guessed.
        """
        card = f"card:{device.id}"
        was_here = await self._redis.hexists(self._keys.sessions(member), card)
        return bool(was_here) and device.known and device.is_hard_to_guess

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
        return [places[number - 1] for number in found]

    async def expire_due(self, most: int = 500) -> int:
        """End sessions whose clock has run out while nobody looked; returns how many were due."""
        now = await redis_ms(self._redis)  # by which the script decides too
        due = await self._redis.zrangebyscore(self._keys.clocks(), 0, now, start=0, num=most)
        for entry in due:
            member, _, sid = str(entry).partition(":")
            await self.look(member, sid)
        return len(due)

    # Renewing

    async def rotate(
        self, text: str, device_id: str, trace: str = "", *, portal: bool = False
    ) -> Opened:
        """Turn a remember cookie or refresh token: a new credential, and its own successor.

        Takes the device the request comes from: another one's remember cookie opens nothing; and
        "" for a refresh token, which alone brings a bearer. `trace` is what the client of a refresh
        token is recognised by: for 30 s the same one gets the same successor again. Any other use
        of a token that was used ends its whole family. `portal` serves members who wait for
        approval as well. Raises SessionExpired (`remember` and the other clocks), SessionEnded,
        NotApproved, Unauthenticated.
        """
        token = await self._long_tokens.read(text, is_bearer=not device_id)
        successor = token.successor
        reply = await self._rotate(
            [*self.keys_of(successor.member), self._keys.hotspot(successor.member)],
            [
                successor.sid,
                token.generation,
                device_id,
                ROTATION_TOLERANCE_MS,
                successor.mark,
                new_id(),
                trace or device_id,
                int(portal),
            ],
        )
        session = Session.from_json(reply[1])
        return Opened(
            session=session,
            credential=str(successor),
            remember=self._long_tokens.of(json.loads(reply[1])),
            replaced=None,
            bearer=str(successor) if successor.is_bearer else "",
        )

    # Ending

    async def end(
        self, member: str, which: str, *, reason: str, by: str, keep: str = "", status: str = ""
    ) -> Logout:
        """End sessions of a member.

        `which` is a sid, or `web`, `mobile`, `all`; `keep` is a sid that stays. With `status`
        the member gets it in the same step, so that nobody logs in between. Returns the logout.
        """
        kick_id = new_id()
        tombs = await self._end(self.keys_of(member), [which, keep, reason, kick_id, by, 0, status])
        if tombs == ["gone"]:
            return Logout(kick_id, [])
        return Logout(kick_id, [Ended.from_record(json.loads(tomb)) for tomb in tombs])

    async def leave(self, text: str) -> Logout | None:
        """End only the session that this cookie stands for; a dead or odd one ends nothing. Raises
        NotKept."""
        try:
            current = await self.check(text, touch=False, portal=True)
        except SessionEnded:
            await self._all_kept()  # it may be this logout's second try
            return None
        except (SessionExpired, Unauthenticated):
            return None
        if current.draining:
            return None
        return await self.end(
            current.member, current.session.sid, reason="logged_out", by=current.session.device_name
        )

    # Being told

    async def told_before(self, member: str, sid: str, tab: str) -> bool:
        """Note that a returning client is told its end now; True when it was already.

        So that an EventSource which comes back for ever gets the reason once, then 204. A member
        has MOST_TOLD of them remembered, whatever tabs a dead cookie makes up; more get the 204.
        """
        field = f"{sid}:{digest(tab)[:16]}"
        return not await self._tell(
            [self._keys.told(member)], [field, MOST_TOLD, TOMBSTONE_SECONDS]
        )

    async def report(
        self, kick_id: str, *, targeted: int = 0, delivered: int = 0, acked: int = 0, sid: str = ""
    ) -> None:
        """Add to a logout's receipt what this process did: tabs addressed, written, answered."""
        await self._receipt(
            [self._keys.receipt(kick_id), self._keys.reached(kick_id)],
            [targeted, delivered, acked, sid],
        )

    async def receipt(self, logout: Logout) -> dict[str, Any]:
        """Return `{kick_id, targeted, delivered, acked, offline}`; offline counts sessions that
        had no tab open anywhere."""
        counts = await self._redis.hgetall(self._keys.receipt(logout.id))
        reached = await self._redis.scard(self._keys.reached(logout.id))
        numbers = {name: int(counts.get(name, 0)) for name in ("targeted", "delivered", "acked")}
        return {"kick_id": logout.id, **numbers, "offline": max(0, len(logout.ended) - reached)}

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


def _credentials(member: str, sid: str, carrier: Carrier) -> list[Credential]:
    """One for each way in which a session is carried, the cookie's first: each with a secret of
    its own."""
    kinds = {"cookie": [False], "bearer": [True], "both": [False, True]}[carrier]
    return [Credential(member, sid, secrets.token_urlsafe(32), is_bearer) for is_bearer in kinds]


def _current_session_of(reply: list[Any]) -> CurrentSession:
    verdict, record, now, waits, username, name, email, role, must_change = reply
    return CurrentSession(
        session=Session.from_json(record),
        username=username or "",
        name=name or "",
        email=email or "",
        role=role or "member",
        must_change=must_change == "1",
        draining=verdict == "draining",
        waits=bool(int(waits)),
        now=int(now),
    )


OPENING: Refusals = {
    "conflict": SessionConflict,
    "denied": LoginRefused,
    "refused": lambda reply: AccountBlocked(str(reply[1])),
    "waiting": NotApproved,
    "role": PasswordNeeded,
    "changed": WrongPassword,
    "gone": Unauthenticated,
}

CHECKING: Refusals = {
    "ended": lambda reply: Ended.from_record(json.loads(reply[1])).error(),
    "expired": lambda reply: SessionExpired(reply[1]),
    "stale": Unauthenticated,
    "waiting": NotApproved,
    "unknown": Unauthenticated,
    "reused": lambda _: SessionEnded({"reason": "token_reuse"}),
}
"""A script's no to whoever shows a credential."""
