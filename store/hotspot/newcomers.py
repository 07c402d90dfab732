"""Newcomers: members who are known by a phone alone, and whom nobody has approved yet.

One never stands in anybody's way. Whoever becomes a member with the same phone takes it over, and
the newcomer is merged into them, in the step that makes the member. A phone's owner is looked up
first, because a script needs every key named; a script that finds it changed says `moved`, and is
asked again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from store.changes import Changes, Part
from store.names import fold

NO_PASSWORD = "!"  # noqa: S105
"""The hash that no password fits: this member logs in by code only."""

APPROVED, WAITING = "1", "0"
"""How an account says whether somebody approved it."""

TRIES = 5
"""Looks at a phone that changes hands at the same moment: each loses to a different winner."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A newcomer who is part of somebody else now; `registered_at` in unix milliseconds."""

    id: str
    name: str
    phone: str
    registered_at: int

    @classmethod
    def parse(cls, text: str) -> Merged | None:
        """Read what a script says, "" for nobody."""
        return cls(**json.loads(text)) if text else None

    def public(self) -> dict[str, Any]:
        """Return what an operator's answer holds of them."""
        return {
            "id": self.id,
            "name": self.name,
            "phone": self.phone,
            "registered_at": self.registered_at / 1000,
        }


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a phone, "" for nobody; the keys of a newcomer, none for anybody else."""

    id: str
    newcomer_keys: list[str]

    @property
    def is_newcomer(self) -> bool:
        """Whether nobody has approved them yet."""
        return bool(self.newcomer_keys)

    def words(self) -> tuple[str, int]:
        """Return what a script is told of them."""
        return self.id, int(bool(self.newcomer_keys))


class Newcomers(Part):
    """What is known of them."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._forget = changes.script("newcomer_forget")

    async def holder(self, phone: str | None) -> Holder:
        """Return who has a phone (`628…`; None is nobody's)."""
        found = phone and await self._redis.hget(self._keys.hotspot_phones(), phone)
        if not found:
            return Holder("", [])
        return Holder(str(found), await self._keys_of(str(found)))

    async def forget(self, member: str) -> bool:
        """Forget a newcomer. Returns False, and forgets nothing, for a member who is no newcomer or
        has bought something."""
        names = await self._keys_of(member)
        if not names:
            return False
        keys = self._keys
        shared = [keys.events(), keys.clocks(), keys.hotspot_accounts(), keys.hotspot_phones()]
        return bool(await self._forget([*shared, *names], []))

    async def _keys_of(self, member: str) -> list[str]:
        """The names of everything a newcomer has, none for who is no newcomer."""
        keys = self._keys
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.member(member), "password", "role", "email", "username")
            pipe.hget(keys.hotspot(member), "approved")
            (password, role, email, username), approved = await pipe.execute()
        if password != NO_PASSWORD or role != "member" or approved == APPROVED:
            return []
        return [
            keys.member(member),
            keys.hotspot(member),
            keys.sessions(member),
            keys.ended(member),
            keys.hotspot_slots(member),
            keys.hotspot_days(member),
            keys.login(fold(email)),
            keys.login(fold(username)),
            keys.hotspot_macs(),
            keys.hotspot_waiting(),
        ]
