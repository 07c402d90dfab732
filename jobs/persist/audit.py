"""The audit: who did what to whom."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from jobs.persist.effects import Effect, moment, text
from store.database import statement
from store.events import Event


def written(event: Event) -> Effect:
    """`audit {actor, act, subject, detail, at, ip}`."""
    return Effect(
        statement("audit", "write_entry"),
        {
            "event_id": event.id,
            "actor": text(event, "actor"),
            "act": text(event, "act"),
            "subject": text(event, "subject", ""),
            "detail": Jsonb(event.data.get("detail") or {}),
            "ip": text(event, "ip", ""),
            "at": moment(event),
        },
    )
