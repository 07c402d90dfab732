"""The door to Lua: loads the files of `store/lua`, and calls each by its digest.

A script that would have to say "nobody" of a Redis that was emptied says `unbuilt` instead; here
that becomes Unavailable, for every script alike.

A line `--#include name.lua` is replaced by that file's text, so that rules which several scripts
share are written once (Redis 6.2 has no function libraries).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from functools import cache
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from store.errors import Unavailable

LUA = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--#include (\S+)$", re.MULTILINE)


class Script:
    """One Lua file, ready to be called on one Redis."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._text = text_of(name)
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run the script. Takes its KEYS and ARGV; returns Redis's reply as it is. Raises
        Unavailable for a Redis that is not rebuilt yet."""
        words = [str(word) for word in (*keys, *args)]
        try:
            return _built(await self._redis.evalsha(self._sha, len(keys), *words))
        except NoScriptError:
            return _built(await self._redis.eval(self._text, len(keys), *words))

    async def placed(
        self, log: str, keys: Sequence[str], args: Sequence[str | int | float]
    ) -> tuple[Any, str]:
        """Run it, and return on the same connection also the id of the newest entry of `log`, ""
        when it has none: whoever has that entry has all that the script wrote."""
        words = [str(word) for word in (*keys, *args)]
        reply, newest = await self._with_newest(log, "EVALSHA", self._sha, len(keys), *words)
        if isinstance(reply, NoScriptError):
            reply, newest = await self._with_newest(log, "EVAL", self._text, len(keys), *words)
        for answer in (reply, newest):
            if isinstance(answer, Exception):
                raise answer
        return _built(reply), str(newest[0][0]) if newest else ""

    async def _with_newest(self, log: str, *command: str | int) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command(*command)
            pipe.xrevrange(log, count=1)
            return list(await pipe.execute(raise_on_error=False))


class SharedScript(Script):
    """A script whose concurrent calls share round trips: for the check of every request.

    While one pipeline is on its way the next calls gather; nobody waits for company. Ten thousand
    tabs that come back at once so cost a few hundred round trips, and one that comes alone costs
    one.
    """

    MOST = 64
    """Calls of one pipeline: some milliseconds of Redis's time, so that others get their turn."""

    def __init__(self, redis: Redis, name: str) -> None:
        super().__init__(redis, name)
        self._waiting: deque[tuple[list[bytes], asyncio.Future[Any]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        # bytes, because redis-py asks six questions about every word that is not
        words = [str(word).encode() for word in (len(keys), *keys, *args)]
        self._waiting.append((words, answer))
        if self._sender is None:
            # for all who gather, so in nobody's context: a stranger's would have members wait for a
            # connection in the strangers' line (`sharing.py`)
            self._sender = loop.create_task(self._send(), context=Context())
        return _built(await answer)

    async def _send(self) -> None:
        while self._waiting:
            size = min(self.MOST, len(self._waiting))
            await self._send_some([self._waiting.popleft() for _ in range(size)])
        self._sender = None

    async def _send_some(self, calls: list[tuple[list[bytes], asyncio.Future[Any]]]) -> None:
        try:
            replies = await self._pipeline([words for words, _ in calls])
            if any(isinstance(reply, NoScriptError) for reply in replies):
                await self._redis.script_load(self._text)
                replies = await self._pipeline([words for words, _ in calls])
        except Exception as error:
            # whatever it was is the callers' to hear, those also who came meanwhile: a round for
            # each 64 of them, with a deadline each, would keep the last ones waiting for minutes
            calls = [*calls, *self._waiting]
            self._waiting.clear()
            replies = [error] * len(calls)
        for (_, answer), reply in zip(calls, replies, strict=True):
            if answer.done():
                continue
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    async def _pipeline(self, calls: list[list[bytes]]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for words in calls:
                pipe.execute_command("EVALSHA", self._sha, *words)
            return list(await pipe.execute(raise_on_error=False))


def verdict_of(reply: Any) -> str | int:
    """Return the word or number by which a reply says what became of a call: the reply, or its
    first element; "" for one that says it otherwise."""
    first = reply[0] if isinstance(reply, list) and reply else reply
    return first if isinstance(first, str | int) else ""


def _built(reply: Any) -> Any:
    if verdict_of(reply) == "unbuilt":
        raise Unavailable()
    return reply


@cache
def text_of(name: str) -> str:
    """Return the full text of `store/lua/<name>.lua`, its includes filled in."""
    text = (LUA / f"{name}.lua").read_text()
    return _INCLUDE.sub(lambda found: (LUA / found[1]).read_text(), text)
