"""Which rows on the router are ours: the phone is there to be read, the tag to be relied on.

A comment is `081234567890 [jaga uid=0123456789abcdef dev=a1b2c3d4 v=1]`. It is parsed, never
searched: a person who writes a phone number into a note does not make the row ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from store.phones import local_form, normal_phone

_MIKHMON = re.compile(
    r"(?:up|vc)-\S*|[a-z]{3}/\d\d/\d{4}(?: [\d:]+)?|\d{4}-\d\d-\d\d(?: [\d:]+)?", re.IGNORECASE
)
"""What Mikhmon writes into a user's comment: a batch's mark, or the day on which it ends."""

_TAG = re.compile(r"(?:(\S+) )?\[jaga uid=([0-9a-f]{16})(?: dev=([0-9a-f]{8}))? v=1\]")


@dataclass(frozen=True, slots=True)
class Tag:
    """Whose row it is; `device` is empty on a row of the whole member."""

    member: str
    device: str = ""


def comment_of(phone: str, member: str, device: str = "") -> str:
    """Return the comment of a row of ours."""
    machine = f"[jaga uid={member}{f' dev={device}' if device else ''} v=1]"
    return f"{local_form(phone)} {machine}" if phone else machine


def tag_of(comment: str) -> Tag | None:
    """Return the tag of a comment, None for somebody else's row."""
    found = _TAG.fullmatch(comment)
    return Tag(found[2], found[3] or "") if found else None


def legacy_phone(comment: str) -> str:
    """Return the phone of a comment that is one and nothing else, as the documents' rows have it;
    empty for any other."""
    return normal_phone(comment.strip()) or ""


def legacy_user(name: str, comment: str) -> str:
    """Return the phone that alone marks a user of somebody else's making: in its comment, or as
    its name where the comment is no person's note; empty for any other."""
    if phone := legacy_phone(comment):
        return phone
    return legacy_phone(name) if not comment.strip() or _MIKHMON.fullmatch(comment) else ""
