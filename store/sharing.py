"""How the connections to Redis are shared: strangers have a part of them, members always find one.

A flood of requests by nobody would otherwise fill the pool's line; whatever was asked behind it
would wait for its turn, and be refused when that came. So who comes while many wait already is
refused at the door, before any work, and may ask again: of a flood as much is served as can be
served in time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

STRANGERS_PART = 0.75
"""Of a pool's connections. What is left serves members as fast as ever: none is held for longer
than a script takes."""

CROWDED_SECONDS = 1.0
"""How long a stranger's command has waited when no further request of theirs is begun: half of what
it may wait at all. A burst, as of a class that sends its forms in one moment, is worked off before,
also on a slow machine; a flood never is."""

is_for_stranger: ContextVar[bool] = ContextVar("is_for_stranger", default=False)
"""Set where a request comes in, until it has shown whose it is (`web/handler.py`)."""


class Shared(ConnectionPool):
    """Put before a pool that waits (`BlockingConnectionPool`, or Sentinel's)."""

    timeout: float | None
    """Seconds that whoever asks waits for a connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._part = max(1, int(self.max_connections * STRANGERS_PART))
        self._lent: set[AbstractConnection] = set()
        self._coming = 0
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()

    @property
    def is_crowded(self) -> bool:
        """Whether so many strangers wait that the next one would not be served in time."""
        if not self._waiting:
            return False
        _turn, since = self._waiting[0]
        return time.monotonic() - since > CROWDED_SECONDS

    async def get_connection(self, *args: Any, **kwargs: Any) -> AbstractConnection:
        """Return a connection. Raises redis' ConnectionError when none is free in time."""
        if not is_for_stranger.get():
            return await self._lend(*args, **kwargs)
        await self._enter()
        try:
            connection = await self._lend(*args, **kwargs)
        except BaseException:
            self._leave()
            raise
        self._lent.add(connection)
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        try:
            await super().release(connection)
        finally:
            if connection in self._lent:
                self._lent.discard(connection)
                self._leave()

    async def _lend(self, *args: Any, **kwargs: Any) -> AbstractConnection:
        lend: Callable[..., Awaitable[AbstractConnection]] = super().get_connection
        return await lend(*args, **kwargs)

    async def _enter(self) -> None:
        if self._coming < self._part:
            self._coming += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (turn, time.monotonic())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self.timeout):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave()  # it came in the moment in which nobody waited any more
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            if isinstance(error, TimeoutError):
                raise RedisConnectionError("No connection available.") from None
            raise

    def _leave(self) -> None:
        """Hand a place on to whoever has waited longest."""
        while self._waiting:
            turn, _since = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._coming -= 1
