"""Values that somebody waits for: the writer tells of them, so the reader need not ask again and
again.

A value is a key with a lifetime. Its name is published on one Redis channel. A process listens with
one connection for all its waiting requests, and only while there are any. A message that is lost,
because the connection was cut, is made up for: the key is looked at once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from contextvars import Context

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from store.changes import Changes, Part

LOOK_SECONDS = 1.0
"""Between two looks at a key that nobody has spoken of; also how long an idle channel is kept."""

log = logging.getLogger("jaga.awaiting")


class Awaiting(Part):
    """The values, and who waits in this process; one of these per process."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def write(self, key: str, value: str, seconds: int) -> None:
        """Keep a value for `seconds`, and tell whoever waits for it."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, value, ex=seconds)
            pipe.publish(self._keys.awaited(), key)
            await pipe.execute()

    async def read(self, key: str, wait: float = 0.0) -> str | None:
        """Return a value, as soon as it is there; None when it is not within `wait` seconds."""
        deadline = time.monotonic() + wait
        if not wait:
            return await self._look(key)
        written = asyncio.Event()
        self._waiting[key].add(written)
        try:
            await self._listen(min(wait, LOOK_SECONDS))
            while (value := await self._look(key)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                await _within(min(left, LOOK_SECONDS), written)
                written.clear()
            return value
        finally:
            self._waiting[key].discard(written)
            if not self._waiting[key]:
                del self._waiting[key]

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()

    async def _look(self, key: str) -> str | None:
        value = await self._redis.get(key)
        return None if value is None else str(value)

    async def _listen(self, wait: float) -> None:
        """Have the channel listened to, before the first look at the key."""
        if self._listener is None:
            # for all who wait, so in nobody's context: a stranger's has a stranger's connection
            hearing = self._hear_while_awaited()
            self._listener = asyncio.get_running_loop().create_task(hearing, context=Context())
        await _within(wait, self._listening)

    async def _hear_while_awaited(self) -> None:
        try:
            async with self._redis.pubsub() as channel:
                await channel.subscribe(self._keys.awaited())
                while self._waiting:
                    await self._hear(channel)
                # whoever waits from now on has it listened to anew
                self._stop()
        except (RedisError, OSError) as error:
            log.warning("nobody tells of answers: %s", type(error).__name__)
        finally:
            if self._listener is asyncio.current_task():
                self._stop()

    def _stop(self) -> None:
        listening, self._listening = self._listening, asyncio.Event()
        self._listener = None
        listening.set()  # whoever waits for it looks by themselves

    async def _hear(self, channel: PubSub) -> None:
        message = await channel.get_message(timeout=LOOK_SECONDS)
        if message is None:
            return
        if message["type"] == "subscribe":
            self._listening.set()
        for written in self._waiting.get(str(message["data"]), ()):
            written.set()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
