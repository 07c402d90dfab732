"""What is not kept for good, and how long each of it is; everything that only grows is named here.

Kept for good, because they are what the product is for: members, meetings, students and their
attendance, orders, licences with the deliveries that paid for them, hotspot accounts. A member who
is deleted takes devices and history along at once; the rest is forgotten by age, as are newcomers
whom nobody has approved.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from store.database import statement
from store.opening import Store, open_store
from store.payments.intake import HELD_DAYS
from store.settings import Settings

BATCH = 1_000
"""Rows of one transaction: some tens of milliseconds, so that nobody waits for a row of it."""

PAUSE_SECONDS = 0.05
"""Between two batches: the log and the reports have Postgres for most of the time."""

RUN_SECONDS = 30.0
"""The longest run; what is left waits for the next, an hour later. A million rows are gone within
a day that way."""

QUARTER_DAYS = 90
"""For what settles disputes of the day and holds addresses of people: a school term and a bit."""

STALE_DAYS = 7
"""After which word of a new phone is no news any more."""

NEWCOMER_DAYS = 7
"""How long a newcomer waits for approval; whoever still wants to be let in registers again. One for
whom something was bought is kept."""

log = logging.getLogger("jaga.retention")


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of row and how long it is kept: days, or None for what RETENTION_DAYS says."""

    statement: str
    days: int | None = None


TABLE = (
    # who did what, and where somebody was logged in
    Kept("forget_audit"),
    Kept("forget_sessions"),
    Kept("forget_devices"),  # nobody is logged in there
    Kept("forget_transitions"),
    # how much each member used, day by day; Redis has the last month itself
    Kept("forget_hotspot_days"),
    # what was taken back stays away from the gate for the two days in which it could return
    Kept("forget_revocations"),
    # what could not be applied, for whoever looks into it
    Kept("forget_rejected_events"),
    # that a member was deleted, for the case that an older copy of Redis is put back
    Kept("forget_gone_members"),
    # deliveries from which nothing came: forged ones, test events, the same order once more
    Kept("forget_deliveries"),
    # deliveries that came while there was no key to check them by
    Kept("forget_held", HELD_DAYS),
    # licence keys and names in clear
    Kept("forget_mails", QUARTER_DAYS),
    Kept("forget_messages", QUARTER_DAYS),
    # not sent: a site that gets its mail server months later must not frighten everybody at once
    Kept("forget_stale_letters", STALE_DAYS),
    # who let whom in; who tried to fill in twice
    Kept("forget_qr_requests", QUARTER_DAYS),
    Kept("forget_attempts", QUARTER_DAYS),
)


async def forget() -> None:
    """Forget what is too old; RQ calls this by name, once an hour."""
    async with open_store(Settings.from_environment()) as store:
        now = datetime.now(UTC)
        await run(store, now)
        await forget_newcomers(store, now)


async def forget_newcomers(store: Store, now: datetime) -> int:
    """Forget the newcomers whom nobody has approved; returns how many. They go from Redis, where
    they live, and the log takes them out of Postgres. BATCH at most in a run. Raises Unavailable.
    """
    params = {"before": now - timedelta(days=NEWCOMER_DAYS), "count": BATCH}
    async with store.database.connection() as connection:
        found = await connection.execute(statement("retention", "stale_newcomers"), params)
        members = [str(row["id"]) for row in await found.fetchall()]
    gone = sum([await store.hotspot.newcomers.forget(member) for member in members])
    if gone:
        log.info("newcomers forgotten: %s", gone)
    return gone


async def run(store: Store, now: datetime, seconds: float = RUN_SECONDS) -> dict[str, int]:
    """Delete what is too old at `now`, in batches, for `seconds` at most.

    Returns how many rows each statement deleted. Each batch is a transaction of its own, so a run
    that is cut short keeps what it did, and several runs may overlap. Raises Unavailable.
    """
    enough = time.monotonic() + seconds
    gone: dict[str, int] = {}
    for kept in TABLE:
        days = store.settings.retention_days if kept.days is None else kept.days
        gone[kept.statement] = await _forget(store, kept, now - timedelta(days=days), enough)
    if said := ", ".join(f"{rows} by {name}" for name, rows in gone.items() if rows):
        log.info("rows deleted: %s", said)
    return gone


async def _forget(store: Store, kept: Kept, before: datetime, enough: float) -> int:
    params = {"before": before, "count": BATCH}
    deleted = 0
    while True:
        async with store.database.connection() as connection:
            batch = await connection.execute(statement("retention", kept.statement), params)
        deleted += batch.rowcount
        if batch.rowcount < BATCH or time.monotonic() >= enough:
            return deleted
        await asyncio.sleep(PAUSE_SECONDS)
