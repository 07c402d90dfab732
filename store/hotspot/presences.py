"""Proofs of presence: a device logs in at the router once, as a user made for it alone.

A record is found by the digest of a token that only the page has, and lives as long as the user.
Users that were made are kept by name until they were taken away again, so that none is forgotten.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from store.changes import Part

PROOF_SECONDS = 120
"""From the code to the router's page and back, on a phone that thinks; the user may use the
Internet for half of it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A one-time user on a router, and what is done once it was used."""

    router: str
    user: str
    password: str
    wish: Mapping[str, Any]
    """The device as it was asked for: see `jobs.hotspot.binding.bind_device`."""


class Presences(Part):
    """The proofs that are under way."""

    async def begin(self, router: str, wish: Mapping[str, Any]) -> tuple[str, Proof]:
        """Note that a user is to be made; returns the token for the page, and the proof."""
        token = secrets.token_urlsafe(18)
        proof = Proof(router, f"jaga-{secrets.token_hex(6)}", secrets.token_urlsafe(12), wish)
        async with self._redis.pipeline(transaction=True) as pipe:
            # before the user is made: one that nobody knows of would stay for ever
            made = {"router": router, "until": time.time() + PROOF_SECONDS}
            pipe.hset(self._keys.hotspot_presence_users(), proof.user, json.dumps(made))
            pipe.set(self._key(token), json.dumps(asdict(proof)), ex=PROOF_SECONDS)
            await pipe.execute()
        return token, proof

    async def find(self, token: str) -> Proof | None:
        """Return the proof of a token, None when it is over or unknown."""
        text = await self._redis.get(self._key(token))
        return Proof(**json.loads(text)) if text else None

    async def end(self, token: str) -> bool:
        """Use a proof up; returns whether this call did. Of many at once, one does."""
        return bool(await self._redis.delete(self._key(token)))

    async def overdue(self) -> list[tuple[str, str]]:
        """Return router and name of the users that should be gone."""
        kept = await self._redis.hgetall(self._keys.hotspot_presence_users())
        found = {str(user): json.loads(text) for user, text in kept.items()}
        now = time.time()
        return [(str(made["router"]), user) for user, made in found.items() if made["until"] <= now]

    async def forget(self, user: str) -> None:
        """Note that a user is gone from its router."""
        await self._redis.hdel(self._keys.hotspot_presence_users(), user)

    def _key(self, token: str) -> str:
        return self._keys.hotspot_presence(hashlib.sha256(token.encode()).hexdigest()[:32])
