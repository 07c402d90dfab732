"""What the API was told: counts by command, and the last sentences. Plain memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT = 100
"""Runs of sentences that are remembered: some screens of the live page."""


@dataclass
class Line:
    """The same command, so many times in a row."""

    number: int
    """Which line it is since the start, so that a page knows the new ones."""

    command: str
    at: float
    """Unix seconds of the last of them."""

    count: int = 1
    refused: int = 0


@dataclass
class Heard:
    """Everything that was said since the start, `calls` since they were last forgotten."""

    calls: dict[str, int] = field(default_factory=dict)
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT))
    _number: int = 0

    def note(self, command: str, at: float) -> None:
        """Take down a command that came."""
        self.calls[command] = self.calls.get(command, 0) + 1
        if self.lines and self.lines[-1].command == command:
            self.lines[-1].count += 1
            self.lines[-1].at = at
            return
        self._number += 1
        self.lines.append(Line(self._number, command, at))

    def note_refusal(self) -> None:
        """The command that came last was answered with a trap."""
        if self.lines:
            self.lines[-1].refused += 1
