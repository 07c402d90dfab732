"""Outboxes: rows of Postgres that a worker has to send, and what all of them have in common.

A row is claimed with a lease (a worker that dies loses it), sent, and marked. A row that fails is
tried again, later each time; after the last try it is dead, and a person has to look at it. While
the other side takes nothing from us, the whole outbox rests, each time twice as long.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, ClassVar

from store.database import Connection, Database, Row, statement

FIRST_SECONDS = 60
LONGEST_SECONDS = 900
"""A quota is over within a quarter of an hour of being there again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after each failure; after the last one the row is dead."""

    seconds: tuple[float, ...]
    spread: float = 0.2
    """By which part each wait is drawn shorter or longer, so that not all come back at once."""

    def after(self, attempts: int) -> float | None:
        """Return the seconds to wait when it failed after `attempts` failures before; None: no
        more."""
        if attempts >= len(self.seconds):
            return None
        return self.seconds[attempts] * random.uniform(1 - self.spread, 1 + self.spread)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Rest:
    """Why an outbox rests; moments in unix seconds."""

    words: str
    """What was answered, for the operator."""
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


class Outbox:
    """What an outbox does, whatever it holds. Each of its methods raises Unavailable."""

    name: ClassVar[str]
    """Its name among the rests, and of its file in `store/sql`, which has `claim`, `failed` and
    `counts`."""

    states: ClassVar[tuple[str, ...]]

    def __init__(self, database: Database) -> None:
        self._database = database

    # Sending

    async def claim(self, lease: float) -> Row | None:
        """Return the next row that is due, nobody else's for `lease` seconds; None for none."""
        return await self._database.fetch_one(statement(self.name, "claim"), {"lease": lease})

    async def mark(self, statement_name: str, row: Row, **more: Any) -> None:
        """Write down what became of a claimed row. Takes a statement of the outbox's file, and what
        it needs besides the row's `id` and `turn`."""
        params = {"id": row["id"], "turn": row.get("turn")} | more
        async with self._database.connection() as connection:
            await connection.execute(statement(self.name, statement_name), params)

    async def fail(self, row: Row, words: str, backoff: Backoff | None) -> bool:
        """Write down that a claimed row was not taken. It is tried again as `backoff` says, and is
        dead after that, or at once without one. Takes what was answered; returns whether it is
        dead."""
        wait = backoff.after(int(row["attempts"])) if backoff else None
        is_dead = wait is None
        await self.mark("failed", row, error=words, dead=is_dead, seconds=wait or 0.0)
        return is_dead

    # Resting

    async def resting(self) -> Rest | None:
        """Return the rest, None while things are taken."""
        params = {"outbox": self.name}
        row = await self._database.fetch_one(statement("outboxes", "rest_of"), params)
        if row is None:
            return None
        since, until = row["since"].timestamp(), row["until"].timestamp()
        return Rest(row["words"], row["failures"], since, until, row["is_on"])

    async def rest(self, words: str) -> None:
        """Begin a rest, or the next and longer one. Takes what was answered."""
        bounds = {"first": FIRST_SECONDS, "longest": LONGEST_SECONDS}
        await self._execute("rest", words=words, **bounds)

    async def end_rest(self) -> None:
        """Something was taken."""
        await self._execute("end")

    async def _try_now(self, connection: Connection) -> None:
        """Let a run try at once: whoever asks by hand has put something right."""
        await connection.execute(statement("outboxes", "try_now"), {"outbox": self.name})

    async def _execute(self, name: str, **params: Any) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement("outboxes", name), {"outbox": self.name} | params)

    # For operators

    async def counts(self) -> dict[str, int]:
        """Return how many are in each state."""
        found = await self._database.fetch(statement(self.name, "counts"))
        return dict.fromkeys(self.states, 0) | {row["state"]: row["count"] for row in found}

    async def trouble(self) -> dict[str, Any] | None:
        """Return why nothing leaves, `{words, failures, since, until}` in unix seconds, or None."""
        rest = await self.resting()
        return rest.public() if rest else None
