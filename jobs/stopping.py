"""Being asked to stop: SIGTERM and SIGINT as something a loop can wait for."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Listens from `with` on; a signal during `wait` ends the wait at once.

    A pipe rather than an Event: a handler that takes the lock its own thread holds never returns.
    """

    def __init__(self, *, also_wake: tuple[signal.Signals, ...] = ()) -> None:
        self._also_wake = also_wake
        self._readable = self._writable = -1
        self.asked = False

    def __enter__(self) -> StopSignals:
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)
        signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)
        for number in STOPS:
            signal.signal(number, self._ask)
        for number in self._also_wake:
            signal.signal(number, lambda number, frame: None)
        return self

    def __exit__(self, *_error: object) -> None:
        self.forget()

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, `seconds` at the longest; returns whether to stop."""
        if not self.asked:
            readable, _, _ = select.select([self._readable], [], [], max(0.0, seconds))
            if readable:
                os.read(self._readable, 1024)
        return self.asked

    def forget(self) -> None:
        """Back to how signals were; a forked child calls it to be a process of its own."""
        signal.set_wakeup_fd(-1)
        for number in (*STOPS, *self._also_wake):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._readable)
        os.close(self._writable)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
