"""QR login: a desktop asks, a phone that is logged in lets it in.

Two values, never one. The **code** is what the screen shows: whoever reads it may scan, and nothing
else. The **secret** stays with the browser that asked, in a cookie: only code and secret together
open the socket, the status and the redemption, so that a photo of the screen takes nothing
(reference/sessions.md F3-1). Redis has digests of both.

A code is 32 characters: the first 12 find the request, all of them prove that the code was seen.
While the request stays, the picture changes every ROTATE_SECONDS: the later codes have the same
first 12 characters and a tail derived from our key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from store.audit import Audit
from store.changes import Changes, Part, Refusals
from store.clock import redis_ms
from store.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    NotScanner,
    QrExpired,
    QrState,
    Unavailable,
    WrongNumber,
)
from store.limits import AddressLimit, Limits
from store.sessions import Device, Opened, Session, Sessions, device_id, digest
from store.settings import Settings

Delivery = Literal["token", "cookie"]

CODE_CHARACTERS = 32
CODE = re.compile(r"[A-Za-z0-9_-]{32}")
FINDER = 12
"""Characters of a code that find its request: 72 bits; the 120 that follow prove it."""

ROTATE_SECONDS = 30
TOLERANCE_SECONDS = 5
"""A picture is replaced every half minute; a phone that has just read the one before still may."""

GRANT_SECONDS = 30
"""How long the bound browser may take to collect an approval; afterwards nobody was put out."""

REQUESTS_PER_ADDRESS = AddressLimit("qr", 10, 60)
OPEN_PER_BROWSER = 3
OPEN_IN_ALL = 20_000
"""Bounds what floods from many addresses can keep in Redis: 40 MB, and gone within minutes."""

QR_MESSAGES = {
    "pending": "Menunggu scan dari perangkat mobile...",
    "scanned": "QR code telah di-scan, menunggu konfirmasi...",
    "approved": "Login disetujui!",
    "rejected": "Login ditolak",
    "expired": "QR code sudah kadaluarsa",
    "not_found": "QR code tidak ditemukan",
}
"""How a request for a login by QR is, in the words its browser shows."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The browser that asks. `words` are what its device id is made of once a member is known."""

    words: str
    device: Device


@dataclass(frozen=True, slots=True)
class Asked:
    """A request just made: what to show, what to keep, and until when (unix ms)."""

    code: str
    secret: str
    deadline: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is now. To hold one is to have shown the browser's secret."""

    id: str
    code: str
    state: str
    delivery: Delivery
    created_at: int
    deadline: int
    number: int | None
    member: str | None
    sid: str | None
    now: int
    seed: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self.state in ("rejected", "expired", "redeemed")


@dataclass(frozen=True, slots=True)
class Scan:
    """What the phone is shown of the browser that asks, and the numbers it may choose from."""

    browser: str
    os: str
    ip: str
    location_mismatch: bool
    age_seconds: int
    is_new: bool
    offered: list[int]


