"""What a meeting's boards have yet to be told, and the messages it becomes; no I/O of its own."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from realtime.transport.messages import Message
from store.attendance.days import as_text
from store.attendance.meetings import Meeting
from store.clock import now_ms

MOST_ROWS = 50
"""Rows of one message: 20 KB, well inside a connection's send buffer."""


class Lane:
    """The changes of one meeting that its boards have not been told of."""

    __slots__ = ("id", "meeting", "new", "refused", "task", "updated")

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.id = ""
        self.new: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.task: asyncio.Task[Any] | None = None

    @property
    def waiting(self) -> int:
        return len(self.new) + len(self.updated) + len(self.refused)

    def forget(self) -> None:
        """Drop all of them."""
        self.new, self.updated, self.refused = [], [], []

    def take(self) -> Message:
        """Return the next message, of at most MOST_ROWS a kind, and forget what is in it."""
        changes = {
            "new_attendances": self.new[:MOST_ROWS],
            "updated_attendances": self.updated[:MOST_ROWS],
        }
        if self.refused:
            changes["refused_attempts"] = self.refused[:MOST_ROWS]
        del self.new[:MOST_ROWS], self.updated[:MOST_ROWS], self.refused[:MOST_ROWS]
        return changes_of(changes, self.id)


def changes_of(changes: dict[str, Any], event_id: str) -> Message:
    """Return the default message that carries changes (CONTRACT §7)."""
    return Message("", {"timestamp": int(time.time()), "changes": changes}, event_id)


def meeting_message(meeting: Meeting, event_id: str) -> Message:
    """Return the event that says what a meeting is like now."""
    zone = meeting.timezone
    body = {
        "id": meeting.id,
        "title": meeting.title,
        "starts_at": as_text(meeting.starts_at, zone),
        "ends_at": as_text(meeting.ends_at, zone),
        "is_active": meeting.is_active,
        "rotating": meeting.rotating,
        "state": meeting.state(now_ms()),
        "timezone": zone,
    }
    return Message("meeting", body, event_id)
