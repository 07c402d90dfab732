"""The door to Lua: loads the files of `store/lua`, and calls each by its digest.

A line `--#include name.lua` is replaced by that file's text, so that rules which several scripts
share are written once (Redis 6.2 has no function libraries).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

LUA = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--#include (\S+)$", re.MULTILINE)


class Script:
    """One Lua file, ready to be called on one Redis."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._text = text_of(name)
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run the script. Takes its KEYS and ARGV; returns Redis's reply as it is."""
        words = [str(word) for word in (*keys, *args)]
        try:
            return await self._redis.evalsha(self._sha, len(keys), *words)
        except NoScriptError:
            return await self._redis.eval(self._text, len(keys), *words)


@cache
def text_of(name: str) -> str:
    """Return the full text of `store/lua/<name>.lua`, its includes filled in."""
    text = (LUA / f"{name}.lua").read_text()
    return _INCLUDE.sub(lambda found: (LUA / found[1]).read_text(), text)
