"""The hotspot as its operator looks at it: lists and counts over everybody.

Who is in which state depends on the moment and the house's rules, so it is not kept anywhere: it
is decided while reading. Ten thousand accounts are read some at a time, and the loop is let go
between two readings, so that nobody else waits for an operator who looks.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from store.clock import now_ms
from store.hotspot.account import Account
from store.hotspot.deciding import STATUSES, Policy
from store.hotspot.ledger import RUNS_KEPT
from store.members import fold
from store.opening import Store
from store.phones import is_within

SCAN = 2_000
"""Accounts that one request looks at, at most: a tenth of a second of work. The answer's `next`
goes on from there."""

STEP = 250
"""Accounts between two turns of the loop: some five milliseconds of Python."""

OVERVIEW_MS = 2_000
REST = 10
"""The counts are kept for two seconds, or for ten times as long as the counting took: however many
members there are and however many operators look, counting takes a tenth of a core at most."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which accounts are meant; what is empty does not narrow. All of it must fit."""

    text: str = ""
    """A part of the name, or of the phone in any of its forms."""

    status: str = ""
    pending: bool = False
    """Only whom a router was not seen to agree with yet."""

    waiting: bool = False
    """Only who waits for approval."""

    def fits(self, account: Account, row: dict[str, Any]) -> bool:
        """Whether an account, shown as `row`, is meant."""
        return (
            (not self.status or row["status"] == self.status)
            and (not self.pending or row["pending"])
            and (not self.waiting or not account.approved)
            and (not self.text or self._is_found(account))
        )

    def _is_found(self, account: Account) -> bool:
        return is_within(self.text, account.phone) or fold(self.text) in fold(account.name)


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, how many accounts were looked at, and the cursor of what follows (None: the end)."""

    rows: list[dict[str, Any]]
    scanned: int
    next: str | None


class Desk:
    """What an operator sees."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policy = Policy.of(store.settings)

    # Everybody

    async def overview(self) -> dict[str, Any]:
        """Return how many accounts are in each status, how many wait for a router and for
        approval, and every router. Raises Unavailable after Redis was emptied."""
        key = self._store.keys.hotspot_overview()
        kept = await self._store.redis.get(key)
        if kept is not None:
            return dict(json.loads(kept))
        began = time.monotonic()
        counted = await self._count()
        counted["routers"] = await self._store.hotspot.ledger.routers()
        took_ms = int((time.monotonic() - began) * 1000)
        kept_ms = max(OVERVIEW_MS, took_ms * REST)
        await self._store.redis.set(key, json.dumps(counted), px=kept_ms)
        return counted

    async def _count(self) -> dict[str, Any]:
        statuses = dict.fromkeys(STATUSES, 0)
        pending = waiting = 0
        async for account, row in self._everybody(await self._store.hotspot.accounts.members()):
            statuses[row["status"]] += 1
            pending += row["pending"]
            waiting += not account.approved
        return {
            "members": sum(statuses.values()),
            "statuses": statuses,
            "pending": pending,
            "waiting_approval": waiting,
        }

    async def find(self, which: Which, after: str, most: int) -> Found:
        """Return up to `most` rows after a cursor; those of a house that one request can look at
        as a whole by name, those of a larger one by id."""
        members = await self._store.hotspot.accounts.members()
        if len(members) <= SCAN:
            return await self._by_name(members, which, after, most)
        return await self._by_id([one for one in members if one > after], which, most)

    async def _by_name(self, members: Sequence[str], which: Which, after: str, most: int) -> Found:
        begins = ("", "")
        found = []
        async for account, row in self._everybody(members):
            place = (fold(account.name), account.member)
            if account.member == after:
                begins = place
            if which.fits(account, row):
                found.append((place, row))
        rows = [row for place, row in sorted(found, key=_place) if place > begins]
        following = rows[most - 1]["id"] if len(rows) > most else None
        return Found(rows[:most], len(members), following)

    async def _by_id(self, members: Sequence[str], which: Which, most: int) -> Found:
        rows: list[dict[str, Any]] = []
        scanned = 0
        async for account, row in self._everybody(members[:SCAN]):
            scanned += 1
            if which.fits(account, row):
                rows.append(row)
            if len(rows) == most:
                return Found(rows, scanned, account.member)
        return Found(rows, scanned, members[SCAN - 1] if len(members) > SCAN else None)

    async def rows_of(self, members: Sequence[str]) -> list[dict[str, Any]]:
        """Return these members' rows; those that are gone are left out."""
        return [row async for _, row in self._everybody(members)]

    async def row_of(self, member: str) -> dict[str, Any]:
        """Return one member's row. Raises NotFound."""
        return self.row(await self._store.hotspot.accounts.get(member))

    async def _everybody(
        self, members: Sequence[str]
    ) -> AsyncIterator[tuple[Account, dict[str, Any]]]:
        for at in range(0, len(members), STEP):
            for account in await self._store.hotspot.accounts.of(members[at : at + STEP]):
                yield account, self.row(account)
            await asyncio.sleep(0)

    def row(self, account: Account) -> dict[str, Any]:
        """Return an account as an operator sees it: as its member does, and whose it is."""
        return {
            "id": account.member,
            "name": account.name,
            "account": account.status,
            "leaving": account.is_leaving,
            **account.public(now_ms(), self._policy),
            "obstacles": account.in_the_way(),
        }

    # Runs

    async def runs(self, router: str, most: int) -> list[dict[str, Any]]:
        """Return the newest runs, of one router or ("") of all; `name` is whom one was for."""
        runs = await self._store.hotspot.ledger.runs(RUNS_KEPT if router else most)
        meant = [run for run in runs if router in ("", run["router"])][:most]
        members = sorted({run["only"] for run in meant if run["only"]})
        accounts = await self._store.hotspot.accounts.of(members)
        names = {account.member: account.name for account in accounts}
        return [run | {"name": names.get(run["only"], "")} for run in meant]


def _place(found: tuple[tuple[str, str], dict[str, Any]]) -> tuple[str, str]:
    return found[0]
