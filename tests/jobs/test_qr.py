"""What the clock does for QR requests: ends those that nobody waits for."""

from __future__ import annotations

from typing import Any

import pytest

from jobs import qr
from jobs.persist.reader import LogReader
from store.opening import Store
from store.qr import Asking
from store.sessions import Device


@pytest.fixture(autouse=True)
def process(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A job reads its settings from the process's environment."""
    environment["QR_TOKEN_TTL_SECONDS"] = "1"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


async def ask(store: Store, number: int) -> None:
    device = Device(id="", name="Chrome - Mac", ip=f"10.0.0.{number}", browser_id=f"b{number}")
    await store.qr.create(Asking("kuki", device), "token")


async def statuses(store: Store) -> list[str]:
    await LogReader(store).run()
    async with store.database.connection() as connection:
        found = await connection.execute("SELECT status FROM qr_login_token")
        return [row["status"] for row in await found.fetchall()]


async def test_what_nobody_waits_for_expires(store: Store) -> None:
    for number in range(3):
        await ask(store, number)
    await qr.expire()
    assert await statuses(store) == ["pending"] * 3
    waiting: Any = await store.redis.zrange(store.keys.qr_open(), 0, -1)
    for name in waiting:
        record = store.keys.qr(name)
        text = str(await store.redis.get(record)).replace('"deadline":1', '"deadline":0.1')
        await store.redis.set(record, text)
        await store.redis.zadd(store.keys.qr_open(), {name: 1})
    await qr.expire()
    assert await statuses(store) == ["expired"] * 3
    assert await store.redis.zcard(store.keys.qr_open()) == 0
