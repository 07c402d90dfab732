"""`GET /api/realtime/board-stream?meeting_id=`: a teacher opens the live board of a meeting."""

from __future__ import annotations

from realtime.channels.attendance_board import ROLES, Boards, BoardStream
from realtime.channels.attendance_lanes import MOST_ROWS, changes_of
from realtime.presence.handshake import Handshake
from realtime.presence.opening import LiveEndpoint, StreamOpening, new_connection_id
from store.attendance.meetings import Meeting, valid_meeting_id
from store.errors import Forbidden, InvalidRequest, MeetingNotFound, Unauthenticated
from store.events import moment_of
from store.sessions import CurrentSession

OVERLAP_MS = 2_000
"""How far before its last event a returning board is told again. Rows carry ids: telling one twice
does no harm."""


class BoardEndpoint(LiveEndpoint[StreamOpening]):
    """Opens boards, for teachers of the meeting and administrators."""

    path = "/api/realtime/board-stream"
    opening = StreamOpening

    def __init__(self, handshake: Handshake, boards: Boards) -> None:
        super().__init__(handshake)
        self._boards = boards

    async def let_in(self, opening: StreamOpening) -> None:
        credential = opening.credential()
        current = await self._teacher(credential)
        meeting = await self._meeting(opening, current)
        tab = opening.tab()
        # asked again, and nothing is awaited from here to `complete`: a logout that comes in
        # between is not missed
        current = await self._teacher(credential)
        board = BoardStream(self._handshake.hub, new_connection_id(), tab)
        hello = {
            "meeting_id": meeting.id,
            "tab_id": tab,
            "conn_id": board.id,
            "server_now": current.now / 1000,
        }

        def register() -> None:
            # with its session, so that it closes with it; but no tab: a school may show as many
            # boards as it has walls
            self._handshake.join_session(board, current)
            self._boards.open(board, meeting, current.member)

        if opening.complete(board, register, hello, f"{current.now}-0"):
            await self._catch_up(board, meeting, opening)

    async def _teacher(self, credential: str) -> CurrentSession:
        current, end = await self._handshake.check(credential)
        if end is not None:
            raise end.error()
        if current is None:
            raise Unauthenticated()
        if current.role not in ROLES:
            raise Forbidden()
        return current

    async def _meeting(self, opening: StreamOpening, current: CurrentSession) -> Meeting:
        asked = opening.head.query.get("meeting_id", "")
        if not asked:
            raise InvalidRequest("meeting_id")
        if not valid_meeting_id(asked):
            raise MeetingNotFound()
        owner = "" if current.role == "admin" else current.member
        return await self._handshake.store.attendance.meetings.get(asked, owner)

    async def _catch_up(self, board: BoardStream, meeting: Meeting, opening: StreamOpening) -> None:
        """Tell the code on show, and to a board that returns, what came while it was away."""
        store, head = self._handshake.store, opening.head
        now = await store.attendance.meetings.now()
        if meeting.rotating:
            board.tell(await self._boards.code.message(meeting, now))
        last = head.query.get("last_event_id") or head.headers.get("Last-Event-ID", "")
        since = moment_of(last)
        if since is None:
            return
        today = meeting.today(now).on
        rows = await store.attendance.records.rows(meeting, today, today, now)
        missed = [row for row in rows if row.changed_at >= since - OVERLAP_MS]
        for start in range(0, len(missed), MOST_ROWS):
            chunk = [row.row(meeting.timezone) for row in missed[start : start + MOST_ROWS]]
            changes = {"new_attendances": chunk, "updated_attendances": []}
            board.tell(changes_of(changes, f"{now}-0"))
