"""From a delivery to what it grants, step by step; each step leaves a mark and can be run again.

    received ── judge ──► processing ── enrol, grant ──► granted ── publish ──► done
                   └────► ignored | review | conflict

`judge` derives every id, hashes the new member's password, and writes them down. `enrol` makes the
member in Redis; by that hash it knows its own work again; and it adds hotspot packages, each known
by its order, item and unit. `grant` writes licences and mails in one transaction. `publish` makes
the licences known to Redis and turns the order's page. Killed between any
two, the next run goes on from the mark, and nothing is granted twice.

One run at a time: what came first is judged first.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import psycopg
from redis.exceptions import RedisError

from jobs.payments.enrolling import Enrolling
from jobs.payments.granting import Granting
from jobs.payments.judging import Judging
from jobs.payments.work import Work
from store.database import Connection, Row, statement
from store.errors import Unavailable
from store.locks import Lock, locked
from store.opening import Store
from store.outboxes import Backoff
from store.payments.orders import Unusable

RUN_SECONDS = 30.0

RETRY = Backoff((5, 30, 120, 600, 3_600, 21_600, 86_400))
"""After a failure that is nobody's outage; then `dead`, and a person looks at it."""

log = logging.getLogger("jaga.payments")


class Processing:
    """Works off the inbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._judging = Judging(store)
        self._enrolling = Enrolling(store)
        self._granting = Granting(store)

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Work until nothing is due; returns how many deliveries came to an end.

        Ends early when another run is at work, or Redis or Postgres away.
        """
        deadline = time.monotonic() + seconds
        done = 0
        store = self._store
        try:
            async with locked(store.database, Lock.PAYMENTS, store.keys.prefix) as connection:
                while connection and time.monotonic() < deadline:
                    row = await self._next(connection)
                    if row is None:
                        break
                    await self._work_off(connection, row)
                    done += 1
            if connection:
                # not by one that found the turn taken: it would be called again and again until
                # the other is done
                await notify_of_due(store)
        except (Unavailable, RedisError, OSError) as error:
            log.warning("payments wait: %s", type(error.__cause__ or error).__name__)
        return done

    async def _next(self, connection: Connection) -> Row | None:
        async with connection.transaction():
            found = await connection.execute(statement("payments", "next_due"))
            return await found.fetchone()

    async def _work_off(self, connection: Connection, row: Row) -> None:
        """Take one delivery as far as it goes. What fails is tried again, later each time."""
        try:
            await self._advance(Work(self._store, connection, row))
        except (Unavailable, RedisError, OSError, psycopg.OperationalError):
            raise
        except (Unusable, RecursionError, psycopg.DataError) as error:
            log.warning("delivery %s cannot be used: %s", row["id"], type(error).__name__)
            params = {"id": row["id"], "state": "review", "reason": str(error)[:200]}
            await self._run(connection, "move", params)
        except Exception as error:
            # whatever it was must not keep the orders behind it waiting
            log.exception("delivery %s failed", row["id"])
            await self._postpone(connection, row, f"{type(error).__name__}")

    async def _advance(self, work: Work) -> None:
        state = str(work.row["state"])
        if state == "received":
            state = await self._judging.judge(work)
        if state == "processing":
            await self._enrolling.enrol(work)
            await self._granting.grant(work)
            state = "granted"
        if state == "granted":
            await self._granting.publish(work)
            await work.move("done")

    async def _postpone(self, connection: Connection, row: Row, reason: str) -> None:
        seconds = RETRY.after(int(row["attempts"]))
        if seconds is None:
            log.error("delivery %s is dead after %s attempts", row["id"], row["attempts"])
        await self._run(
            connection, "postpone", {"id": row["id"], "reason": reason, "seconds": seconds}
        )

    async def _run(self, connection: Connection, name: str, params: dict[str, Any]) -> None:
        async with connection.transaction():
            await connection.execute(statement("payments", name), params)


async def notify_of_due(store: Store) -> None:
    """Have a worker do what is due, payments and mails; called whenever the log was applied.

    Raises Unavailable.
    """
    due = await store.database.fetch_one(statement("payments", "is_due"))
    if due and due["payments"]:
        await store.queue.enqueue("jobs.payments.process", unique="payments")
    if due and due["mails"]:
        await store.queue.enqueue("jobs.mail.send", unique="mail")
