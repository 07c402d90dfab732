"""What the person at the terminal sees while it runs: what is being done, and how far it is."""

from __future__ import annotations

import sys
import time

WIDTH = 28
REDRAW_SECONDS = 0.1


class Screen:
    """Lines, and at the bottom a bar while something is being counted."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._fifths: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something is: a bar on a terminal, in a log every fifth of the way."""
        if self._is_terminal:
            self._draw(what, done, total)
            return
        fifth = 5 * done // max(total, 1)
        if done < total and fifth > self._fifths.get(what, 0):
            self.say(f"  {what}: {done:,} of {total:,}")
        self._fifths[what] = fifth if done < total else 0

    def _draw(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at = now
        full = WIDTH * done // max(total, 1)
        bar = "█" * full + "·" * (WIDTH - full)
        print(f"\r  {bar} {done:,} of {total:,} {what}\x1b[K", end="", file=sys.stderr, flush=True)
        if done >= total:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
