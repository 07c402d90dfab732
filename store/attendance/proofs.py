"""What the server signs and knows again: cookies, the rotating code, the presence ticket. Pure.

Everything is derived from SECRET_KEYS, so nothing has to be kept, and every process agrees. No
value holds a name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

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
    """Signs with the first of the keys, and knows what each of them signed."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [hashlib.sha256(f"attendance|{key}".encode()).digest() for key in secret_keys]

    # The cookie of a meeting and device: which attendance it stands for, on which day

    def mark(self, meeting: str, device: str, attendance: str, day: str) -> str:
        """Return the value of the cookie that says: this device was accepted."""
        return self._marks(meeting, device, attendance, day)[0]

    def _marks(self, meeting: str, device: str, attendance: str, day: str) -> list[str]:
        macs = self._macs("mark", meeting, device, attendance, day)
        return [f"{attendance}.{day.replace('-', '')}.{mac}" for mac in macs]

    def marked(self, value: str, meeting: str, device: str, day: str) -> str:
        """Return the attendance that a cookie stands for on this day, "" for any other value."""
        attendance, _, rest = value.partition(".")
        known = self._marks(meeting, device, attendance, day)
        return attendance if rest and _is_among(value, known) else ""

    # The cookie that remembers a device whose localStorage was cleared

    def device_mark(self, device: str) -> str:
        """Return the value of the long-lived cookie."""
        return self._device_marks(device)[0]

    def _device_marks(self, device: str) -> list[str]:
        return [f"{device}.{mac}" for mac in self._macs("device", device)]

    def device_of(self, value: str) -> str:
        """Return the device that the long-lived cookie remembers, "" when it is none of ours."""
        device = valid_device(value.partition(".")[0])
        return device if device and _is_among(value, self._device_marks(device)) else ""

    # The rotating code, and what a good scan is given for it

    def code(self, meeting: str, now: int, back: int = 0) -> str:
        """Return the code on show at a moment (unix ms), or `back` steps before."""
        return self._codes(meeting, now, back)[0]

    def _codes(self, meeting: str, now: int, back: int) -> list[str]:
        digests = self._digests("code", meeting, str(now // STEP_MS - back))
        return [base64.b32encode(digest).decode()[:CODE_LENGTH] for digest in digests]

    def is_shown(self, code: str, meeting: str, now: int) -> bool:
        """Whether a code is the one on show, or the one just before it."""
        shown = [self._codes(meeting, now, back) for back in range(STEPS_ACCEPTED)]
        return _is_among(code, [one for codes in shown for one in codes])

    def ticket(self, meeting: str, device: str, day: str, now: int) -> str:
        """Return a presence ticket, good for TICKET_MS on this day and this device alone."""
        until = str(now + TICKET_MS)
        return f"{until}.{self._macs('ticket', meeting, device, day, until)[0]}"

    def is_present(self, ticket: str, meeting: str, device: str, day: str, now: int) -> bool:
        """Whether a ticket proves that this device was in the room just now."""
        until, _, mac = ticket.partition(".")
        if not _is_among(mac, self._macs("ticket", meeting, device, day, until)):
            return False
        return now < int(until)

    def _macs(self, *words: str) -> list[str]:
        return [digest.hex()[:32] for digest in self._digests(*words)]

    def _digests(self, *words: str) -> list[bytes]:
        """By each key, the one that signs first."""
        text = "|".join(words).encode()
        return [hmac.new(key, text, hashlib.sha256).digest() for key in self._keys]


def valid_device(value: object) -> str:
    """Return a device id in its one spelling, "" for what is no UUID v4."""
    if not isinstance(value, str) or len(value) != 36:
        return ""
    device = value.lower()
    return device if _DEVICE.fullmatch(device) else ""


def device_label(device: str) -> str:
    """Return a short name for a device, to tell two apart; the id itself is shown to nobody."""
    return hashlib.sha256(device.encode()).hexdigest()[:6].upper() if device else ""


def _is_among(given: str, known: Sequence[str]) -> bool:
    """Compare with each, so that the time taken tells nothing."""
    text = given.encode("utf-8", "surrogatepass")
    return any([hmac.compare_digest(text, one.encode()) for one in known])
