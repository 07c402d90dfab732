"""A hotspot with 10,000 members on the RouterOS simulator: what a pass takes, and how soon a block
has taken the Internet away.

The engine runs here, on the clients' core; the router has the servers' to itself. A block goes the
whole way: store, queue, a real worker, the router, and the device's next packet that is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobs.hotspot.engine import Engine
from jobs.hotspot.report import Report
from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.run import Run
from scripts.simulator.part import RouterPart
from store.hotspot.deciding import Policy
from store.hotspot.stack import Purchase, Stack
from store.opening import Store, open_store

PREFIX = "bench-hotspot"
MEMBERS = 10_000
PASSES = 5
SHARE_CHANGED = 100
"""Of so many members, one is blocked before the pass that has something to write."""

BLOCKS = 50
BLOCKED_SECONDS = 10.0
STOP_SECONDS = 10.0
PACKET_SECONDS = 0.005
PURCHASED = 1 << 30


async def measure(run: Run) -> None:
    """Passes with everything, nothing and 1 % to write; then one block after the other."""
    await run.empty()
    members = max(SHARE_CHANGED, run.rounds(MEMBERS))
    router = run.product.start_router()
    try:
        async with _house(run, router) as store:
            ids = await settle_in(store, members)
            await _measure_passes(run, store, router, ids)
            await _measure_blocks(run, store, router, ids[members // SHARE_CHANGED :])
    finally:
        router.stop()


async def _measure_passes(run: Run, store: Store, router: RouterPart, ids: list[str]) -> None:
    put = run.figures.put
    took, first = await one_pass(store)
    put("jaga", "hotspot.first", took, {"writes": first.writes})
    router.control("crowd", count=len(ids))
    await one_pass(store)
    still = []
    for number in range(PASSES):
        still.append(await one_pass(store))
        run.screen.progress("passes", number + 1, PASSES)
    await bar(store, ids[: len(ids) // SHARE_CHANGED])
    took, changed = await one_pass(store)
    put("jaga", "hotspot.still", percentile([took for took, _ in still], 0.5))
    put("jaga", "hotspot.still.writes", max(one.writes for _, one in still))
    put("jaga", "hotspot.changed", took, {"writes": changed.writes})
    put("jaga", "hotspot.prints", max(one.prints for _, one in (*still, (took, changed))))


@asynccontextmanager
async def _house(run: Run, router: RouterPart) -> AsyncIterator[Store]:
    """A store of its own, whose settings name that router."""
    async with open_store(run.product.settings_with(_settings(router))) as store:
        await store.redis.set(store.keys.built(), "1")
        try:
            yield store
        finally:
            names = [name async for name in store.redis.scan_iter(f"{PREFIX}:*", count=1_000)]
            for at in range(0, len(names), 1_000):
                await store.redis.unlink(*names[at : at + 1_000])


def _settings(router: RouterPart) -> dict[str, str]:
    return {"REDIS_PREFIX": PREFIX, "MIKROTIK_HOST": "127.0.0.1", **router.settings}


async def settle_in(store: Store, count: int) -> list[str]:
    """Have so many members with a package and a device each; returns their ids. Written as it
    stands in Redis: members made one by one would take minutes."""
    keys = store.keys
    ids = [f"{number:016x}" for number in range(count)]
    async with store.redis.pipeline(transaction=False) as pipe:
        for number, member in enumerate(ids):
            stack = Stack((Purchase(id="demo", package="Bulanan", quota=PURCHASED),))
            account = {"phone": f"62812{number:08d}", "approved": "1", "stack": stack.text()}
            words = [word for pair in account.items() for word in pair]
            slot = f'{{"mac":"{mac_of(number)}","ip":"","name":"","seen_at":1}}'
            pipe.hset(keys.member(member), mapping={"id": member, "status": "active"})
            pipe.hset(keys.hotspot(member), items=words)
            pipe.hset(keys.hotspot_slots(member), "00000000", slot)
        pipe.sadd(keys.hotspot_accounts(), *ids)
        await pipe.execute()
    return ids


async def bar(store: Store, members: list[str]) -> None:
    """Block members so that only a pass can tell the router."""
    async with store.redis.pipeline(transaction=False) as pipe:
        for member in members:
            pipe.hset(store.keys.member(member), "status", "blocked")
        await pipe.execute()


def mac_of(number: int) -> str:
    """The MAC that the simulator's crowd gives to its n-th device."""
    return f"02:00:00:00:{number >> 8 & 255:02X}:{number & 255:02X}"


async def one_pass(store: Store) -> tuple[float, Report]:
    """One run over everybody: seconds, and what became of it."""
    settings = store.settings
    began = time.monotonic()
    report = await Engine(store, settings.routers[0], Policy.of(settings)).run()
    if report.state != "done":
        raise ClientsFailed(f"a pass over the hotspot ended as {report.state}: {report.errors}")
    return time.monotonic() - began, report


async def _measure_blocks(run: Run, store: Store, router: RouterPart, ids: list[str]) -> None:
    wanted = min(run.rounds(BLOCKS), len(ids))
    times = []
    worker = run.product.start_worker(_settings(router))
    try:
        for number in range(wanted):
            times.append(await block(store, router, ids[number]))
            run.screen.progress("blocks", number + 1, wanted)
    finally:
        await asyncio.to_thread(worker.end, STOP_SECONDS)
    run.figures.put("jaga", "hotspot.block.p50", percentile(times, 0.5))
    run.figures.put("jaga", "hotspot.block.p99", percentile(times, 0.99))


async def block(store: Store, router: RouterPart, member: str) -> float:
    """Milliseconds from the block until the device's packet is refused."""
    mac = mac_of(int(member, 16))

    def passes() -> bool:
        return bool(router.control("traffic", mac=mac, bytes_in=0, bytes_out=1)["passed"])

    if not await asyncio.to_thread(passes):
        raise ClientsFailed("a device that is to be blocked has no Internet to lose")
    began = time.monotonic()
    await store.members.block(member, by="bench")
    while await asyncio.to_thread(passes):
        if time.monotonic() - began > BLOCKED_SECONDS:
            raise ClientsFailed("a block did not reach the router")
        await asyncio.sleep(PACKET_SECONDS)
    return (time.monotonic() - began) * 1000
