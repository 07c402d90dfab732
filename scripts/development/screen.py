"""What `scripts/run` prints: our lines, and those of the processes behind a coloured name.

Printing is done by a thread of its own behind a bounded queue, so a terminal that is stopped, or a
pipe that nobody reads any more, never holds up a process that only wants to log.
"""

from __future__ import annotations

import datetime
import queue
import sys
import threading
import time
from collections.abc import Iterable
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer

QUEUE_LINES = 5000
"""A second of the noisiest start; beyond it lines are dropped and counted."""


class Screen:
    """Prints to standard output, in the order told."""

    def __init__(self, names: Iterable[str], output: TextIO = sys.stdout) -> None:
        """`names` are the processes whose lines will come."""
        self._output = output
        self._colours = dict(zip(names, get_colours(), strict=False))
        self._printer = Printer(output, width=max(map(len, self._colours)))
        self._lines: queue.Queue[Message | str] = queue.Queue(QUEUE_LINES)
        self._dropped = 0
        threading.Thread(target=self._print, name="screen", daemon=True).start()

    def say(self, text: str) -> None:
        """Print lines of our own."""
        self._put(text)

    def line(self, name: str, data: bytes) -> None:
        """Print a line of the process `name`."""
        now = datetime.datetime.now()
        self._put(Message("line", data, now, name, self._colours.get(name)))

    def flush(self, seconds: float = 2.0) -> None:
        """Wait until everything told is printed, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _put(self, line: Message | str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def _print(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._write(line)
                dropped, self._dropped = self._dropped, 0
                if dropped:
                    self._write(f"({dropped} lines were not shown)")
            except (OSError, ValueError):
                # Nobody looks any more: the pipe is gone or closed. The product goes on.
                continue
            finally:
                self._lines.task_done()

    def _write(self, line: Message | str) -> None:
        if isinstance(line, str):
            print(line, file=self._output, flush=True)
        else:
            self._printer.write(line)
