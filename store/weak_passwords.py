"""Passwords that may not be set: too short, among the commonest, or the member's own names.

Only where a password is *set*: hashes of the old site and the documented first password (the phone,
good until the first change) go on (CONTRACT §3).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from store.errors import InvalidRequest, WeakPassword
from store.passwords import LONGEST_BYTES
from store.phones import is_same_phone

LEAST_CHARACTERS = 8
"""NIST SP 800-63B: eight at least where a person chooses, and no rule on what kinds of letters."""

SHORTEST_NAME = 4
"""A word of a name with fewer letters is part of too many good sentences."""

LEAST_LETTERS = 3
"""Different characters: `aaaaaaaa` and `12121212` are on no list that ends."""

COMMON = Path(__file__).parent / "common_passwords.txt"


def strong_password(value: object, *names: str, field: str = "password") -> str:
    """Return a password that may be set.

    `names` are the member's own: e-mail, username, name, phone; an empty one is none. Raises
    WeakPassword, which says why; InvalidRequest for what is no password at all.
    """
    if not isinstance(value, str):
        raise InvalidRequest(field)
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        raise InvalidRequest(field, "Password terlalu panjang.")
    if reason := weakness(value, *names):
        raise WeakPassword(reason, field)
    return value


def weakness(password: str, *names: str) -> str:
    """Return why a password is weak, in the words its owner reads; "" for one that is not."""
    if len(password) < LEAST_CHARACTERS:
        return f"Password minimal {LEAST_CHARACTERS} karakter."
    folded = _fold(password)
    if len(set(folded)) < LEAST_LETTERS or _is_run(folded):
        return "Password ini mudah ditebak: hurufnya berulang atau berurutan."
    if {folded, _stem(folded)} & _common():
        return "Password ini terlalu sering dipakai orang. Pilih kalimat pendek Anda sendiri."
    if any(_is_named(password, folded, name) for name in names if name):
        return "Password ini nama, email, atau nomor HP Anda sendiri. Pilih yang lain."
    return ""


def _is_named(password: str, folded: str, name: str) -> bool:
    """Whether nothing but digits and signs is left of a password without the words of a name."""
    own = _fold(name)
    if folded == own or is_same_phone(name, password) or _is_part_of_number(folded, own):
        return True
    rest = _stem(folded)
    # of an e-mail what is before the sign: the rest is the provider's name, or the site's
    words = [word for word in re.split(r"[\W_]+", own.partition("@")[0]) if _is_long(word)]
    # the longest first, so that a name within a name takes nothing away from it
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return bool(words) and _stem(rest) == "" and _stem(folded) != ""


def _is_long(word: str) -> bool:
    return len(word) >= SHORTEST_NAME and not word.isdigit()


def _is_part_of_number(folded: str, name: str) -> bool:
    return folded.isdigit() and folded in re.sub(r"\D", "", name)


def _is_run(folded: str) -> bool:
    """Whether each character follows the one before, up or down: `12345678`, `hgfedcba`."""
    steps = {ord(later) - ord(earlier) for earlier, later in zip(folded, folded[1:], strict=False)}
    return steps in ({1}, {-1})


def _stem(folded: str) -> str:
    """A password's letters, without what is put around them to please a rule."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


@cache
def _common() -> frozenset[str]:
    lines = COMMON.read_text().splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


_common()  # read with the program, not while somebody waits
