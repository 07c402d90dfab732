"""Letters to members become mails that are owed, in the event's own transaction."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from jobs.persist.effects import Effect, moment_of, text
from store.database import statement
from store.events import Event


def owed(event: Event) -> Effect | None:
    """The letter of `letter.owed` or `member.changed {member, letter?}`: None for no letter."""
    letter = event.data.get("letter")
    if not letter:
        return None
    if not isinstance(letter, dict) or not isinstance(letter.get("template"), str):
        raise ValueError("letter is none")
    at = moment_of(int(event.id.partition("-")[0]))
    return Effect(
        statement("mail", "owe_letter"),
        {
            "key": f"letter-{event.id}",
            "template": letter["template"],
            "member": text(event, "member"),
            "to": str(letter.get("to") or ""),
            "phone": str(letter.get("phone") or ""),
            "said": Jsonb({**dict(letter.get("said") or {}), "at": at.isoformat()}),
        },
    )
