"""The texts that stand for a session: the credential of a cookie or of a bearer, and the long-lived
token (remember cookie, refresh token) that brings the next credential.

A cookie's value and a bearer are two kinds, told apart by their form: neither stands for the other,
so that what leaks from a cookie opens nothing without a browser's rules.

A long-lived token is derived, not kept: `<member>.<sid>.<generation>.<mac>`, where the MAC is over
our key and a seed that only the session's record has. Nothing here changes a session.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from store.errors import Unauthenticated
from store.keys import Keys
from store.sessions.session import digest

LONGEST = 200
"""Characters of the longest text worth taking apart."""


BEARER = "jat_"
"""What a bearer begins with; a cookie's value begins with a member's id, in hex."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a cookie (`<member>.<sid>.<secret>`) or a bearer (the same after `jat_`) says."""

    member: str
    sid: str
    secret: str
    is_bearer: bool = False

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Take it apart. Raises Unauthenticated when it has not the form."""
        words = _parts(text.removeprefix(BEARER), 3)
        return cls(words[0], words[1], words[2], text.startswith(BEARER))

    def __str__(self) -> str:
        return f"{BEARER if self.is_bearer else ''}{self.member}.{self.sid}.{self.secret}"

    @property
    def mark(self) -> str:
        """What the session's record keeps of it: a digest of the secret and of its kind."""
        return digest(f"bearer {self.secret}" if self.is_bearer else self.secret)


@dataclass(frozen=True, slots=True)
class LongToken:
    """A long-lived token that is ours: which generation was presented, and what it brings."""

    generation: int
    successor: Credential


class LongTokens:
    """Makes long-lived tokens, and recognises its own."""

    def __init__(self, secret_keys: Sequence[str], redis: Redis, keys: Keys) -> None:
        """The first of the secret keys signs, what any of them signed is ours."""
        self._secret_keys = [key.encode() for key in secret_keys]
        self._redis = redis
        self._keys = keys

    def family(self) -> dict[str, Any]:
        """Return the fields of a new record that has such a token: its first generation, and what
        all that follow are derived from."""
        return {"generation": 1, "rotated_at": 0, "seed": secrets.token_urlsafe(16)}

    def of(self, record: dict[str, Any]) -> str | None:
        """Return the token of a record's present generation, None for a session without one."""
        if not record.get("generation"):
            return None
        place = (record["member"], record["sid"], str(record["generation"]))
        return ".".join((*place, _mac(self._secret_keys[0], "long", *place, record["seed"])))

    async def read(self, text: str, *, is_bearer: bool = False) -> LongToken:
        """Check a token's signature before it may touch anything. Raises Unauthenticated.

        `is_bearer` tells what it is to bring: the next bearer, or a cookie's value.
        """
        member, sid, generation, mac = _parts(text, 4)
        if not generation.isdigit() or len(generation) > 9:
            raise Unauthenticated()
        seed = await self._seed(member, sid)
        key = self._key_of(mac, "long", member, sid, generation, seed)
        # derived, not drawn, and from what the token itself was: several tabs that present it at
        # once get one successor, from processes of before and after a new key as well
        secret = _mac(key, "secret", member, sid, str(int(generation) + 1), seed)
        return LongToken(int(generation), Credential(member, sid, secret, is_bearer))

    async def _seed(self, member: str, sid: str) -> str:
        """The random part of a session's long-lived tokens; a tombstone still has it."""
        for name in (self._keys.sessions(member), self._keys.ended(member)):
            text = await self._redis.hget(name, sid)
            if text and "seed" in (record := json.loads(text)):
                return str(record["seed"])
        raise Unauthenticated()

    def _key_of(self, mac: str, *words: str) -> bytes:
        """The key that signed. Raises Unauthenticated when none of ours did."""
        signed = [key for key in self._secret_keys if hmac.compare_digest(mac, _mac(key, *words))]
        if not signed:
            raise Unauthenticated()
        return signed[0]


def _mac(key: bytes, *words: str) -> str:
    return hmac.new(key, "|".join(words).encode(), hashlib.sha256).hexdigest()[:43]


def _parts(text: str, count: int) -> list[str]:
    """The words of a text of this form, the second of them a session's id."""
    parts = text.split(".")
    if len(text) > LONGEST or len(parts) != count or not all(map(_is_word, parts)):
        raise Unauthenticated()
    # the hash of sessions has other fields too: none of them may be asked for
    if not _SID.fullmatch(parts[1]):
        raise Unauthenticated()
    return parts


_SID = re.compile(r"[0-9a-f]{16}")


def _is_word(text: str) -> bool:
    """Letters, digits, `-` and `_` only: what our ids and secrets are made of; safe in a key."""
    return bool(text) and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
