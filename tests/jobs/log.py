"""What the tests of the log's second reader share: writing events, and looking at what they did."""

from __future__ import annotations

import json
from typing import Any

from store.opening import Store

NOON = 1_795_000_000_000  # unix milliseconds of a day in November 2026


async def write(store: Store, type: str, **data: Any) -> str:
    """Append an event as the store's scripts do; returns its id."""
    fields: dict[Any, Any] = {"type": type, "data": json.dumps(data)}
    return str(await store.redis.xadd(store.keys.events(), fields))


async def write_audits(store: Store, count: int) -> None:
    """Append `count` audit entries, each with its number as the subject."""
    async with store.redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            data = {"actor": "admin", "act": "try", "subject": str(number), "at": NOON + number}
            pipe.xadd(store.keys.events(), {"type": "audit", "data": json.dumps(data)})
        await pipe.execute()


async def rows(store: Store, query: str) -> list[dict[str, Any]]:
    """The rows of a query on Postgres."""
    return await store.database.fetch(query.encode())


async def count(store: Store, table: str) -> int:
    """How many rows a table has."""
    query = f"SELECT count(*) AS rows FROM {table}"  # noqa: S608  (a name written in a test)
    return int((await rows(store, query))[0]["rows"])


def opened(**changes: Any) -> dict[str, Any]:
    """The data of a `session.opened`."""
    return {
        "member": "m1",
        "sid": "s1",
        "kind": "web",
        "method": "password",
        "device": "d1",
        "device_name": "Chrome - Windows",
        "fp": "f1",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla",
        "browser_id": "b1",
        "epoch": 1,
        "at": NOON,
    } | changes


def ended(**changes: Any) -> dict[str, Any]:
    """The data of a `session.ended`."""
    return {
        "member": "m1",
        "sid": "s1",
        "kind": "web",
        "device": "d1",
        "reason": "replaced",
        "kick_id": "k1",
        "by": "Firefox - Linux",
        "drain_until": NOON,
        "same_browser": False,
        "epoch": 1,
        "at": NOON + 1000,
    } | changes
