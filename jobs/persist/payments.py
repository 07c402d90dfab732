"""The lasting copy of payments: each delivery in the inbox, and who holds which licence."""

from __future__ import annotations

from jobs.persist.effects import Effect, EffectOf, moment, text, whole
from store.database import statement
from store.events import Event
from store.payments.intake import row_of


def received(event: Event) -> Effect:
    """`payment.received`: a delivery, byte for byte."""
    return Effect(statement("payments", "receive"), row_of(event.data))


def repeated(event: Event) -> Effect:
    """`payment.repeated {id, receipt, at}`: the same bytes once more."""
    return Effect(
        statement("payments", "repeat"),
        {"id": text(event, "id"), "receipt": text(event, "receipt"), "at": moment(event)},
    )


def turned(_: Event) -> None:
    """`order.turned`: news for the buyer's page; Postgres was first to know."""


def activated(event: Event) -> Effect:
    """`licence.activated`: another device holds it."""
    return Effect(
        statement("payments", "hold_licence"),
        {
            "id": int(text(event, "id")),
            "instance": text(event, "instance"),
            "fingerprint": text(event, "fp", ""),
            "name": text(event, "by", ""),
            "version": whole(event, "version"),
            "at": moment(event),
        },
    )


def changed(event: Event) -> Effect:
    """`licence.deactivated` and `licence.changed`: nobody holds it, or other rules do."""
    return Effect(
        statement("payments", "change_licence"),
        {
            "id": int(text(event, "id")),
            "instance": text(event, "instance", ""),
            "status": text(event, "status", ""),
            "policy": text(event, "policy", ""),
            "version": whole(event, "version"),
        },
    )


EFFECTS: dict[str, EffectOf] = {
    "payment.received": received,
    "payment.repeated": repeated,
    "order.turned": turned,
    "licence.activated": activated,
    "licence.deactivated": changed,
    "licence.changed": changed,
}
"""By event type."""
