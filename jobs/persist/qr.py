"""The history of QR requests: one row each, in the state it ended in."""

from __future__ import annotations

from jobs.persist.effects import Effect, EffectOf, moment, text
from store.database import statement
from store.events import Event
from store.qr import status_of

STEPS = {"scanned": 1, "approved": 2, "rejected": 3, "expired": 3, "redeemed": 3}


def created(event: Event) -> Effect:
    """`qr.created`: a browser asks."""
    return Effect(
        statement("qr", "create_request"),
        {
            "id": text(event, "request"),
            "token": text(event, "token"),
            "delivery": text(event, "delivery"),
            "fp": text(event, "fp", ""),
            "user_agent": text(event, "user_agent", ""),
            "ip": text(event, "ip", ""),
            "device_name": text(event, "device_name", ""),
            "browser_id": text(event, "browser_id", ""),
            "expires_at": moment(event, "expires_at"),
            "at": moment(event),
        },
    )


def turned(state: str) -> EffectOf:
    """`qr.<state>`: what became of it."""

    def effect(event: Event) -> Effect:
        return Effect(
            statement("qr", "turn_request"),
            {
                "id": text(event, "request"),
                "state": state,
                "status": status_of(state),
                "step": STEPS[state],
                "member": text(event, "member", ""),
                "at": moment(event),
            },
        )

    return effect


EFFECTS: dict[str, EffectOf] = {
    "qr.created": created,
    **{f"qr.{state}": turned(state) for state in STEPS},
}
"""By event type."""
