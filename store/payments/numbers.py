"""Licence keys and order numbers: read as they were pasted, and made. Pure.

One reading for pages, API, commands and the operator's search: whatever came along with a number
(blanks, quotes, dashes of another kind, invisible signs, words before it) is left out, and what is
left is grouped as we print it.

They are derived from the order and a secret, so that an order that is worked off anew, on whatever
copy of the database, has the numbers that its buyer was mailed. Who does not know the secret can
guess none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

LONGEST = 400
"""Characters that are looked through for a number: a line of a mail, not a mail."""

_KEY = re.compile(r"KEI([0-9A-F]{4})([0-9A-F]{8})")
_ORDER = re.compile(r"KEI([0-9A-F]{8})")
_TRANSACTION = re.compile(r"KEI((?:[0-9A-F]{4})+)")
_REF = re.compile(r"[A-Za-z0-9._-]{1,128}")
_LYNK_REF = re.compile(r"[0-9a-f]{32}")


def licence_key(text: str) -> str:
    """Return the licence key that a text holds, as it is printed (`KEI-XXXX-XXXXXXXX`); "" when it
    holds none, or two of which either may be meant."""
    found = set(_KEY.findall(_letters(text)))
    if len(found) != 1:
        return ""
    ((first, second),) = found
    return f"KEI-{first}-{second}"


def order_number(text: str) -> str:
    """Return the order or transaction number that a text holds as it is printed
    (`KEI-XXXXXXXX`, `KEI-XXXX`), "" when it holds none or several."""
    letters = _letters(text)
    for form in (_ORDER, _TRANSACTION):
        found = set(form.findall(letters))
        if len(found) == 1:
            return f"KEI-{found.pop()}"
    return ""


def order_ref(text: str) -> str:
    """Return a refId as Lynk.id writes it, "" for what can be none. Its own are 32 hexadecimal
    digits in small letters; any other is taken as it stands."""
    digits = _letters(text).lower()
    if _LYNK_REF.fullmatch(digits):
        return digits
    return text if _REF.fullmatch(text) else ""


def _letters(text: str) -> str:
    """Letters and digits only, in capitals, wide ones made plain."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).upper()
    return "".join(sign for sign in plain if sign.isascii() and sign.isalnum())


# As the webhook document draws them; the number of free bits beside each


def make_licence_key(secret: str, ref: str, item: int, unit: int, draw: int = 0) -> str:
    """`KEI-XXXX-XXXXXXXX` (46 bits) of one unit of an order; the next `draw` when that one is
    another's."""
    first, second, third, *_ = _words(secret, "licence", ref, item, unit, draw)
    return f"KEI-{first:04X}-{second | 0x4000:04X}{third | 0x8000:04X}"


def make_order_number(secret: str, ref: str, draw: int = 0) -> str:
    """`KEI-XXXXXXXX` (31 bits)."""
    first, second, *_ = _words(secret, "order", ref, draw)
    return f"KEI-{first:04X}{second | 0x8000:04X}"


def make_transaction_number(secret: str, ref: str, draw: int = 0, widen: int = 0) -> str:
    """`KEI-XXXX` (15 bits); `widen` adds that many groups of four, when those are running out."""
    first, *more = _words(secret, "transaction", ref, draw)
    return f"KEI-{first | 0x8000:04X}" + "".join(f"{word:04X}" for word in more[:widen])


def _words(secret: str, *what: str | int) -> list[int]:
    """Sixteen words of 16 bits; the parts are told apart by their lengths, not by a sign that a
    refId may hold."""
    message = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (str(word).encode("utf-8", "surrogatepass") for word in what)
    )
    digest = hmac.new(secret.encode(), b"jaga number " + message, hashlib.sha256).digest()
    return [int.from_bytes(digest[at : at + 2], "big") for at in range(0, len(digest), 2)]
