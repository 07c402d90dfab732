"""One-time codes by phone: asked for, sent, tried, used up.

A code is kept as an HMAC, for six digits are guessed from a bare hash in a second. Whoever asks
gets the same answer for a phone that is nobody's.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from store.audit import Audit
from store.changes import Changes, Part
from store.errors import PasswordNeeded, RateLimited, WrongCode
from store.limits import AddressLimit, Limit, Limits
from store.scripts import Script
from store.settings import Settings

WRONG_CODES = 5
"""The fifth wrong try kills a code (CONTRACT §9): a chance of 1 in 200,000 to guess it."""

REQUESTS_PER_PHONE = Limit("otp:phone", 5, 3600)
"""Of a phone, whoever asks; and of a browser that was its member's before (`line`), whatever
strangers ask for."""

REQUESTS_PER_ADDRESS = AddressLimit("otp:address", 60, 3600)
"""A whole waiting room behind one address may log in; a machine that rings up numbers may not."""

RESEND_SECONDS = 60
"""A message takes so long at worst; who asks again sooner would get two, and pay for both."""

FAILING_SECONDS = 900
"""How long a gateway counts as failing after it took nothing, unless it takes something."""

WRONG_PER_PHONE = Limit("otp:wrong:phone", 15, 3600)
"""Three codes' worth: asking for code after code does not help a guesser."""

WRONG_PER_ADDRESS = AddressLimit("otp:wrong:address", 50, 300)


@dataclass(frozen=True, slots=True)
class Issued:
    """What became of a question for a code: the code to send, "" when the one before it is fresh
    and stays; seconds of its life, and until another may be asked for."""

    code: str
    expires_in: int
    resend_in: int
    ticket: str = ""
    """By which its page may ask whether it was sent; "" when none was made."""


class Otp(Part):
    """The codes."""

    def __init__(self, changes: Changes, settings: Settings, limits: Limits, audit: Audit) -> None:
        super().__init__(changes)
        self._settings = settings
        self._limits = limits
        self._audit = audit
        self._issue = Script(changes.redis, "otp_issue")
        self._verify = Script(changes.redis, "otp_verify")
        self._forget = Script(changes.redis, "otp_forget")

    async def issue(self, phone: str, address: str, line: str = "") -> Issued:
        """Make a new code for a phone (`628…`); the code before becomes invalid. A code younger
        than RESEND_SECONDS, neither used nor dead of wrong tries, stays instead.

        `line` is a browser that was its member's before. It has a code and counters of its own, so
        that nobody who knows the phone can lock its owner out; "" stands for all other browsers,
        which share one. The same is done, at the same cost, for an unknown phone. Raises
        RateLimited.
        """
        whose = _whose(phone, line)
        hour = REQUESTS_PER_PHONE.of(whose)
        await self._limits.take(*([] if line else [REQUESTS_PER_ADDRESS.of(address)]), hour)
        code = f"{secrets.randbelow(1_000_000):06d}"
        life = self._settings.otp_ttl_seconds
        kept, left_ms, wait_ms = await self._issue(
            [self._keys.otp(whose)],
            [self._digest(phone, code), life * 1000, min(life, RESEND_SECONDS) * 1000],
        )
        if not kept:
            await self._limits.give_back(hour)
            return Issued("", _seconds(left_ms), _seconds(wait_ms))
        return Issued(code, _seconds(left_ms), _seconds(wait_ms), self._ticket(phone, code))

    async def withdraw(
        self, phone: str, code: str, line: str = "", *, for_all: bool = False
    ) -> None:
        """Forget a code that could not be sent: another may be asked for at once, it does not count
        among the hour's, and its page hears of it. One that was used or replaced meanwhile is left
        alone. `for_all` when no code can be sent now."""
        key = self._keys.otp_sending(self._ticket(phone, code))
        await self._redis.set(key, "failed", ex=self._settings.otp_ttl_seconds)
        if for_all:
            await self._redis.set(self._keys.otp_gateway(), "failing", ex=FAILING_SECONDS)
        whose = _whose(phone, line)
        if await self._forget([self._keys.otp(whose)], [self._digest(phone, code)]):
            await self._limits.give_back(REQUESTS_PER_PHONE.of(whose))

    async def was_sent(self, phone: str, code: str) -> None:
        """A gateway has said that it took a code."""
        key = self._keys.otp_sending(self._ticket(phone, code))
        await self._redis.set(key, "sent", ex=self._settings.otp_ttl_seconds)
        await self._redis.delete(self._keys.otp_gateway())

    async def is_unsent(self, ticket: str) -> bool:
        """Whether the code of a ticket could not be sent.

        Nothing was sent to a phone that is nobody's, and its page must not differ: of a code that
        nothing is known about, the gateway's last word counts.
        """
        keys = [self._keys.otp_sending(ticket), self._keys.otp_gateway()]
        known, gateway = [await self._redis.get(key) for key in keys]
        return (known or gateway) in ("failed", "failing")

    async def use(
        self, phone: str, code: str, address: str, line: str = "", *, opens: bool
    ) -> None:
        """Use a code up: of many at once, one succeeds.

        A `line` that has asked for none uses the phone's, as everybody does. Where it `opens`
        nothing, because its owner needs a password, it costs and counts as a wrong one. Raises
        WrongCode, PasswordNeeded, RateLimited.
        """
        try:
            has_own = line and await self._redis.exists(self._keys.otp(_whose(phone, line)))
            await self._use(phone, code, address, line if has_own else "", opens)
        except (WrongCode, PasswordNeeded, RateLimited) as refusal:
            owner = await self._redis.hget(self._keys.hotspot_phones(), phone)
            act = "otp.locked" if isinstance(refusal, RateLimited) else "otp.refused"
            await self._audit.refused(act, str(owner or ""), ip=address)
            raise

    async def _use(self, phone: str, code: str, address: str, line: str, opens: bool) -> None:
        whose = _whose(phone, line)
        by_phone, by_address = WRONG_PER_PHONE.of(whose), WRONG_PER_ADDRESS.of(address)
        bounds = [by_phone] if line else [by_address, by_phone]
        async with self._limits.attempt(*bounds, patience=1.0) as attempt:
            verdict = await self._verify(
                [self._keys.otp(whose)], [self._digest(phone, code), WRONG_CODES]
            )
            if verdict == "right" and opens:
                attempt.forgive(by_phone)
                return
            attempt.fail(by_address)
            if verdict != "none":
                attempt.fail(by_phone)
            raise PasswordNeeded() if verdict == "right" else WrongCode()

    def _ticket(self, phone: str, code: str) -> str:
        """Tells nobody which phone or code it is about."""
        return self._digest(f"ticket|{phone}", code)[:32]

    def _digest(self, phone: str, code: str) -> str:
        key = self._settings.secret_keys[0].encode()
        words = f"otp|{phone}|{code}".encode("utf-8", "surrogatepass")
        return hmac.new(key, words, hashlib.sha256).hexdigest()


def _whose(phone: str, line: str) -> str:
    """What a code and its counters are kept under."""
    return f"{phone}:{line}" if line else phone


def _seconds(milliseconds: int) -> int:
    """Rounded up, so that who waits so long has waited long enough."""
    return -(-int(milliseconds) // 1000)
