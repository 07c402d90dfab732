"""A meeting's live board, which fills itself as students fill in.

Boards are for teachers, and have a stream of their own: on a member's stream an attendance row
means a logout. A board is told of each change within milliseconds while a few are open. With a
thousand open, the changes of some fiftieths of a second travel together, so that submitting never
waits for showing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from realtime.channels.attendance_code import RotatingCode, seconds_left
from realtime.channels.attendance_lanes import Lane, meeting_message
from realtime.presence.background import Background
from realtime.presence.broadcast import broadcast
from realtime.presence.hub import Hub
from realtime.presence.roles import Roles
from realtime.transport import codes
from realtime.transport.connection import Stream
from realtime.transport.messages import Message
from store.attendance import conflicts
from store.attendance.meetings import Meeting
from store.attendance.record import Attendance
from store.events import Event
from store.opening import Store

log = logging.getLogger("jaga.board")

TOPIC = "meeting:"
ROLES = ("teacher", "admin")

PACE_SECONDS = 50e-6
"""Pause after a message, for each board it went to: a thousand boards hear twenty times a second,
a single one at once, and either way writing takes a small part of the loop."""

MOST_WAITING = 2_000
"""Most queued changes of one meeting, more than a school; beyond it its boards load everything
again."""

RETRY_SECONDS = 1.0
"""Until the next try when Redis could not be asked for the time."""


class BoardStream(Stream):
    """One board's connection."""

    __slots__ = ()

    def tell(self, message: Message) -> bool:
        """Write the event alone. Before a logout, members' pages are sent a change as well, which a
        board would take for an attendance."""
        return self.wire.send(_last_event(message.sse))


class Boards:
    """Tells the boards that are open here what happens in their meetings."""

    def __init__(self, hub: Hub, store: Store, roles: Roles) -> None:
        self._hub = hub
        self._store = store
        self._roles = roles
        self._lanes: dict[str, Lane] = {}
        self._background = Background()
        self.code = RotatingCode(store)

    def listeners(self) -> dict[str, Callable[[Event], None]]:
        """Return who hears of each event type."""
        return {
            "attendance.recorded": self._recorded,
            "attendance.changed": self._changed,
            "attendance.revoked": self._revoked,
            "attendance.refused": self._refused,
            "meeting.changed": self._meeting_changed,
            "meeting.deleted": self._meeting_deleted,
            "meeting.roster": self._roster_changed,
            "student.renamed": self._roster_changed,
        }

    def open(self, connection: BoardStream, meeting: Meeting, member: str) -> None:
        """Let a board hear of a meeting from now on, for as long as its member's role allows."""
        self._roles.guard(connection, member, ROLES)
        self._lanes.setdefault(meeting.id, Lane(meeting)).meeting = meeting
        self._hub.subscribe(connection, TOPIC + meeting.id)

    def _lane(self, event: Event) -> Lane | None:
        """The lane of an event's meeting, None when no board of it is open here."""
        meeting_id = str(event.data.get("meeting", ""))
        lane = self._lanes.get(meeting_id)
        if lane is not None and not self._hub.listeners(TOPIC + meeting_id):
            del self._lanes[meeting_id]
            return None
        return lane

    # What happens

    def _recorded(self, event: Event) -> None:
        if lane := self._lane(event):
            lane.new.append(_row(event, lane.meeting))
            self._send(lane, event.id)

    def _changed(self, event: Event) -> None:
        if lane := self._lane(event):
            lane.updated.append(_row(event, lane.meeting))
            self._send(lane, event.id)

    def _revoked(self, event: Event) -> None:
        if lane := self._lane(event):
            moment = int(event.data["at"]) / 1000
            row = {name: event.data[name] for name in ("id", "day")}
            row |= {"student_id": event.data["student"], "revoked": True, "changed_at": moment}
            lane.updated.append(row)
            self._send(lane, event.id)

    def _refused(self, event: Event) -> None:
        if lane := self._lane(event):
            [shown] = conflicts.refused([event.data], lane.meeting.timezone)
            lane.refused.append(shown)
            self._send(lane, event.id)

    def _meeting_changed(self, event: Event) -> None:
        if lane := self._lane(event):
            lane.meeting = Meeting.from_hash(event.data)
            self._tell(lane, meeting_message(lane.meeting, event.id))
            self._background.start(self._show_code(lane.meeting, event.at))

    def _roster_changed(self, event: Event) -> None:
        if lane := self._lane(event):
            self._tell(lane, Message("roster", {"id": lane.meeting.id}, event.id))

    def _meeting_deleted(self, event: Event) -> None:
        if lane := self._lane(event):
            last = Message("meeting", {"id": lane.meeting.id, "deleted": True}, event.id)
            for board in self._hub.listeners(TOPIC + lane.meeting.id):
                board.tell(last)
                board.close(codes.UNKNOWN)

    # Telling

    def _send(self, lane: Lane, event_id: str) -> None:
        lane.id = event_id
        if lane.waiting > MOST_WAITING:
            lane.forget()
            self._tell(lane, Message("roster", {"id": lane.meeting.id}, event_id))
        elif lane.task is None:
            lane.task = self._background.start(self._drain(lane))

    async def _drain(self, lane: Lane) -> None:
        """Send until nothing is left; what comes meanwhile joins the next message."""
        try:
            while lane.waiting:
                boards = await self._write(lane, lane.take())
                await asyncio.sleep(boards * PACE_SECONDS)
        finally:
            lane.task = None

    async def _write(self, lane: Lane, message: Message) -> int:
        boards = self._hub.listeners(TOPIC + lane.meeting.id)
        await broadcast(boards, lambda board: board.tell(message))
        return len(boards)

    def _tell(self, lane: Lane, message: Message) -> None:
        self._background.start(self._write(lane, message))

    # The rotating code

    async def rotate(self) -> None:
        """Show boards their next code, for ever. Redis's clock sets the pace."""
        while True:
            try:
                now = await self._store.attendance.meetings.now()
            except (RedisError, OSError) as error:
                log.warning("codes wait for Redis: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for meeting_id, lane in list(self._lanes.items()):
                if self._hub.listeners(TOPIC + meeting_id):
                    await self._show_code(lane.meeting, now)
                else:
                    self._lanes.pop(meeting_id, None)
            await asyncio.sleep(seconds_left(now))

    async def _show_code(self, meeting: Meeting, now: int) -> None:
        lane = self._lanes.get(meeting.id)
        if lane is not None and meeting.rotating:
            await self._write(lane, await self.code.message(meeting, now))


def _row(event: Event, meeting: Meeting) -> dict[str, Any]:
    return Attendance.from_record(event.data).row(meeting.timezone)


def _last_event(text: bytes) -> bytes:
    """The last of several server-sent events: JSON has no blank line, so the cut is certain."""
    return text[text.rfind(b"\n\n", 0, len(text) - 2) + 2 :] if text.count(b"\n\n") > 1 else text
