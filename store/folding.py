"""One way of reading what people type and paste: blanks, dashes, apostrophes, widths. Pure.

A phone that corrects writes "Ma’ruf" where a keyboard wrote "Ma'ruf", Word writes "Al‑Amin", a
spreadsheet puts a no-break space. Whoever compares or reads typed text folds it here first.
"""

from __future__ import annotations

import unicodedata

APOSTROPHES = "'’‘`´ʼ′ʹʻʽʾʿˈˊˋ‛‵ꞌ՚׳᾽᾿῾＇｀"
"""Signs that stand for an apostrophe; the plain one first, then those met most."""

MORE_DASHES = "−⁃˗"
"""Signs that stand for a dash beside those that Unicode calls one (category Pd)."""

_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    + "".join(chr(code) for code in range(0x180B, 0x1810))
    + "".join(chr(code) for code in range(0xFE00, 0xFE10))
    + "".join(chr(code) for code in range(0xE0100, 0xE01F0))
)
"""Characters that no font shows though Unicode calls them letters or marks."""

_PLAIN_APOSTROPHES = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))


def is_unseen(sign: str) -> bool:
    """Whether a character has no shape: a format character, a filler, a variation selector."""
    return sign in _UNSEEN or unicodedata.category(sign) == "Cf"


def is_dash(sign: str) -> bool:
    """Whether a character is any kind of dash, hyphen or minus."""
    return unicodedata.category(sign) == "Pd" or sign in MORE_DASHES


def seen(text: str) -> str:
    """Return what a reader sees of a text: no outer blanks, nothing without a shape."""
    if text.isascii():
        return text.strip()
    return "".join(sign for sign in text if not is_unseen(sign)).strip()


def tidied(text: str) -> str:
    """Return a text as it is shown: nothing without a shape, any run of blanks one blank."""
    return " ".join(seen(text).split())


def folded(text: str) -> str:
    """Return the form in which names are compared: NFKC, nothing unseen, one kind of blank, dash,
    apostrophe and case."""
    if text.isascii():
        return " ".join(text.replace("`", "'").split()).casefold()
    # before NFKC as well: it takes an accent that stands for an apostrophe apart
    return folded_before(_plain_signs(unicodedata.normalize("NFKC", _plain_signs(text))))


def folded_before(text: str) -> str:
    """Return what `folded` was until it knew of dashes and apostrophes: for ids made then."""
    if text.isascii():
        return " ".join(text.split()).casefold()
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(sign for sign in plain if sign.isspace() or not is_unseen(sign))
    return unicodedata.normalize("NFKC", " ".join(kept.split()).casefold())


def _plain_signs(text: str) -> str:
    plain = text.translate(_PLAIN_APOSTROPHES)
    return "".join("-" if is_dash(sign) else sign for sign in plain)
