"""Phone numbers as people write them, read by one function wherever one comes in (CONTRACT §9).

They are kept as E.164: an Indonesian number as `62…`, which is how gateways and routers name it;
any other with its `+`, because its digits alone could be read as an Indonesian one. Text with a
letter in it is no number: without the letter it could be somebody else's.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from store.errors import InvalidRequest
from store.folding import is_dash, is_unseen

LONGEST_TYPED = 200
"""Of what is looked at: a link to a chat with its first words."""

EXAMPLE = "Nomor HP tidak valid. Contoh: 081234567890."

_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?"
    r"(?:(?:tel|sms|whatsapp):(?://send/?\?phone=)?|wa\.me/|api\.whatsapp\.com/send/?\?phone=)",
    re.IGNORECASE,
)
_AFTER_LINK = re.compile(r"[?&#].*", re.DOTALL)
_SEPARATORS = re.compile(r"[\s()./_\u30fc-]+")
_NUMBER = re.compile(r"\+?\d{4,20}", re.ASCII)
_MOBILE = re.compile(r"628\d{7,11}", re.ASCII)
_PART = re.compile(r"(?:\+?62|0|\+)?0*(\d+)", re.ASCII)


def read_phone(text: str) -> str | None:
    """Return a phone number in the form in which it is kept, None for any other text."""
    number = _dialled(text)
    if number is None:
        return None
    if not number.startswith("+62"):
        return _standard(number)
    # "+62 0812", "+62 (0) 812": the zero is the one that is dialled at home
    home = f"62{number[3:].lstrip('0')}"
    # any prefix of a mobile: providers have new ones sooner than the plan in the library
    return home if _MOBILE.fullmatch(home) or _standard(f"+{home}") else None


def normal_phone(text: str) -> str | None:
    """Return `628…`, None for what is no Indonesian mobile number."""
    phone = read_phone(text)
    return phone if phone and _MOBILE.fullmatch(phone) else None


def valid_phone(field: str, value: object) -> str:
    """Return a number of any country as it is kept, or "". Raises InvalidRequest."""
    if not isinstance(value, str):
        raise InvalidRequest(field)
    phone = read_phone(value) if value.strip() else ""
    if phone is None:
        raise InvalidRequest(field, EXAMPLE)
    return phone


def is_same_phone(one: str, other: str) -> bool:
    """Whether two texts are one Indonesian mobile number."""
    phone = normal_phone(one)
    return phone is not None and phone == normal_phone(other)


def local_form(phone: str) -> str:
    """Return `08…`, as people write it."""
    return f"0{phone[2:]}" if phone.startswith("62") else phone


def is_within(part: str, phone: str) -> bool:
    """Whether a part of a number, in any of its forms, is in a phone as it is kept or was typed."""
    digits = digits_within(part)
    return bool(digits) and digits in re.sub(r"\D", "", phone)


def digits_within(part: str) -> str:
    """Return the digits that a part of a number has in each of its forms ("0812-34" → "81234"),
    "" for what is no part of one."""
    found = _PART.fullmatch(_bare(part[:LONGEST_TYPED]))
    return found[1] if found else ""


def _dialled(text: str) -> str | None:
    """The number with its country, `+…`, as far as its writing tells."""
    if len(text) > LONGEST_TYPED:
        return None
    bare = _bare(text)
    if not _NUMBER.fullmatch(bare):
        return None
    if bare.startswith("+"):
        return f"+{bare[1:].lstrip('0')}"
    if bare.startswith("00"):
        return f"+{bare.lstrip('0')}"
    if bare.startswith("0"):
        return f"+62{bare[1:]}"
    if bare.startswith("62"):
        return f"+{bare}"
    return f"+62{bare}" if bare.startswith("8") else None


def _bare(text: str) -> str:
    """A text without what people put around and between the digits."""
    plain = "".join(
        "-" if is_dash(sign) else sign
        for sign in unicodedata.normalize("NFKC", text)
        if not is_unseen(sign)
    ).strip()
    if link := _LINK.match(plain):
        plain = _AFTER_LINK.sub("", plain[link.end() :].replace("%2B", "+").replace("%20", " "))
    return _SEPARATORS.sub("", plain)


def _standard(number: str) -> str | None:
    """A number as E.164, None when the numbering plans have none such."""
    try:
        known = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(known):
        return None
    return str(phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164))
