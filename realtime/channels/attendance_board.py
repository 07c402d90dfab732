"""`GET /api/realtime/board-stream`: a meeting's board, which fills itself as students fill in.

Teachers only, and never the members' own stream: there an attendance row would mean a logout. A
board hears of each change within milliseconds while a few are open; with a thousand open, changes
of some fiftieths of a second travel together, so that submitting never waits for showing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import segno
from redis.exceptions import RedisError

from realtime.channels.session_stream import DEAF_BEATS, HEAD
from realtime.presence.broadcast import broadcast
from realtime.presence.handshake import Admission, jitter_ms, new_connection_id, tab_of
from realtime.presence.hub import Hub
from realtime.presence.roles import Roles
from realtime.transport import codes, messages
from realtime.transport.connection import Seat, Stream
from realtime.transport.front import Doorway, Head, require_get
from realtime.transport.messages import Message
from realtime.transport.wire import give_up_after, wire_of
from store.attendance import conflicts
from store.attendance.days import as_text
from store.attendance.meetings import Meeting, valid_meeting_id
from store.attendance.proofs import STEP_MS
from store.attendance.records import Attendance
from store.clock import now_ms
from store.errors import Forbidden, InvalidRequest, MeetingNotFound, Unauthenticated
from store.events import Event, moment_of
from store.opening import Store
from store.sessions import Place

log = logging.getLogger("jaga.board")

PATH = "/api/realtime/board-stream"
TOPIC = "meeting:"
ROLES = ("teacher", "admin")

PACE_SECONDS = 50e-6
"""Pause after a message, for each board it went to: a thousand boards hear twenty times a second,
a single one at once, and either way writing takes a small part of the loop."""

MOST_ROWS = 50
"""Rows of one message: 20 KB, well inside a connection's send buffer."""

MOST_WAITING = 2_000
"""Changes that wait for slow telling; more than a school. Beyond it boards are told to ask anew."""

RETRY_SECONDS = 1.0
"""When Redis could not be asked for the time of the next code."""

OVERLAP_MS = 2_000
"""How far before the last event a returning board is told again: rows carry ids, so twice is
harmless and never is not."""


class BoardStream(Stream):
    """One board's connection."""

    __slots__ = ()

    def tell(self, message: Message) -> bool:
        """Write the event alone: the change that members' pages are told of ahead of a logout
        would be taken for an attendance."""
        return self.wire.send(_last_event(message.sse))


class _Lane:
    """What a meeting's boards have yet to hear."""

    __slots__ = ("id", "meeting", "new", "refused", "task", "updated")

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.id = ""
        self.new: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self.new) + len(self.updated) + len(self.refused)

    def forget(self) -> None:
        """Drop what waits."""
        self.new, self.updated, self.refused = [], [], []

    def take(self) -> Message:
        """Return the next message, and forget what is in it."""
        changes = {
            "new_attendances": self.new[:MOST_ROWS],
            "updated_attendances": self.updated[:MOST_ROWS],
        }
        if self.refused:
            changes["refused_attempts"] = self.refused[:MOST_ROWS]
        del self.new[:MOST_ROWS], self.updated[:MOST_ROWS], self.refused[:MOST_ROWS]
        return changes_of(changes, self.id)


