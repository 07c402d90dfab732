"""What the server signs and knows again: cookies, the rotating code, the presence ticket. Pure.

Everything is derived from SECRET_KEY, so nothing has to be kept, and every process agrees. No
value holds a name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

STEP_MS = 15_000
"""A projected code changes this often: too soon to be photographed and passed on."""

STEPS_ACCEPTED = 2
"""The present code and the one before: a phone that focused as it changed is not turned away."""

TICKET_MS = 120_000
"""A good scan is good for this long, so that slow typing succeeds."""

CODE_LENGTH = 16
"""80 bits in base32: not to be guessed within thirty seconds."""

_DEVICE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Proofs:
    """Signs with one key."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(f"attendance|{secret_key}".encode()).digest()

    # The cookie of a meeting and device: which attendance it stands for, on which day

    def mark(self, meeting: str, device: str, attendance: str, day: str) -> str:
        """Return the value of the cookie that says: this device was accepted."""
        mac = self._mac("mark", meeting, device, attendance, day)
        return f"{attendance}.{day.replace('-', '')}.{mac}"

    def marked(self, value: str, meeting: str, device: str, day: str) -> str:
        """Return the attendance that a cookie stands for on this day, "" for any other value."""
        attendance, _, rest = value.partition(".")
        expected = self.mark(meeting, device, attendance, day)
        return attendance if rest and _same(value, expected) else ""

    # The cookie that remembers a device whose localStorage was cleared

    def device_mark(self, device: str) -> str:
        """Return the value of the long-lived cookie."""
        return f"{device}.{self._mac('device', device)}"

    def device_of(self, value: str) -> str:
        """Return the device that the long-lived cookie remembers, "" when it is none of ours."""
        device = valid_device(value.partition(".")[0])
        return device if device and _same(value, self.device_mark(device)) else ""

    # The rotating code, and what a good scan is given for it

    def code(self, meeting: str, now: int, back: int = 0) -> str:
        """Return the code on show at a moment (unix ms), or `back` steps before."""
        digest = self._digest("code", meeting, str(now // STEP_MS - back))
        return base64.b32encode(digest).decode()[:CODE_LENGTH]

    def is_shown(self, code: str, meeting: str, now: int) -> bool:
        """Whether a code is the one on show, or the one just before it."""
        shown = [self.code(meeting, now, back) for back in range(STEPS_ACCEPTED)]
        return any([_same(code, one) for one in shown])

    def ticket(self, meeting: str, device: str, day: str, now: int) -> str:
        """Return a presence ticket, good for TICKET_MS on this day and this device alone."""
        until = str(now + TICKET_MS)
        return f"{until}.{self._mac('ticket', meeting, device, day, until)}"

    def is_present(self, ticket: str, meeting: str, device: str, day: str, now: int) -> bool:
        """Whether a ticket proves that this device was in the room just now."""
        until, _, mac = ticket.partition(".")
        if not _same(mac, self._mac("ticket", meeting, device, day, until)):
            return False
        return now < int(until)

    def _mac(self, *words: str) -> str:
        return self._digest(*words).hex()[:32]

    def _digest(self, *words: str) -> bytes:
        return hmac.new(self._key, "|".join(words).encode(), hashlib.sha256).digest()


def valid_device(value: object) -> str:
    """Return a device id in its one spelling, "" for what is no UUID v4."""
    if not isinstance(value, str) or len(value) != 36:
        return ""
    device = value.lower()
    return device if _DEVICE.fullmatch(device) else ""


def device_label(device: str) -> str:
    """Return a short name for a device, to tell two apart; the id itself is shown to nobody."""
    return hashlib.sha256(device.encode()).hexdigest()[:6].upper() if device else ""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
