"""Login names: the one form under which they are compared."""

from __future__ import annotations

import unicodedata


def fold(login: str) -> str:
    """Return the form under which a login name is compared: NFKC, no outer blanks, casefolded."""
    return unicodedata.normalize("NFKC", login).strip().casefold()
