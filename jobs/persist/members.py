"""The lasting copy of members. An event only names the member; the row is what Redis has now."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.persist import letters
from jobs.persist.effects import Effect, moment_of, text
from store.database import statement
from store.events import Event
from store.members import Member, fold

TOUCHING = frozenset({"member.changed", "member.deleted", "session.opened", "session.ended"})
"""The events after which a member's row is read again: a session moves `fingerprint_device`."""


def saved(row: Mapping[str, str], _touched_by: Event) -> Effect:
    """Make the copy equal to the member's hash in Redis. Raises ValueError for a broken hash."""
    member = Member.from_hash(row)
    return Effect(
        statement("members", "save_member"),
        {
            "id": member.id,
            "email": member.email,
            "email_folded": fold(member.email),
            "username": member.username,
            "username_folded": fold(member.username),
            "name": member.name,
            "phone": member.phone,
            "role": member.role,
            "password": member.password,
            "status": member.status,
            "must_change": member.must_change,
            "fingerprint_device": member.fingerprint_device,
            "action": member.action,
            "created_at": moment_of(member.created_at),
            "updated_at": moment_of(member.updated_at),
        },
    )


def changed(event: Event) -> Effect | None:
    """`member.changed {member, letter?}`: the letter, if any; the row is saved with every touch."""
    text(event, "member")
    return letters.owed(event)


def deleted(event: Event) -> Effect:
    """`member.deleted {member}`: forget the row, its devices, history and hotspot account."""
    return Effect(statement("members", "delete_member"), {"id": text(event, "member")})
