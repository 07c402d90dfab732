"""Who has shown this process a session that was good: the others are strangers to it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

MOST_KNOWN = 20_000
"""More than a process has members at once; 3 MB. Who is forgotten is a stranger for one request."""


class Known:
    """The sessions that were good, the last ones seen."""

    def __init__(self) -> None:
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, credential: str) -> bool:
        return bool(credential) and _digest(credential) in self._digests

    def add(self, credential: str) -> None:
        """Know a credential that was found good."""
        digest = _digest(credential)
        self._digests[digest] = None
        self._digests.move_to_end(digest)
        if len(self._digests) > MOST_KNOWN:
            self._digests.popitem(last=False)


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
