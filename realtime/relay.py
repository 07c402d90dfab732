"""The first reader of the event log: it tells the listeners of this process what happened.

It keeps its own cursor. While Redis is away nothing is lost: it goes on after the last entry it
saw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from redis.exceptions import RedisError

from store.continuity import Break
from store.events import Event, place_of
from store.opening import Store

log = logging.getLogger("jaga.relay")

BLOCK_MS = 5_000
"""The longest wait of one read. It ends with the first entry, so it may be long."""

BATCH = 256
"""Entries of one read: two to three milliseconds of work. Reading must be faster than bulk writing,
because the newest entry may be a single logout that waits behind it."""

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
"""Between two attempts while Redis is away: short at first, then longer, never a busy loop."""


class Relay:
    """Tails the log for ever."""

    def __init__(
        self,
        store: Store,
        listeners: Mapping[str, Callable[[Event], None]],
        on_return: Callable[[], None],
    ) -> None:
        """`listeners` take events by their type; `on_return` is called when Redis is back."""
        self._store = store
        self._listeners = listeners
        self._on_return = on_return
        self.redis = store.blocking_connection(BLOCK_MS / 1000)
        self._cursor = ""
        self.following = asyncio.Event()
        self.has_followed = False

    @property
    def is_following(self) -> bool:
        """Whether the log is being read now; while it is not, no stream is accepted."""
        return self.following.is_set()

    async def run(self) -> None:
        """Read and carry, and come back after every failure of Redis."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._begin()
                pause = FIRST_PAUSE_SECONDS
                await self._follow()
            except (RedisError, OSError) as error:
                if self.is_following:
                    log.warning("the log is out of reach: %s", type(error).__name__)
                self.following.clear()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _begin(self) -> None:
        """Find where to read on: the end of the log at the start, later where we were.

        A log that lacks what was read from it already (a replica that was behind became the master)
        lets nobody in until Postgres was asked. One that was wiped is followed from its end. The
        sweep finds what happened meanwhile.
        """
        if self._cursor and await self._store.continuity.lacks(self._cursor):
            log.warning("Redis lacks entries that were read from it: it is an older copy")
            await self._store.continuity.note(Break.REDIS_OLDER)
        last = await self._store.events.last_id()
        if not self._cursor or place_of(last) < place_of(self._cursor):
            self._cursor = last
        self.following.set()
        self.has_followed = True
        self._on_return()

    async def _follow(self) -> None:
        while True:
            events = await self._store.events.tail(self.redis, self._cursor, BLOCK_MS, BATCH)
            for event in events:
                self._carry(event)
                self._cursor = event.id
            if len(events) == BATCH:
                await asyncio.sleep(0)

    def _carry(self, event: Event) -> None:
        """Give an event to the listener of its type, if there is one."""
        listener = self._listeners.get(event.type)
        if listener is None:
            return
        try:
            listener(event)
        except Exception:
            # one event that cannot be carried must not keep all later ones from being heard
            log.exception("event %s (%s) not carried", event.id, event.type)

    async def close(self) -> None:
        """Give the connection back."""
        await self.redis.aclose()