class Qr(Part):
    """Every way a request for a login may change."""

    def __init__(
        self,
        changes: Changes,
        settings: Settings,
        limits: Limits,
        sessions: Sessions,
        audit: Audit,
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._limits = limits
        self._sessions = sessions
        self._audit = audit
        self._create = changes.script("qr_create", {"full": Unavailable})
        self._look = changes.script("qr_look", wrote=_is_expired)
        self._scan = changes.script("qr_scan", REFUSALS)
        self._answer = changes.script("qr_answer", REFUSALS)
        self._redeem = changes.script("qr_redeem", REFUSALS, lasting=True)

    # The browser

    async def create(self, asking: Asking, delivery: Delivery) -> Asked:
        """Begin a request. A browser's fourth ends its oldest. Raises RateLimited, Unavailable."""
        await self._limits.take(REQUESTS_PER_ADDRESS.of(asking.device.ip))
        code, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        record = _record(code, secret, asking, delivery)
        keys = self._keys
        reply = await self._create(
            [
                keys.qr(record["id"]),
                keys.events(),
                keys.qr_open(),
                keys.qr_browser(digest(asking.device.browser_id)[:32]),
            ],
            [
                json.dumps(record),
                self._settings.qr_token_ttl_seconds * 1000,
                OPEN_PER_BROWSER,
                OPEN_IN_ALL,
            ],
        )
        for surplus in reply[2:]:
            await self._seen(str(surplus), cancel=True)
        return Asked(code, secret, int(json.loads(reply[1])["deadline"]))

    async def bound(self, code: str, browser_secrets: Sequence[str]) -> Request | None:
        """Return the request that this browser made with this code, None for everybody else."""
        if not CODE.fullmatch(code):
            return None
        found = await self._seen(_id_of(code))
        if found is None:
            return None
        record, now = found
        fits = hmac.compare_digest(digest(code), record["code"])
        mine = [hmac.compare_digest(digest(one), record["secret"]) for one in browser_secrets]
        if not fits or not any(mine):
            return None
        return _request(record, now, code)

    async def again(self, request: Request) -> Request:
        """Return the same request as it is now. Raises NotFound when it was forgotten."""
        found = await self._seen(request.id)
        if found is None:
            raise NotFound()
        record, now = found
        return _request(record, now, request.code)

    def picture(self, request: Request) -> str:
        """Return the address that the code says now."""
        number = max(0, request.now - request.created_at) // (ROTATE_SECONDS * 1000)
        code = self._later_code(request.code, request.seed, number) if number else request.code
        return self.address(code)

    def address(self, code: str) -> str:
        """Return where a phone's camera is led. The code is in the fragment: no server, proxy or
        log ever sees it."""
        return f"{self._settings.public_url}/link#{code}"

    async def redeem(self, request: Request) -> Opened:
        """Take an approval, once: here, and not before, the older web session is put out.

        Raises QrState, QrExpired, NotFound, and what opening a session raises.
        """
        keys = self._keys
        member = request.member or "nobody"
        reply = await self._redeem([*self._request_keys(request.id), keys.sessions(member)], [])
        record = json.loads(reply[1])
        opened = await self._sessions.open(
            record["member"],
            _device(record),
            method="qr",
            keep=True,
            carrier="bearer" if record["delivery"] == "token" else "cookie",
        )
        await self._sessions.settle(opened)
        return opened

    # The phone

    async def scan(self, code: str, session: Session, address: str) -> Scan:
        """Bind the request to the phone's session that read its code.

        Takes the phone's address. Raises NotFound, Forbidden (no phone), QrState, QrExpired.
        """
        if session.kind != "mobile":
            raise Forbidden("Pindai kode ini dari ponsel yang sudah masuk.")
        record, turn = await self._shown(code)
        number, offered = _numbers()
        reply = await self._scan(
            self._request_keys(record["id"]),
            [
                session.member,
                session.sid,
                number,
                json.dumps(offered),
                turn,
                ROTATE_SECONDS * 1000,
                TOLERANCE_SECONDS * 1000,
                int(record["delivery"] == "token"),
            ],
        )
        record = json.loads(reply[1])
        return await self._context(record, session.member, address, int(reply[2]))

    async def answer(
        self, code: str, session: Session, *, approved: bool, number: int | None
    ) -> str:
        """Approve or reject; returns the new state.

        Raises NotFound, NotScanner, WrongNumber (the request is rejected then), QrState,
        QrExpired, InvalidRequest when the number is demanded and none came.
        """
        record, _ = await self._shown(code)
        try:
            reply = await self._answer(
                self._request_keys(record["id"]),
                [
                    session.sid,
                    int(approved),
                    "" if number is None else number,
                    int(record["delivery"] == "cookie"),
                    GRANT_SECONDS * 1000,
                ],
            )
        except NotScanner:
            await self._note(session, "qr.refused")
            raise
        state = str(reply[0])
        if state == "wrong":
            await self._note(session, "qr.wrong_number")
            raise WrongNumber()
        return state

    async def _note(self, session: Session, act: str) -> None:
        await self._audit.refused(act, session.member, ip=session.ip, actor=session.member)

    async def outcome(self, code: str, session: Session) -> str:
        """Return the state of the request that this phone's session scanned, also `redeemed`.

        Raises NotFound, NotScanner.
        """
        record, _ = await self._shown(code)
        if record.get("sid") != session.sid:
            raise NotScanner()
        return str(record["state"])

    async def _shown(self, code: str) -> tuple[dict[str, Any], int]:
        """The request whose screen showed this code, and which of its codes it is."""
        found = await self._seen(_id_of(code)) if CODE.fullmatch(code) else None
        if found is None:
            raise NotFound()
        record, now = found
        if hmac.compare_digest(digest(code), record["code"]):
            return record, 0
        shown_so_far = (now - record["created_at"]) // (ROTATE_SECONDS * 1000)
        for number in range(1, int(shown_so_far) + 1):
            if hmac.compare_digest(code, self._later_code(code, record["seed"], number)):
                return record, number
        raise NotFound()

    async def _context(self, record: dict[str, Any], member: str, address: str, now: int) -> Scan:
        browser, _, system = str(record["device_name"]).partition(" - ")
        card = f"card:{device_id(member, record['words'])}"
        known = await self._redis.hexists(self._keys.sessions(member), card)
        return Scan(
            browser=browser,
            os=system,
            ip=record["ip"],
            location_mismatch=not is_same_network(record["ip"], address),
            age_seconds=max(0, (now - record["created_at"]) // 1000),
            is_new=not known,
            offered=record["offered"],
        )

    # The end

    async def expire(self, request_id: str) -> int:
        """Expire a request whose time is over; returns the ms it still has, 0 for none."""
        found = await self._seen(request_id)
        if found is None:
            return 0
        record, now = found
        if record["state"] not in ("pending", "scanned", "approved"):
            return 0
        until = record["grant_until"] if record["state"] == "approved" else record["deadline"]
        return max(1, int(until) - now)

    async def expire_due(self, most: int = 500) -> int:
        """Expire requests that nobody waits for; returns how many were looked at."""
        now = await redis_ms(self._redis)  # by which the script decides too
        due = await self._redis.zrangebyscore(self._keys.qr_open(), 0, now, start=0, num=most)
        for request_id in due:
            await self.expire(str(request_id))
        return len(due)

    async def _seen(
        self, request_id: str, *, cancel: bool = False
    ) -> tuple[dict[str, Any], int] | None:
        reply = await self._look(self._request_keys(request_id), [int(cancel), request_id])
        return (json.loads(reply[0]), int(reply[1])) if reply else None

    def _request_keys(self, request_id: str) -> list[str]:
        return [self._keys.qr(request_id), self._keys.events(), self._keys.qr_open()]

    def _later_code(self, code: str, seed: str, number: int) -> str:
        """Any code of a request makes its `number`-th, with our key."""
        words = f"qr|{code[:FINDER]}|{seed}|{number}".encode()
        mac = hmac.new(self._settings.secret_keys[0].encode(), words, hashlib.sha256).digest()
        tail = base64.urlsafe_b64encode(mac).decode()
        return (code[:FINDER] + tail)[:CODE_CHARACTERS]


def is_same_network(one: str, other: str) -> bool:
    """Whether two addresses are of one network, as far as can be told: the same /24, or /48."""
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    if first.version != second.version:
        return False
    width = 24 if first.version == 4 else 48
    return second in ipaddress.ip_network(f"{first}/{width}", strict=False)


def _record(code: str, secret: str, asking: Asking, delivery: Delivery) -> dict[str, Any]:
    device = asking.device
    return {
        "id": _id_of(code),
        "code": digest(code),
        "secret": digest(secret),
        "seed": secrets.token_urlsafe(16),
        "delivery": delivery,
        "words": asking.words,
        "device_name": device.name,
        "fp": device.fp,
        "ip": device.ip,
        "user_agent": device.user_agent[:256],
        "browser_id": device.browser_id,
    }


def _id_of(code: str) -> str:
    """The request's public id: a digest, so that a log or a topic never names a part of a code."""
    return digest(code[:FINDER])[:24]


def _request(record: dict[str, Any], now: int, code: str) -> Request:
    return Request(
        id=record["id"],
        code=code,
        state=record["state"],
        delivery=record["delivery"],
        created_at=int(record["created_at"]),
        deadline=int(record["deadline"]),
        number=record.get("number"),
        member=record.get("member"),
        sid=record.get("sid"),
        now=now,
        seed=record["seed"],
    )


def _device(record: dict[str, Any]) -> Device:
    """The browser that asked, as a device of the member who let it in."""
    return Device(
        id=device_id(record["member"], record["words"]),
        name=record["device_name"],
        fp=record["fp"],
        ip=record["ip"],
        user_agent=record["user_agent"],
        browser_id=record["browser_id"],
    )


def _numbers() -> tuple[int, list[int]]:
    """The two digits that the screen shows, and three to choose from on the phone."""
    draw = secrets.SystemRandom()
    offered = draw.sample(range(10, 100), 3)
    return draw.choice(offered), offered


def _is_expired(reply: list[Any]) -> bool:
    """Whether a look has found, or made, a request expired: at most a few times each."""
    return bool(reply) and json.loads(reply[0])["state"] == "expired"


def status_of(state: str) -> str:
    """Return the documented word for a state: a redeemed approval is still an approved one."""
    return "approved" if state == "redeemed" else state


REFUSALS: Refusals = {
    "unknown": NotFound,
    "expired": QrExpired,
    "state": lambda reply: QrState(status_of(str(reply[1]))),
    "not_scanner": NotScanner,
    "number": lambda _: InvalidRequest("match", "Pilih angka yang tampil di layar komputer."),
}
"""What scanning, answering and redeeming may be told."""
