"""The outbox of messages as operators see it; `jobs.messages` sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.database import Row, statement
from store.errors import NotFound
from store.outboxes import Outbox

STATES = ("queued", "sent", "dead", "overtaken")
"""Waits, went out, was given up, was not so any more."""


class Messages(Outbox):
    """The outbox of messages."""

    name = "messages"
    states = STATES

    async def list(
        self, *, state: str | None = None, before: int | None = None, count: int = 50
    ) -> list[dict[str, Any]]:
        """Return messages, the newest first. Raises Unavailable."""
        params = {"state": state, "before": before, "count": count}
        rows = await self._database.fetch(statement("messages", "list"), params)
        return [_public(row) for row in rows]

    async def resend(self, id: int) -> Row:
        """Send a message again, as soon as it may ring. Raises NotFound, Unavailable."""
        for row in await self._again(id):
            return row
        raise NotFound("Pesan itu tidak ada.")

    async def resend_dead(self) -> int:
        """Send everything that was given up once more; returns how many. Raises Unavailable."""
        return len(await self._again(None))

    async def _again(self, id: int | None) -> Sequence[Row]:
        async with self._database.connection() as connection:
            found = await connection.execute(statement("messages", "again"), {"id": id})
            await self._try_now(connection)
            return await found.fetchall()


def _public(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "state": row["state"],
        "member": row["member_id"],
        "name": row["name"] or "",
        "to": row["phone"] or "",
        "kind": row["kind"],
        "attempts": row["attempts"],
        "last_error": row["error"] or "",
        "due_at": row["due_at"].timestamp(),
        "sent_at": row["sent_at"].timestamp() if row["sent_at"] else None,
    }
