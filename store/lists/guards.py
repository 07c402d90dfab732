"""The apostrophe that keeps a name from being taken for a formula, there and back. Pure."""

from __future__ import annotations

import re
import unicodedata

_FORMULA = re.compile(r"'*[=+\-@\t\r\n|]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n|]")


def guarded(text: str) -> str:
    """Return a cell of a CSV that stays text: what would begin a formula, full-width or not, gets
    an apostrophe before it, and so does what looks like having one."""
    return f"'{text}" if _FORMULA.match(_plain(text)) else text


def guarded_again(text: str) -> str:
    """Return a cell of a spreadsheet, where text is text: only what looks guarded is guarded."""
    return f"'{text}" if _GUARDED.match(_plain(text)) else text


def unguarded(text: str) -> str:
    """Return what was guarded, without its apostrophe; "'Abd" has none."""
    return text[1:] if _GUARDED.match(_plain(text)) else text


def _plain(text: str) -> str:
    """The beginning as a spreadsheet reads it; its length may change, so it only decides."""
    marks = len(text) - len(text.lstrip("'"))
    return text[:marks] + unicodedata.normalize("NFKC", text[marks : marks + 1])
