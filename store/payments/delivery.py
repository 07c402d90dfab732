"""One delivery of Lynk.id's webhook: read leniently, its signature checked. Pure; no I/O.

The signature is SHA-256 of `grandTotal + refId + message_id + key` without separators, and the
body is not covered by it (reference/lynk.md §3). Nothing here may raise for what a body contains.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST_LITERAL = 40
"""Digits of an amount that is also tried in other forms: far above any amount of money."""

LONGEST_REF = 128
"""Characters of a refId; all that were ever seen have 32."""

SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a body says. Text is "" where the body has none or something else."""

    body: bytes
    signature: str
    """The one X-Lynk-Signature header in lower case; "" for none, several or another form."""
    is_object: bool
    event: str
    action: str
    ref: str
    message_id: str
    amount: str
    """The literal of `grandTotal`, "" when it is no number and no text."""
    data: dict[str, Any]
    """`data.message_data`."""

    @property
    def id(self) -> str:
        """The delivery's name: the same bytes under the same signature are the same delivery."""
        return hashlib.sha256(self.signature.encode() + b"\n" + self.body).hexdigest()[:32]

    @property
    def is_test(self) -> bool:
        """Whether it is the dashboard's Test URL, which is never signed."""
        return self.event == "test_event"

    @property
    def is_payment(self) -> bool:
        """Whether it says that somebody has paid."""
        return self.event == "payment.received" and self.action == "SUCCESS"

    @property
    def content(self) -> str:
        """Digest of what it is about. `message_id` stays out: a retry may carry a new one."""
        said = json.dumps([self.event, self.action, self.data], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def key_that_signed(self, keys: Sequence[str]) -> str | None:
        """Return the fingerprint of the merchant key under which the signature is right.

        Every key and every form is tried, in constant time each. None when there is none, or
        nothing that could have been signed.
        """
        if not (self.signature and self.ref and self.message_id and self.amount):
            return None
        found = None
        for key in keys:
            for amount in forms_of(self.amount):
                right = sign(amount, self.ref, self.message_id, key)
                if hmac.compare_digest(right, self.signature):
                    found = fingerprint(key)
        return found


def read(body: bytes, signatures: Sequence[str] = ()) -> Delivery:
    """Read a body and the X-Lynk-Signature headers it came with; never raises."""
    said = _parse(body)
    top = said if isinstance(said, dict) else {}
    data = _object(top.get("data"))
    message = _object(data.get("message_data"))
    amount = _object(message.get("totals")).get("grandTotal")
    return Delivery(
        body=body,
        signature=_signature(signatures),
        is_object=isinstance(said, dict),
        event=_text(top.get("event")),
        action=_text(data.get("message_action")),
        ref=_text(message.get("refId")),
        message_id=_text(data.get("message_id")),
        amount=amount if isinstance(amount, str) else "",
        data=message,
    )


def sign(amount: str, ref: str, message_id: str, key: str) -> str:
    """Return the signature as Lynk.id computes it."""
    image = (amount + ref + message_id + key).encode("utf-8", "surrogatepass")
    return hashlib.sha256(image).hexdigest()


def fingerprint(key: str) -> str:
    """Return eight characters by which a merchant key can be told from another, and no more."""
    return hashlib.sha256(b"merchant key " + key.encode()).hexdigest()[:8]


def forms_of(amount: str) -> list[str]:
    """Return how an amount may have been written when it was signed: the literal first."""
    forms = [amount]
    if len(amount) <= LONGEST_LITERAL:
        try:
            value = Decimal(amount)
            is_money = value.is_finite() and -20 < value.adjusted() < 20
            if is_money and value == value.to_integral_value():
                forms += [str(int(value)), f"{int(value)}.0", f"{int(value)}.00"]
        except InvalidOperation:
            return forms
    return list(dict.fromkeys(forms))


def as_ref(text: str) -> str:
    """Return a refId in the form in which it may be stored: no control characters, bounded."""
    return storable(text)[:LONGEST_REF]


def storable(text: str) -> str:
    """Return text as Postgres takes it: no NUL, no half characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _parse(body: bytes) -> Any:
    try:
        # Numbers stay text, so that `96000.00` survives literally, 5,000 digits are only long, and
        # 100,000 numbers are read in milliseconds: the loop waits for this.
        return json.loads(
            body.decode("utf-8-sig"), parse_int=str, parse_float=str, parse_constant=str
        )
    except (ValueError, RecursionError):
        return None


def _signature(values: Sequence[str]) -> str:
    text = values[0].strip().lower() if len(values) == 1 else ""
    return text if SIGNATURE.fullmatch(text) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
