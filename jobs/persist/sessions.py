"""The history of sessions, and the devices they were opened on."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from jobs.persist.effects import Effect, moment, text, whole
from store.database import statement
from store.events import Event


def opened(event: Event, *, is_news: bool = True) -> Effect:
    """`session.opened`: a row of history, the device as it was seen then, and a mail to the member
    when that is a phone that never was here (and this is news)."""
    is_primary = event.data.get("is_primary") is True
    letter = {
        "device": text(event, "device_name", ""),
        "ip": text(event, "ip", ""),
        "at": moment(event).isoformat(),
        "is_primary": is_primary,
    }
    return Effect(
        statement("sessions", "open_session"),
        {
            "sid": text(event, "sid"),
            "member": text(event, "member"),
            "device": text(event, "device"),
            "kind": text(event, "kind"),
            "method": text(event, "method"),
            "device_name": text(event, "device_name", ""),
            "browser_id": text(event, "browser_id", ""),
            "fp": text(event, "fp", ""),
            "ip": text(event, "ip", ""),
            "user_agent": text(event, "user_agent", ""),
            "is_primary": is_primary,
            "epoch": whole(event, "epoch"),
            "at": moment(event),
            "is_news": is_news,
            "letter": Jsonb(letter),
        },
    )


def passing(event: Event) -> None:
    """`login.attempted`, `login.answered`: of the moment only; a refusal is audited by itself."""
    text(event, "member")


def ended(event: Event) -> Effect:
    """`session.ended`: why and by whom; the device rests unless a later login uses it, and with a
    phone the rank of the primary one may have passed to another."""
    return Effect(
        statement("sessions", "end_session"),
        {
            "sid": text(event, "sid"),
            "member": text(event, "member"),
            "device": text(event, "device"),
            "kind": text(event, "kind"),
            "reason": text(event, "reason"),
            "primary": text(event, "primary", ""),
            "by": text(event, "by", ""),
            "kick_id": text(event, "kick_id", ""),
            "epoch": whole(event, "epoch"),
            "at": moment(event),
        },
    )
