"""The lasting copy of meetings and attendance; its unique rows are the last wall of the gate."""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from jobs.persist.effects import Effect, moment, moment_of, text
from store.attendance.meetings import PER_ADDRESS
from store.database import statement
from store.events import Event, place_of


def meeting_saved(event: Event) -> Effect:
    """`meeting.changed {meeting, …every field as text}`."""
    return Effect(
        statement("attendance", "save_meeting"),
        {
            "id": text(event, "meeting"),
            "title": text(event, "title"),
            "starts_at": _moment(event, "starts_at"),
            "ends_at": _moment(event, "ends_at"),
            "is_active": text(event, "is_active") == "1",
            "closed": text(event, "closed") == "1",
            "timezone": text(event, "timezone"),
            "rotating": text(event, "rotating") == "1",
            "per_address": int(text(event, "per_address", "") or PER_ADDRESS),
            "owner": text(event, "owner", ""),
            "version": int(text(event, "version")),
            "created_at": _moment(event, "created_at"),
            "updated_at": _moment(event, "updated_at"),
        },
    )


def meeting_deleted(event: Event) -> Effect:
    """`meeting.deleted {meeting}`: marked, so that what was filled in can still be reported."""
    return Effect(statement("attendance", "delete_meeting"), {"id": text(event, "meeting")})


def students_listed(event: Event) -> Effect:
    """`meeting.roster {meeting, replace, students}`: the list, or a part of a long one."""
    students = event.data.get("students", [])
    if not isinstance(students, list):
        raise ValueError("students is no list")
    return Effect(
        statement("attendance", "list_students"),
        _order(event.id)
        | {
            "meeting": text(event, "meeting"),
            "replace": event.data.get("replace") is True,
            "students": Jsonb(students),
        },
    )


def renamed(event: Event) -> Effect:
    """`student.renamed {student, to, name, class, meeting | owner}`: what stands under one id, in
    one meeting or in all of an owner's, moves to another."""
    names = ("student", "to", "name", "class", "meeting", "owner")
    return Effect(
        statement("attendance", "rename_student"),
        _order(event.id) | {name: text(event, name) for name in names},
    )


def recorded(event: Event, *, place: str = "") -> Effect:
    """`attendance.recorded`: the row, or the alert that there is one already. Takes where it stands
    in the log, when that is not the event's id."""
    return Effect(
        statement("attendance", "record"),
        _place(event)
        | _order(place or event.id)
        | {
            "event_id": event.id,
            "name": text(event, "name"),
            "class": text(event, "class"),
            "device": text(event, "device", ""),
            "status": text(event, "status"),
            "source": text(event, "source"),
            "reason": text(event, "reason", ""),
            "flags": text(event, "flags", ""),
            "trace": text(event, "trace", ""),
            "by": text(event, "by", ""),
            "changed_at": moment(event, "changed_at"),
            "at": moment(event),
        },
    )


def changed(event: Event) -> Effect:
    """`attendance.changed`: another status, by a teacher's hand."""
    return Effect(
        statement("attendance", "change"),
        {
            "id": text(event, "id"),
            "status": text(event, "status"),
            "reason": text(event, "reason", ""),
            "by": text(event, "by", ""),
            "changed_at": moment(event, "changed_at"),
        },
    )


def revoked(event: Event) -> Effect:
    """`attendance.revoked {id, meeting, student, day, by, at}`."""
    return Effect(
        statement("attendance", "revoke"),
        _place(event) | {"by": text(event, "by", ""), "at": moment(event)},
    )


def refused(event: Event) -> Effect:
    """`attendance.refused`: an attempt that lost."""
    return Effect(
        statement("attendance", "refuse"),
        {
            "event_id": event.id,
            "meeting": text(event, "meeting"),
            "day": _day(event),
            "type": text(event, "type"),
            "name": text(event, "name"),
            "class": text(event, "class"),
            "device": text(event, "device", ""),
            "winner": text(event, "winner", ""),
            "ip": text(event, "ip", ""),
            "user_agent": text(event, "agent", ""),
            "at": moment(event),
        },
    )


def _place(event: Event) -> dict[str, Any]:
    """Where an attendance stands: its id, meeting, student and day."""
    return {
        "id": text(event, "id"),
        "meeting": text(event, "meeting"),
        "student": text(event, "student"),
        "day": _day(event),
    }


def _order(entry_id: str) -> dict[str, int]:
    """Where the event stands in the log: what a later one said stays."""
    milliseconds, number = place_of(entry_id)
    return {"ms": milliseconds, "number": number}


def _day(event: Event) -> date:
    return date.fromisoformat(text(event, "day"))


def _moment(event: Event, field: str) -> Any:
    """A moment that a hash holds as text."""
    return moment_of(int(text(event, field)))


EFFECTS = {
    "meeting.changed": meeting_saved,
    "meeting.deleted": meeting_deleted,
    "meeting.roster": students_listed,
    "student.renamed": renamed,
    "attendance.recorded": recorded,
    "attendance.changed": changed,
    "attendance.revoked": revoked,
    "attendance.refused": refused,
}
"""What each of our events does."""
