"""Login names: the one form under which they are compared."""

from __future__ import annotations

import unicodedata

from store.folding import seen


def fold(login: str) -> str:
    """Return the form under which a login name is compared: NFKC, no outer blanks, casefolded, and
    without the signs that nobody sees: phones and chats paste them along."""
    return fold_before(seen(login))


def fold_before(login: str) -> str:
    """Return what `fold` was until it left out signs that nobody sees: for names taken then."""
    return unicodedata.normalize("NFKC", login).strip().casefold()
