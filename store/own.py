"""What a member may see of themselves, read from the lasting copy. Never a secret, and nobody
else's."""

from __future__ import annotations

import asyncio
from typing import Any

from store.clock import now_ms
from store.database import Database, Row, statement
from store.errors import NotFound
from store.hotspot.deciding import Policy
from store.hotspot.parts import Hotspot
from store.members import Member
from store.settings import Settings

SHOWN = 50
"""Rows of each kind on a page: a year of what most people do."""

EXPORTED = 10_000
"""Rows of each kind in an export, some megabytes at most."""


class Own:
    """A member's own rows. Each method raises Unavailable without Postgres."""

    def __init__(self, settings: Settings, database: Database, hotspot: Hotspot) -> None:
        self._policy = Policy.of(settings)
        self._database = database
        self._hotspot = hotspot

    async def bought(self, member: Member, count: int = SHOWN) -> dict[str, list[Row]]:
        """Return the orders and licences of the member's address, newest first."""
        orders, licences = await asyncio.gather(
            self._rows("orders", email=member.email, count=count),
            self._rows("licences", email=member.email, count=count),
        )
        return {"orders": orders, "licences": licences}

    async def audit(self, member: Member, count: int = SHOWN) -> list[Row]:
        """Return what was done to the account, newest first: `who` is `self`, `staff` or
        `stranger`."""
        return await self._rows("audit", member=member.id, count=count)

    async def export(self, member: Member) -> dict[str, Any]:
        """Return who a member is, what was bought and done, sessions and hotspot, as plain data;
        times in unix seconds."""
        bought, audit, sessions, hotspot = await asyncio.gather(
            self.bought(member, EXPORTED),
            self.audit(member, EXPORTED),
            self._rows("sessions", member=member.id, count=EXPORTED),
            self._hotspot_of(member.id),
        )
        return {
            "member": member.public(),
            **bought,
            "audit": audit,
            "sessions": sessions,
            "hotspot": hotspot,
        }

    async def _hotspot_of(self, member_id: str) -> dict[str, Any] | None:
        try:
            account = await self._hotspot.accounts.get(member_id)
        except NotFound:
            return None
        days = await self._hotspot.quota.days(member_id)
        return {
            **account.public(now_ms(), self._policy),
            "days": [{"day": day, "bytes": used} for day, used in days],
        }

    async def _rows(self, name: str, **params: Any) -> list[Row]:
        return list(await self._database.fetch(statement("own", name), params))
