"""Registrations: a newcomer's wish to be let in, kept until the phone is proven.

A registration holds nothing: not the phone, no row, no name to log in by. Whoever proves the phone
by its code is made a newcomer, who waits for an operator's approval in the portal.
"""

from __future__ import annotations

from store.changes import Changes, Part
from store.members import Members

KEPT_SECONDS = 3600
"""Long enough for a code that comes late, and for one more; whoever is later registers again."""


class Registrations(Part):
    """The wishes."""

    def __init__(self, changes: Changes, members: Members) -> None:
        super().__init__(changes)
        self._members = members

    async def keep(self, phone: str, name: str) -> None:
        """Keep a wish; of several for one phone (`628…`) the last one counts."""
        await self._redis.set(self._keys.hotspot_registration(phone), name, ex=KEPT_SECONDS)

    async def is_kept(self, phone: str) -> bool:
        """Return whether somebody wishes to be let in with this phone."""
        return bool(await self._redis.exists(self._keys.hotspot_registration(phone)))

    async def complete(self, phone: str) -> str | None:
        """Make a newcomer of who has just proven this phone; returns their id, None for who never
        registered."""
        name = await self._redis.get(self._keys.hotspot_registration(phone))
        if name is None:
            return None
        member = await self._members.register(phone, str(name))
        await self._redis.delete(self._keys.hotspot_registration(phone))
        return member
