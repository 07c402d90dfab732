"""How the store changes: every change passes through here, so that no caller can forget its duties.

A change is one script that also writes to the event log. Three things are done for each: a Redis
that was emptied and is not rebuilt yet refuses it (`Script`), a verdict that means no becomes the
error that callers know, and the persist job is woken, so that Postgres has it a moment later.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from store.database import Connection, Database
from store.keys import Keys
from store.queue import Queue
from store.scripts import Script, SharedScript, verdict_of

Refusals = Mapping[str | int, type[Exception] | Callable[[Any], Exception]]
"""A script's verdicts that are a no: each with its error, or with what makes it of the reply."""

Wrote = Callable[[Any], bool]
"""Tells from a reply whether the script has written to the log."""


class Changes:
    """Redis, its names, and every way of changing what is kept."""

    def __init__(self, redis: Redis, keys: Keys, database: Database, queue: Queue) -> None:
        self.redis = redis
        self.keys = keys
        self._database = database
        self._queue = queue

    def script(
        self,
        name: str,
        refusals: Refusals | None = None,
        *,
        wrote: Wrote | None = None,
        shared: bool = False,
    ) -> Change:
        """Return `store/lua/<name>.lua` as a change.

        `wrote` is needed where a reply that is neither a refusal nor empty can mean that nothing
        was written, or the other way round. `shared`: as SharedScript.
        """
        kind = SharedScript if shared else Script
        woken = self._queue.wake_persist
        return Change(kind(self.redis, name), refusals or {}, wrote, woken)

    async def announce(self, type: str, data: Mapping[str, Any]) -> str:
        """Write an event that changes no state (an audit entry); returns its id."""
        fields = {"type": type, "data": json.dumps(dict(data), ensure_ascii=False)}
        written = await self.redis.xadd(self.keys.events(), fields)  # type: ignore[arg-type]
        self._queue.wake_persist()
        return str(written)

    @asynccontextmanager
    async def in_redis(self) -> AsyncIterator[Pipeline]:
        """Give a pipeline for a change without conditions: its commands, one of which writes to the
        log, are done at the end, all or none."""
        async with self.redis.pipeline(transaction=True) as pipe:
            yield pipe
            await pipe.execute()
        self._queue.wake_persist()

    @asynccontextmanager
    async def in_postgres(self) -> AsyncIterator[Connection]:
        """Give a connection for a change that makes something due: it is committed at the end, and
        the persist job has whatever is due done. Raises Unavailable."""
        async with self._database.connection() as connection:
            yield connection
        self._queue.wake_persist()


class Change:
    """One script, called as a `Script` is; raises its refusals, and Unavailable while Redis is not
    rebuilt."""

    def __init__(
        self, script: Script, refusals: Refusals, wrote: Wrote | None, woken: Callable[[], None]
    ) -> None:
        self._script = script
        self._refusals = refusals
        self._wrote = wrote or self._is_yes
        self._woken = woken

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run the script. Takes its KEYS and ARGV; returns Redis's reply as it is."""
        reply = await self._script(keys, args)
        if self._wrote(reply):
            self._woken()
        if refusal := self._refusals.get(verdict_of(reply)):
            raise refusal() if isinstance(refusal, type) else refusal(reply)
        return reply

    def _is_yes(self, reply: Any) -> bool:
        return bool(reply) and verdict_of(reply) not in self._refusals


class Part:
    """A part of the store that keeps things in Redis."""

    def __init__(self, changes: Changes) -> None:
        self._redis = changes.redis
        self._keys = changes.keys


def only(*verdicts: str | int) -> Wrote:
    """Return what tells that the log was written to by one of these verdicts."""
    return lambda reply: verdict_of(reply) in verdicts


def but(*verdicts: str | int) -> Wrote:
    """Return what tells that the log was written to by any other verdict."""
    return lambda reply: verdict_of(reply) not in verdicts
