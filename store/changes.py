"""How the store changes: every change passes through here, so that no caller can forget its duties.

A change is one script that also writes to the event log. Three things are done for each: a Redis
that was emptied and is not rebuilt yet refuses it (`Script`), a verdict that means no becomes the
error that callers know, and the persist job is woken, so that Postgres has it a moment later. One
that is `lasting` is also waited for until it is kept (`store.durability`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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

Kept = Callable[[str], Awaitable[None]]
"""Waits until what the log holds up to an id is kept (`Durability.kept`)."""


class Changes:
    """Redis, its names, and every way of changing what is kept."""

    def __init__(
        self, redis: Redis, keys: Keys, database: Database, queue: Queue, kept: Kept | None = None
    ) -> None:
        """Without `kept` a lasting change is one like any other."""
        self.redis = redis
        self.keys = keys
        self._database = database
        self._queue = queue
        self._kept = kept

    def script(
        self,
        name: str,
        refusals: Refusals | None = None,
        *,
        wrote: Wrote | None = None,
        shared: bool = False,
        lasting: bool = False,
    ) -> Change:
        """Return `store/lua/<name>.lua` as a change.

        `wrote` is needed where a reply that is neither a refusal nor empty can mean that nothing
        was written, or the other way round. `shared`: as SharedScript. `lasting`: it must never
        come back once it was acknowledged, so it returns when it is kept, and raises NotKept when
        nothing confirms that in time.
        """
        kind = SharedScript if shared else Script
        woken = self._queue.wake_persist
        script = kind(self.redis, name)
        if lasting and self._kept:
            return LastingChange(
                script, refusals or {}, wrote, woken, self.keys.events(), self._kept
            )
        return Change(script, refusals or {}, wrote, woken)

    async def all_kept(self) -> None:
        """Wait until all that was done so far is kept, for who asks again for what is done already.
        Raises NotKept."""
        if self._kept:
            newest = await self.redis.xrevrange(self.keys.events(), count=1)
            await self._kept(str(newest[0][0]) if newest else "")

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
        return self._understood(await self._script(keys, args))

    def _understood(self, reply: Any) -> Any:
        if self._wrote(reply):
            self._woken()
        if refusal := self._refusals.get(verdict_of(reply)):
            raise refusal() if isinstance(refusal, type) else refusal(reply)
        return reply

    def _is_yes(self, reply: Any) -> bool:
        return bool(reply) and verdict_of(reply) not in self._refusals


class LastingChange(Change):
    """A change that is waited for until it is kept; so is one that found nothing to do, for what it
    would have done may have been done a moment ago."""

    def __init__(
        self,
        script: Script,
        refusals: Refusals,
        wrote: Wrote | None,
        woken: Callable[[], None],
        log: str,
        kept: Kept,
    ) -> None:
        super().__init__(script, refusals, wrote, woken)
        self._log = log
        self._kept = kept

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        reply, place = await self._script.placed(self._log, keys, args)
        self._understood(reply)
        await self._kept(place)
        return reply


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
