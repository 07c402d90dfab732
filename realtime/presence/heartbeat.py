"""The heartbeat: a sign of life to every connection, spread evenly over the time of one beat."""

from __future__ import annotations

from realtime.transport.connection import Connection


class Heartbeat:
    """A wheel: each connection has one of its phases, and each turn beats one phase."""

    PHASES_PER_SECOND = 10
    """So that 10,000 connections at 20 s are 50 at a time, half a millisecond of work."""

    def __init__(self, beat_seconds: float) -> None:
        phases = max(1, min(600, int(beat_seconds * self.PHASES_PER_SECOND)))
        self.turn_seconds = beat_seconds / phases
        self._phases: list[set[Connection]] = [set() for _ in range(phases)]
        self._now = 0

    def add(self, connection: Connection) -> None:
        """Give a connection its phase, by its identity: a burst is spread over the wheel."""
        self._phase_of(connection).add(connection)

    def remove(self, connection: Connection) -> None:
        """Stop beating a connection."""
        self._phase_of(connection).discard(connection)

    def everybody(self) -> list[Connection]:
        """Return every connection, as a list of its own."""
        return [connection for phase in self._phases for connection in phase]

    def _phase_of(self, connection: Connection) -> set[Connection]:
        return self._phases[hash(connection.id) % len(self._phases)]

    def turn(self) -> int:
        """Beat the next phase, and drop connections that gave no sign of life. Return how many."""
        self._now = (self._now + 1) % len(self._phases)
        dead = 0
        for connection in list(self._phases[self._now]):
            if connection.is_open and not connection.beat():
                connection.drop("dead")
                dead += 1
        return dead
