"""The outbox of mails: what is owed, what became of it, and how it is sent anew.

A mail is a row, written in the transaction that makes it due (`owe`) and sent by `jobs.mail`. To
send it anew is to begin another *turn* of the same row: a new Message-ID, so that no server takes
it for a repetition, perhaps another recipient, and its attempts from the beginning. `owe` and
`send_anew` take the caller's connection and belong into its transaction; call `Mails.notify` after.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from store.database import Connection, Database, Row, statement
from store.errors import NotFound, Unavailable
from store.outboxes import Outbox
from store.queue import Queue

STATES = ("queued", "sent", "dead")
"""Waits, went out, was given up."""

log = logging.getLogger("jaga.mail")


async def owe(
    connection: Connection,
    *,
    key: str,
    template: str,
    recipient: str,
    payload: Mapping[str, Any],
    ref_id: str = "",
) -> None:
    """Owe a mail, once for each `key`. `payload` is what the template of `jobs/mail/templates`
    needs, as JSON; `ref_id` the order it is about."""
    await connection.execute(
        statement("mail", "owe"),
        {
            "key": key,
            "template": template,
            "recipient": recipient,
            "payload": Jsonb(dict(payload)),
            "ref_id": ref_id,
        },
    )


async def send_anew(
    connection: Connection,
    *,
    id: int | None = None,
    ref_id: str | None = None,
    recipient: str | None = None,
) -> list[Row]:
    """Begin another turn of one mail (`id`) or of all mails of an order (`ref_id`), whatever their
    state; to another `recipient` where one is given.

    Returns `{id, ref_id, recipient}` of each.
    """
    if id is None and ref_id is None:
        raise ValueError("of which mails")
    params = {"id": id, "ref_id": ref_id, "recipient": recipient}
    return await (await connection.execute(statement("mail", "send_anew"), params)).fetchall()


class Mails(Outbox):
    """The outbox of mails."""

    name = "mail"
    states = STATES

    def __init__(self, database: Database, queue: Queue) -> None:
        super().__init__(database)
        self._queue = queue

    async def notify(self) -> None:
        """Have a worker send what is due; one that cannot be asked now comes by itself."""
        try:
            await self._queue.enqueue("jobs.mail.send", unique="mail")
        except Unavailable:
            log.warning("queue away: mails go when the scheduler asks for them")

    async def resend(self, id: int) -> Row:
        """Send one mail again, now: one that waits as it is, any other in a new turn.

        Returns `{id, ref_id, recipient}`. Raises NotFound, Unavailable.
        """
        async with self._database.connection() as connection:
            waiting = await connection.execute(statement("mail", "hurry"), {"id": id})
            rows = await waiting.fetchall() or await send_anew(connection, id=id)
            if not rows:
                raise NotFound("Email itu tidak ada.")
            await self._try_now(connection)
        await self.notify()
        return rows[0]

    async def resend_dead(self) -> int:
        """Send everything that was given up once more; returns how many. Raises Unavailable."""
        async with self._database.connection() as connection:
            revived = await connection.execute(statement("mail", "revive"))
            await self._try_now(connection)
        await self.notify()
        return revived.rowcount

    async def list(
        self,
        *,
        state: str | None = None,
        search: str = "",
        ref_id: str | None = None,
        recipient: str | None = None,
        before: int | None = None,
        count: int = 50,
    ) -> list[dict[str, Any]]:
        """Return mails, the newest first: of a `state`, of an order, to a `recipient`; `search` is
        part of an address, or an order. Raises Unavailable."""
        rows = await self._database.fetch(
            statement("mail", "list"),
            {
                "state": state,
                "search": search,
                "ref_id": ref_id,
                "recipient": recipient,
                "before": before,
                "count": count,
            },
        )
        return [_public(row) for row in rows]


def _public(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "state": row["state"],
        "to": row["recipient"],
        "template": row["template"],
        "order": row["ref_id"],
        "id_order": row["id_order"] or "",
        "attempts": row["attempts"],
        "turn": row["turn"],
        "last_error": row["last_error"],
        "created_at": row["created_at"].timestamp(),
        "next_at": row["next_at"].timestamp() if row["state"] == "queued" else None,
        "sent_at": row["sent_at"].timestamp() if row["sent_at"] else None,
    }
