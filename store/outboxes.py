"""When an outbox rests as a whole, because what is beyond it takes nothing from us.

Each rest is twice as long as the one before, until something is taken. `words` are what was
answered, for the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.database import Connection, Database, statement

FIRST_SECONDS = 60
LONGEST_SECONDS = 900
"""A quota is over within a quarter of an hour of being there again."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Why an outbox rests; moments in unix seconds."""

    words: str
    failures: int
    since: float
    until: float
    is_on: bool
    """Whether it is not over yet; one that is over is tried, and lasts until something is taken."""

    def public(self) -> dict[str, Any]:
        """Return it as operators see it."""
        return {
            "words": self.words,
            "failures": self.failures,
            "since": self.since,
            "until": self.until,
        }


async def rest_of(database: Database, outbox: str) -> Rest | None:
    """Return the rest of an outbox, None while things are taken. Raises Unavailable."""
    row = await database.fetch_one(statement("outboxes", "rest_of"), {"outbox": outbox})
    if row is None:
        return None
    since, until = row["since"].timestamp(), row["until"].timestamp()
    return Rest(row["words"], row["failures"], since, until, row["is_on"])


async def rest(database: Database, outbox: str, words: str) -> None:
    """Begin a rest, or the next and longer one. Raises Unavailable."""
    params = {
        "outbox": outbox,
        "words": words,
        "first": FIRST_SECONDS,
        "longest": LONGEST_SECONDS,
    }
    async with database.connection() as connection:
        await connection.execute(statement("outboxes", "rest"), params)


async def try_now(connection: Connection, outbox: str) -> None:
    """Let a run try at once: whoever asks by hand has put something right."""
    await connection.execute(statement("outboxes", "try_now"), {"outbox": outbox})


async def end(database: Database, outbox: str) -> None:
    """Something was taken. Raises Unavailable."""
    async with database.connection() as connection:
        await connection.execute(statement("outboxes", "end"), {"outbox": outbox})
