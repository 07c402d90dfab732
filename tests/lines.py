"""A proxy that treats long-lived lines as bad networks do: it swallows, mutes, strips or pauses.

Other requests pass as they are. What was done to a line stays with it: after `mode = "pass"` a line
that was mute stays mute, and only a new one is well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Mode = Literal["pass", "swallow", "mute", "strip", "pause"]

LIVE = re.compile(rb"GET /api/(realtime|devices/ws|auth/qr/ws)/")
UPGRADE = re.compile(rb"\r\nUpgrade: [^\r]*", re.IGNORECASE)


class BadLines:
    """The proxy. `swallow`: nothing passes, `mute`: nothing comes back, `strip`: no `Upgrade`
    passes, `pause`: what comes back is held until the mode is another."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._changed = asyncio.Event()
        self._mode: Mode = "pass"
        self.lines = 0
        """Long-lived lines that were asked for."""

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """Pass one connection on, in both directions."""
        server, ask = await asyncio.open_connection("127.0.0.1", self._to)
        line = _Line(self)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(line.forth(client, ask))
                both.create_task(line.back(server, answer))
        except* OSError:
            pass  # one of them hung up
        finally:
            ask.close()
            answer.close()

    async def changed(self) -> None:
        """Wait until the mode is another."""
        await self._changed.wait()


class _Line:
    def __init__(self, proxy: BadLines) -> None:
        self._proxy = proxy
        self._is_live = False
        self._is_dead = False

    def _suffers(self, *modes: Mode) -> bool:
        """Whether the line is to be treated so; one that lost bytes never recovers."""
        self._is_dead |= self._is_live and self._proxy.mode in modes
        return self._is_dead

    async def forth(self, client: asyncio.StreamReader, ask: asyncio.StreamWriter) -> None:
        while data := await client.read(65_536):
            if LIVE.match(data):
                self._is_live = True
                self._proxy.lines += 1
                if self._proxy.mode == "strip":
                    data = UPGRADE.sub(b"", data)
            if not self._suffers("swallow"):
                ask.write(data)
        ask.close()

    async def back(self, server: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        while data := await server.read(65_536):
            while self._is_live and self._proxy.mode == "pause":
                await self._proxy.changed()
            if not self._suffers("swallow", "mute"):
                answer.write(data)
        # of a line that is dead, nobody hears the end either
        if not self._suffers("swallow", "mute"):
            answer.close()


@asynccontextmanager
async def bad_lines(port: int, to: int) -> AsyncIterator[BadLines]:
    """The proxy on a port, before the server on another."""
    proxy = BadLines(to)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", port):
        yield proxy
