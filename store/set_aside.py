"""Events that could not be applied to Postgres: how many wait, and what a person may do with them.

The persist job tries each again by itself, after a minute and then ever later.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.changes import Changes
from store.database import Database, Row, statement

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait (MOST_ROWS stands for more), and the newest one's type and error."""

    count: int
    type: str
    error: str


class SetAside:
    """Those of the site's Postgres."""

    def __init__(self, changes: Changes, database: Database) -> None:
        self._changes = changes
        self._database = database

    async def waiting(self) -> Waiting | None:
        """Return what waits, None for nothing. Raises Unavailable."""
        rows = await self.rows()
        return Waiting(len(rows), rows[0]["type"], rows[0]["error"]) if rows else None

    async def rows(self) -> list[Row]:
        """Return `event_id`, `type`, `error`, `at` of each, the newest first. Raises
        Unavailable."""
        return await self._database.fetch(statement("events", "rejected"), {"count": MOST_ROWS})

    async def try_now(self) -> None:
        """Have all of them tried at once. Raises Unavailable."""
        async with self._changes.in_postgres() as connection:
            await connection.execute(statement("events", "retry_rejected"))

    async def drop(self, event_id: str) -> bool:
        """Forget one for good; returns whether it waited. Raises Unavailable."""
        async with self._changes.in_postgres() as connection:
            found = await connection.execute(
                statement("events", "drop_rejected"), {"event_id": event_id}
            )
            return found.rowcount > 0
