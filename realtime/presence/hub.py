"""Who is connected: session → tabs, topic → listeners. Plain memory, no I/O of its own.

One **seat** for each session that has a tab open here; its connections in the order they came. A
**topic** is anything else one can listen to (a QR request, a meeting's board, a licence); whoever
listens may have a seat too, and leaves with it. Removing checks identity, so that a late close
never removes the tab that came back.
"""

from __future__ import annotations

from realtime.transport.connection import Connection, Seat


class Hub:
    """Every connection of this process."""

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self._seats: dict[str, Seat] = {}
        self._topics: dict[str, list[Connection]] = {}
        self._expected: dict[str, list[Expected]] = {}
        self.count = 0
        self.counts = {"sse": 0, "ws": 0}
        self.left: dict[str, int] = {}
        """How connections ended, by reason or close code: for the metrics."""

    def expect(self, sid: str) -> Expected:
        """Say that a connection for this session is being let in.

        An end that is announced between its check and its seat reaches it that way: register,
        then check, in one round trip.
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
        """Tell those who are being let in that their session has just ended."""
        for expected in self._expected.get(sid, ()):
            expected.overtaken = True

    def seat(self, connection: Connection, seat: Seat) -> Seat:
        """Give a connection its seat: the session's own, or the new one it brings."""
        seat = self._seats.setdefault(seat.sid, seat)
        seat.connections.append(connection)
        connection.seat = seat
        self._enter(connection)
        return seat

    def subscribe(self, connection: Connection, topic: str) -> None:
        """Let a connection, seated or not, hear of one topic."""
        self._topics.setdefault(topic, []).append(connection)
        connection.topic = topic
        self._enter(connection)

    def _enter(self, connection: Connection) -> None:
        if connection.is_open:
            return
        connection.is_open = True
        self.count += 1
        self.counts[connection.transport] += 1
        self._heart.add(connection)

    def remove(self, connection: Connection, why: str) -> None:
        """Take a connection out; one that has left already is let be."""
        if not connection.is_open:
            return
        connection.is_open = False
        self._leave_seat(connection)
        self._leave_topic(connection)
        self.count -= 1
        self.counts[connection.transport] -= 1
        self._heart.remove(connection)
        self.left[why] = self.left.get(why, 0) + 1

    def _leave_seat(self, connection: Connection) -> None:
        seat, connection.seat = connection.seat, None
        if seat is None:
            return
        seat.connections.remove(connection)
        if not seat.connections and self._seats.get(seat.sid) is seat:
            del self._seats[seat.sid]

    def _leave_topic(self, connection: Connection) -> None:
        topic, connection.topic = connection.topic, ""
        if not topic:
            return
        self._topics[topic].remove(connection)
        if not self._topics[topic]:
            del self._topics[topic]

    def of(self, sid: str) -> Seat | None:
        """Return a session's seat, None when it has no tab here."""
        return self._seats.get(sid)

    @property
    def seated(self) -> int:
        """How many sessions have a tab here."""
        return len(self._seats)

    def seats(self) -> list[Seat]:
        """Return every seat, as a list that may be walked while tabs come and go."""
        return list(self._seats.values())

    def listeners(self, topic: str) -> list[Connection]:
        """Return who listens to a topic, as a list of its own."""
        return list(self._topics.get(topic, ()))

    def topics(self, prefix: str) -> list[str]:
        """Return the topics of one kind that somebody listens to."""
        return [topic for topic in self._topics if topic.startswith(prefix)]

    def connections(self) -> list[Connection]:
        """Return every connection, as a list that may be walked while they come and go."""
        return self._heart.everybody()


class Expected:
    """A connection that is being let in; leave the `with` when it has its seat or was refused."""

    __slots__ = ("_hub", "overtaken", "sid")

    def __init__(self, hub: Hub, sid: str) -> None:
        self._hub = hub
        self.sid = sid
        self.overtaken = False

    def __enter__(self) -> Expected:
        return self

    def __exit__(self, *_: object) -> None:
        self._hub._forget(self)


class Heart:
    """One wheel of beats for all connections: each has a phase, and each turn beats one phase."""

    PHASES_PER_SECOND = 10
    """So that 10,000 connections at 20 s are 50 at a time, half a millisecond of work."""

    def __init__(self, beat_seconds: float) -> None:
        phases = max(1, min(600, int(beat_seconds * self.PHASES_PER_SECOND)))
        self.turn_seconds = beat_seconds / phases
        self._phases: list[set[Connection]] = [set() for _ in range(phases)]
        self._now = 0

    def add(self, connection: Connection) -> None:
        """Give a connection its phase, drawn by its identity: bursts spread over the wheel."""
        self._phase_of(connection).add(connection)

    def remove(self, connection: Connection) -> None:
        """Stop beating a connection."""
        self._phase_of(connection).discard(connection)

    def everybody(self) -> list[Connection]:
        """Return every connection that has a phase."""
        return [connection for phase in self._phases for connection in phase]

    def _phase_of(self, connection: Connection) -> set[Connection]:
        return self._phases[hash(connection.id) % len(self._phases)]

    def turn(self) -> int:
        """Beat the next phase; those who gave no sign of life are dropped. Returns how many."""
        self._now = (self._now + 1) % len(self._phases)
        dead = 0
        for connection in list(self._phases[self._now]):
            if connection.is_open and not connection.beat():
                connection.drop("dead")
                dead += 1
        return dead
