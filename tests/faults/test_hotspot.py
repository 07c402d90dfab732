"""The hotspot when its worker is killed in the middle of a run."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from scripts.simulator.part import RouterPart
from store.opening import Store
from tests.parts import Product
from tests.stopwatch import Stopwatch


def family_of(pid: int) -> list[int]:
    """A process and all that came from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def bindings(router: RouterPart) -> int:
    return len(router.read("state")["tables"]["/ip/hotspot/ip-binding"])


async def until(holds: Callable[[], bool], seconds: float) -> None:
    began = Stopwatch()
    while not await asyncio.to_thread(holds):
        assert began.seconds < seconds
        await asyncio.sleep(0.02)


async def test_a_worker_killed_between_two_writes_leaves_work_that_the_next_one_ends(
    product: Callable[..., Awaitable[Product]],
    store: Store,
    router: RouterPart,
) -> None:
    settings = {"MIKROTIK_HOST": "127.0.0.1", **router.settings}
    members = []
    for n in range(5):
        phone = f"0812{n:08d}"
        made = await store.members.create(email=f"{n}@jaga.test", password_hash="x", phone=phone)
        await store.hotspot.devices.bind(made.id, f"A4:BB:CC:00:00:0{n}", "")
        await store.hotspot.quota.correct(made.id, unlimited=True)
        members.append(made.id)
    web = await product(worker=True, **settings)
    await store.hotspot.routers.sync_all()
    await until(lambda: bindings(router) == 5, 10)
    router.control("fault", delay_seconds=0.2)
    for member in members:
        await store.sessions.end(member, "all", reason="blocked", by="test", status="blocked")
    await store.hotspot.routers.sync_all()
    await until(lambda: bindings(router) < 5, 10)
    assert web.worker is not None
    for pid in family_of(web.worker.pid):
        os.kill(pid, signal.SIGKILL)
    router.control("fault", clear=True)
    assert 0 < bindings(router) < 5, "the kill came too late to prove anything"
    await product(worker=True, **settings)
    began = time.monotonic()
    # a lease of the dead is waited out
    while bindings(router):
        assert time.monotonic() - began < 30
        await sync(store)
    print(f"\nwhole again {time.monotonic() - began:.1f} s after the kill")
    for member in members:
        async with asyncio.timeout(15):
            while await store.redis.hget(store.keys.hotspot(member), "settled") != "blocked":
                await sync(store)


async def sync(store: Store) -> None:
    """Ask for a run, as the clock does."""
    await store.hotspot.routers.sync_all()
    await asyncio.sleep(0.5)
