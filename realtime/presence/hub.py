"""Who is connected: session → tabs, topic → listeners. Plain memory, no I/O of its own.

Each session that has a tab open here has one `SessionTabs`. A **topic** is anything else one can
listen to: a QR request, a meeting's board, a licence. A listener may belong to a session too, and
leaves with it. Removing checks identity, so that a late close never removes the tab that came back.
"""

from __future__ import annotations

from realtime.presence.heartbeat import Heartbeat
from realtime.transport.connection import Connection, SessionTabs
from realtime.transport.messages import Message


class Hub:
    """Every connection of this process."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._sessions: dict[str, SessionTabs] = {}
        self._topics: dict[str, list[Connection]] = {}
        self._expected: dict[str, list[Expected]] = {}
        self.count = 0
        self.counts = {"sse": 0, "ws": 0}
        self.left: dict[str, int] = {}
        """How connections ended, by reason or close code: for the metrics."""

    def expect(self, sid: str) -> Expected:
        """Say that a connection for this session is being opened.

        Register first, check then: an end that is announced between the check and the
        registration reaches the connection this way.
        """
        expected = Expected(self, sid)
        self._expected.setdefault(sid, []).append(expected)
        return expected

    def _forget(self, expected: Expected) -> None:
        waiting = self._expected[expected.sid]
        waiting.remove(expected)
        if not waiting:
            del self._expected[expected.sid]

    def overtaken(self, sid: str) -> None:
        """Tell connections that are being opened that their session has just ended."""
        for expected in self._expected.get(sid, ()):
            expected.overtaken = True

    def join(self, connection: Connection, new: SessionTabs) -> SessionTabs:
        """Put a connection among its session's tabs; `new` is kept when it is the first."""
        tabs = self._sessions.setdefault(new.sid, new)
        tabs.connections.append(connection)
        connection.tabs = tabs
        self._enter(connection)
        return tabs

    def subscribe(self, connection: Connection, topic: str) -> None:
        """Let a connection, of a session or not, hear of one topic."""
        self._topics.setdefault(topic, []).append(connection)
        connection.topic = topic
        self._enter(connection)

    def _enter(self, connection: Connection) -> None:
        if connection.is_open:
            return
        connection.is_open = True
        self.count += 1
        self.counts[connection.transport] += 1
        self._heartbeat.add(connection)

    def remove(self, connection: Connection, why: str) -> None:
        """Take a connection out. Does nothing when it has left already."""
        if not connection.is_open:
            return
        connection.is_open = False
        self._leave_session(connection)
        self._leave_topic(connection)
        self.count -= 1
        self.counts[connection.transport] -= 1
        self._heartbeat.remove(connection)
        self.left[why] = self.left.get(why, 0) + 1

    def _leave_session(self, connection: Connection) -> None:
        tabs, connection.tabs = connection.tabs, None
        if tabs is None:
            return
        tabs.connections.remove(connection)
        if not tabs.connections and self._sessions.get(tabs.sid) is tabs:
            del self._sessions[tabs.sid]

    def _leave_topic(self, connection: Connection) -> None:
        topic, connection.topic = connection.topic, ""
        if not topic:
            return
        self._topics[topic].remove(connection)
        if not self._topics[topic]:
            del self._topics[topic]

    def of(self, sid: str) -> SessionTabs | None:
        """Return a session's tabs, None when it has none here."""
        return self._sessions.get(sid)

    def tell(self, sid: str, message: Message) -> None:
        """Write a message to every tab that a session has here."""
        if tabs := self.of(sid):
            tabs.tell(message)

    @property
    def session_count(self) -> int:
        """How many sessions have a tab here."""
        return len(self._sessions)

    def sessions(self) -> list[SessionTabs]:
        """Return every session's tabs, as a list that may be walked while tabs come and go."""
        return list(self._sessions.values())

    def listeners(self, topic: str) -> list[Connection]:
        """Return who listens to a topic, as a list of its own."""
        return list(self._topics.get(topic, ()))

    def topics(self, prefix: str) -> list[str]:
        """Return the topics of one kind that somebody listens to."""
        return [topic for topic in self._topics if topic.startswith(prefix)]

    def connections(self) -> list[Connection]:
        """Return every connection, as a list that may be walked while they come and go."""
        return self._heartbeat.everybody()


class Expected:
    """A connection that is being opened; leave the `with` when it was registered or refused."""

    __slots__ = ("_hub", "overtaken", "sid")

    def __init__(self, hub: Hub, sid: str) -> None:
        self._hub = hub
        self.sid = sid
        self.overtaken = False

    def __enter__(self) -> Expected:
        return self

    def __exit__(self, *_: object) -> None:
        self._hub._forget(self)
