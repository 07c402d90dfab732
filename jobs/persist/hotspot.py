"""The lasting copy of hotspot accounts. An event carries the account as it was then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from jobs.persist.effects import Effect, EffectOf, moment, moment_of, text, whole
from store.database import statement
from store.events import Event
from store.hotspot.stack import Stack
from store.routers import FIRST


def changed(event: Event) -> Effect:
    """`hotspot.changed {member, phone, approved, stack, settled, at[, day, day_bytes]}`; every
    value but the moment is text. One without a stack says nothing of it."""
    stack = Stack.read(event.data)
    says_stack = bool(text(event, "stack", "") or stack.purchases)
    day = text(event, "day", "")
    return Effect(
        statement("hotspot", "save_account"),
        {
            "member": text(event, "member"),
            "phone": text(event, "phone", ""),
            "approved": text(event, "approved", "") != "0",
            "stack": stack.text() if says_stack else None,
            "day": date.fromisoformat(day) if day else None,
            "day_bytes": int(text(event, "day_bytes", "") or 0),
            "settled": text(event, "settled", ""),
            "at": moment(event),
        },
    )


def purchase(event: Event) -> Effect | None:
    """`hotspot.purchase {member, given, once, taken, at}`: one that was given (as JSON), or the id
    of one that was taken back."""
    place = {"member": text(event, "member"), "at": moment(event)}
    if taken := text(event, "taken", ""):
        return Effect(statement("hotspot", "take_purchase"), place | {"id": taken})
    (given,) = Stack.of([json.loads(text(event, "given"))]).purchases
    return Effect(
        statement("hotspot", "save_purchase"),
        place
        | {
            "id": given.id,
            "once": text(event, "once", ""),
            "package": given.package,
            "quota": given.quota,
            "unlimited": given.unlimited,
            "ends_at": None if given.ends_at is None else moment_of(given.ends_at),
        },
    )


def device(event: Event) -> Effect:
    """`hotspot.device {member, slot, mac, ip, name, verdict, at[, told]}`."""
    place = {
        "member": text(event, "member"),
        "slot": text(event, "slot"),
        "at": moment(event),
    }
    if text(event, "verdict") == "removed":
        return Effect(statement("hotspot", "delete_device"), place)
    more = {
        "mac": text(event, "mac"),
        "ip": text(event, "ip", ""),
        "name": text(event, "name", ""),
        "told": event.data.get("told") is True,
    }
    return Effect(statement("hotspot", "save_device"), place | more)


def settled(event: Event) -> Effect:
    """`hotspot.settled {member, router, status, before, is_first, at}`: kept, and told to the
    member when this router was the first to agree."""
    return Effect(
        statement("hotspot", "save_transition"),
        {
            "event_id": event.id,
            "member": text(event, "member"),
            "router": text(event, "router", FIRST),
            "before": text(event, "before", ""),
            "is_first": event.data.get("is_first", True) is True,
            "status": text(event, "status"),
            "at": moment(event),
        },
    )


def notice(event: Event) -> Effect:
    """`hotspot.notice {member, kind, key, at}`: a message, once for each key."""
    member, kind = text(event, "member"), text(event, "kind")
    return Effect(
        statement("messages", "add_message"),
        {
            "key": f"notice:{member}:{kind}:{text(event, 'key')}",
            "member": member,
            "kind": kind,
            "at": moment(event),
        },
    )


def package(event: Event) -> Effect:
    """`hotspot.package {id, name, quota, days, unlimited, fup_percent, fup_remaining, at}`."""
    percent, remaining = event.data.get("fup_percent"), event.data.get("fup_remaining")
    return Effect(
        statement("hotspot", "save_package"),
        {
            "id": text(event, "id"),
            "name": text(event, "name"),
            "quota": whole(event, "quota"),
            "days": whole(event, "days"),
            "unlimited": event.data.get("unlimited") is True,
            "fup_percent": None if percent is None else whole(event, "fup_percent"),
            "fup_remaining": None if remaining is None else whole(event, "fup_remaining"),
            "at": moment(event),
        },
    )


def package_removed(event: Event) -> Effect:
    """`hotspot.package_removed {id, at}`."""
    return Effect(
        statement("hotspot", "remove_package"), {"id": text(event, "id"), "at": moment(event)}
    )


def deleted(event: Event) -> Effect:
    """`hotspot.deleted {member}`."""
    return Effect(statement("hotspot", "delete_account"), {"member": text(event, "member")})


EFFECTS: Mapping[str, EffectOf] = {
    "hotspot.changed": changed,
    "hotspot.purchase": purchase,
    "hotspot.device": device,
    "hotspot.settled": settled,
    "hotspot.notice": notice,
    "hotspot.package": package,
    "hotspot.package_removed": package_removed,
    "hotspot.deleted": deleted,
}
