"""E-mail addresses as people type and paste them: what is obviously meant is taken. Pure."""

from __future__ import annotations

import re
import unicodedata

_IN_BRACKETS = re.compile(r"[^<>]*<([^<>]+)>[\s.,;]*")
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)
_AROUND_AT = re.compile(r"\s*@\s*")
_WRAPPING = " \t\r\n\"'“”‘’()[].,;:"


def clean_email(text: str) -> str:
    """Return the address that a text obviously means; what is not obvious stays as it is, for
    whoever checks it to refuse.

    `Siti <siti@x.id>`, `mailto:siti@x.id?subject=…`, a dot or comma behind it, quotes around it,
    wide letters, blanks around the @ and signs that nobody sees.
    """
    plain = unicodedata.normalize("NFKC", text).replace("。", ".")
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf").strip()
    if found := _IN_BRACKETS.fullmatch(plain):
        plain = found[1]
    plain = plain.strip(_WRAPPING)
    if _MAILTO.match(plain):
        plain = plain[len("mailto:") :].partition("?")[0]
    return _AROUND_AT.sub("@", plain.strip(_WRAPPING)) if plain.count("@") == 1 else plain