class Boards:
    """Carries what happens in meetings to the boards that are open here."""

    def __init__(self, hub: Hub, store: Store, roles: Roles) -> None:
        self._hub = hub
        self._store = store
        self._roles = roles
        self._lanes: dict[str, _Lane] = {}
        self._under_way: set[asyncio.Task[None]] = set()

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

    # Being there

    def open(self, connection: BoardStream, meeting: Meeting, member: str) -> None:
        """Let a board hear of a meeting from now on, for as long as its member may."""
        self._roles.guard(connection, member, ROLES)
        self._lanes.setdefault(meeting.id, _Lane(meeting)).meeting = meeting
        self._hub.subscribe(connection, TOPIC + meeting.id)

    def _lane(self, event: Event) -> _Lane | None:
        """The lane of an event's meeting, None when nobody looks."""
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
            place = {name: event.data[name] for name in ("id", "day")}
            moment = int(event.data["at"]) / 1000
            gone = {"student_id": event.data["student"], "revoked": True, "changed_at": moment}
            lane.updated.append(place | gone)
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
            self._start(self._show_code(lane.meeting, event.at))

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

    def _send(self, lane: _Lane, event_id: str) -> None:
        lane.id = event_id
        if lane.waiting > MOST_WAITING:
            lane.forget()
            self._tell(lane, Message("roster", {"id": lane.meeting.id}, event_id))
        elif lane.task is None:
            lane.task = self._start(self._drain(lane))

    async def _drain(self, lane: _Lane) -> None:
        """Send until nothing is left; what comes meanwhile joins the next message."""
        try:
            while lane.waiting:
                boards = await self._write(lane, lane.take())
                await asyncio.sleep(boards * PACE_SECONDS)
        finally:
            lane.task = None

    async def _write(self, lane: _Lane, message: Message) -> int:
        boards = self._hub.listeners(TOPIC + lane.meeting.id)
        await broadcast(boards, lambda board: board.tell(message))
        return len(boards)

    def _tell(self, lane: _Lane, message: Message) -> None:
        self._start(self._write_only(lane, message))

    async def _write_only(self, lane: _Lane, message: Message) -> None:
        await self._write(lane, message)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    # The rotating code

    async def rotate(self) -> None:
        """Show every projecting board its next code, for ever; Redis's clock sets the pace."""
        while True:
            try:
                now = await self._store.meetings.now()
            except (RedisError, OSError) as error:
                log.warning("codes wait for Redis: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for meeting_id, lane in list(self._lanes.items()):
                if self._hub.listeners(TOPIC + meeting_id):
                    await self._show_code(lane.meeting, now)
                else:
                    self._lanes.pop(meeting_id, None)
            await asyncio.sleep((STEP_MS - now % STEP_MS) / 1000)

    async def _show_code(self, meeting: Meeting, now: int) -> None:
        lane = self._lanes.get(meeting.id)
        if lane is not None and meeting.rotating:
            await self._write(lane, await self.code_message(meeting, now))

    async def code_message(self, meeting: Meeting, now: int) -> Message:
        """Return the event that brings the code on show, drawn; none once the meeting is over."""
        if meeting.state(now) in ("ended", "inactive"):
            return Message("code", {"code": "", "url": "", "image": "", "valid_seconds": 0})
        code = self._store.attendance.proofs.code(meeting.id, now)
        url = f"{self._store.settings.public_url}/attendance/{meeting.id}#k={code}"
        # pure Python, some milliseconds of it: not the loop's to wait
        image = await asyncio.to_thread(_drawn, url)
        left = (STEP_MS - now % STEP_MS) / 1000
        return Message("code", {"code": code, "url": url, "image": image, "valid_seconds": left})


class BoardAcceptor:
    """Accepts boards."""

    def __init__(self, admission: Admission, boards: Boards) -> None:
        self._admission = admission
        self._boards = boards

    def matches(self, path: str) -> bool:
        return path == PATH

    async def accept(self, head: Head, door: Doorway) -> None:
        require_get(head)
        self._admission.require_room(head)
        credential, _ = self._admission.door.credential(head.headers)
        if not credential:
            raise Unauthenticated()
        place = await self._teacher(credential)
        meeting = await self._meeting(head, place)
        tab = tab_of(head.query)
        # again, and nothing awaited from here to the seat: an end in between is not missed
        place = await self._teacher(credential)
        if door.is_open:
            connection = self._open(place, meeting, tab, door)
            await self._catch_up(connection, meeting, head)

    async def _teacher(self, credential: str) -> Place:
        place, end = await self._admission.check(credential)
        if end is not None:
            raise end.error()
        if place is None:
            raise Unauthenticated()
        if place.role not in ROLES:
            raise Forbidden()
        return place

    async def _meeting(self, head: Head, place: Place) -> Meeting:
        asked = head.query.get("meeting_id", "")
        if not asked:
            raise InvalidRequest("meeting_id")
        if not valid_meeting_id(asked):
            raise MeetingNotFound()
        owner = "" if place.role == "admin" else place.member
        return await self._admission.store.meetings.get(asked, owner)

    def _open(self, place: Place, meeting: Meeting, tab: str, door: Doorway) -> BoardStream:
        """Seat a board with its session, so that it closes with it. Boards are no tabs: a school
        may show as many as it has walls."""
        admission = self._admission
        settings = admission.store.settings
        connection = BoardStream(admission.hub, new_connection_id(), tab)
        stream = door.take()
        give_up_after(stream.socket, settings.heartbeat_seconds * DEAF_BEATS)
        connection.wire = wire_of(stream, connection, admission.parking, settings.send_buffer_bytes)
        session = place.session
        seat = Seat(session.sid, session.member, session.device, place.username)
        admission.clocks.follow(session, admission.hub.seat(connection, seat))
        self._boards.open(connection, meeting, place.member)
        connection.wire.send(HEAD + _hello(place, connection, meeting))
        return connection

    async def _catch_up(self, connection: BoardStream, meeting: Meeting, head: Head) -> None:
        """The code on show; and for a board that returns, what came while it was away."""
        store = self._admission.store
        now = await store.meetings.now()
        if meeting.rotating:
            connection.tell(await self._boards.code_message(meeting, now))
        last = head.query.get("last_event_id") or head.headers.get("Last-Event-ID", "")
        since = moment_of(last)
        if since is None:
            return
        today = meeting.today(now).on
        rows = await store.register.rows(meeting, today, today, now)
        missed = [row for row in rows if row.changed_at >= since - OVERLAP_MS]
        for start in range(0, len(missed), MOST_ROWS):
            chunk = [row.row(meeting.timezone) for row in missed[start : start + MOST_ROWS]]
            changes = {"new_attendances": chunk, "updated_attendances": []}
            connection.tell(changes_of(changes, f"{now}-0"))


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


def _row(event: Event, meeting: Meeting) -> dict[str, Any]:
    return Attendance.from_record(event.data).row(meeting.timezone)


def _hello(place: Place, connection: BoardStream, meeting: Meeting) -> bytes:
    body = {
        "meeting_id": meeting.id,
        "tab_id": connection.tab,
        "conn_id": connection.id,
        "server_now": place.now / 1000,
    }
    return b": ok\n\n" + messages.sse(
        messages.encode(body),
        event="connected",
        id=f"{place.now}-0",
        retry_ms=jitter_ms(2_400, 3_600),
    )


def _last_event(text: bytes) -> bytes:
    """The last of several server-sent events: JSON has no blank line, so the cut is certain."""
    return text[text.rfind(b"\n\n", 0, len(text) - 2) + 2 :] if text.count(b"\n\n") > 1 else text


def _drawn(url: str) -> str:
    return str(segno.make(url, error="m", micro=False).svg_data_uri(border=2, light="#fff"))
