"""Indonesian phone numbers: `08…`, `62…` and `+62…` are one (CONTRACT §9)."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s().-]+")
_MOBILE = re.compile(r"628\d{7,11}", re.ASCII)


def normal_phone(text: str) -> str | None:
    """Return `628…`, None for what is no Indonesian mobile number."""
    digits = _SEPARATORS.sub("", text)
    if digits.startswith("+62"):
        digits = digits[1:]
    elif digits.startswith("08"):
        digits = f"62{digits[1:]}"
    elif digits.startswith("8"):
        digits = f"62{digits}"
    return digits if _MOBILE.fullmatch(digits) else None


def is_same_phone(one: str, other: str) -> bool:
    """Whether two texts are one Indonesian mobile number."""
    phone = normal_phone(one)
    return phone is not None and phone == normal_phone(other)


def local_form(phone: str) -> str:
    """Return `08…`, as people write it."""
    return f"0{phone[2:]}" if phone.startswith("62") else phone
