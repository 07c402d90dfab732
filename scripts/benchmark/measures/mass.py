"""Everybody is logged out at once, and a single logout in the midst of it.

The mass goes one script after another, as fast as Redis answers: what a loop over all members does.
"""

from __future__ import annotations

import asyncio
import threading
import time

from scripts.benchmark.figures import percentile
from scripts.benchmark.run import Run
from scripts.benchmark.subject import Publisher, Push

SINGLES = 150
"""At most so many single logouts, of devices that the mass leaves alone."""

PAUSE_SECONDS = 0.003
TOLD_SECONDS = 60.0
SETTLE_SECONDS = 3.0
"""After the last script: everything that was said has arrived."""


async def measure(run: Run) -> None:
    """First the mass alone, until its last tab is told; then again with single logouts in it."""
    everybody = list(range(run.devices))
    await run.fill("ws")
    await alone(run, everybody)
    await run.product.restore(everybody)
    await run.fill("ws")
    singles = everybody[: min(SINGLES, run.devices // 3)]
    await _mass_with_singles(run, singles, everybody[len(singles) :])
    await run.product.restore(everybody)


async def alone(run: Run, devices: list[int]) -> None:
    """Log all of these out, and note when the last tab of all was told."""
    pushes = [await run.product.logout(device) for device in devices]
    run.clients.watch(b"force_logout", None)
    began = time.perf_counter_ns()
    thread = _Mass(run.product.publisher(), pushes)
    thread.start()
    seen = run.clients.seen(TOLD_SECONDS)
    thread.join()
    if seen.missing:
        run.figures.remark(f"jaga: a mass logout was not told to {seen.missing} tabs")
    detail = {"logouts_per_second": round(len(devices) / thread.took)}
    run.figures.put("jaga", "mass.all", (seen.last - began) / 1e6, detail)


async def _mass_with_singles(run: Run, singles: list[int], mass: list[int]) -> None:
    """Single logouts at a steady pace as long as the mass goes on, none waiting for another."""
    pushes = [await run.product.logout(device) for device in mass]
    few = [await run.product.logout(device, by="its own") for device in singles]
    run.clients.track(push.marker for push in few)
    publisher = run.product.publisher()
    thread = _Mass(run.product.publisher(), pushes)
    thread.start()
    began: dict[bytes, int] = {}
    for push in few:
        if not thread.is_alive():
            break
        began[push.marker] = publisher.send(push)
        # a plain wait: nothing else happens in this process meanwhile but the mass itself
        thread.join(PAUSE_SECONDS)
    thread.join()
    publisher.close()
    await asyncio.sleep(SETTLE_SECONDS / 10 if run.quick else SETTLE_SECONDS)
    _put_singles(run, began, run.clients.tracked())


def _put_singles(run: Run, began: dict[bytes, int], told: dict[bytes, list[int]]) -> None:
    times = []
    for logout, moment in began.items():
        if len(told[logout]) == run.tabs:
            times.append((max(told[logout]) - moment) / 1e6)
        else:
            run.figures.remark(f"jaga: a single logout amid many reached {len(told[logout])} tabs")
    run.figures.put("jaga", "mass.single.p50", percentile(times, 0.5), {"logouts": len(times)})
    run.figures.put("jaga", "mass.single.p99", percentile(times, 0.99))


class _Mass(threading.Thread):
    """Sends all of them, one after another."""

    def __init__(self, publisher: Publisher, pushes: list[Push]) -> None:
        super().__init__(name="mass", daemon=True)
        self._publisher = publisher
        self._pushes = pushes
        self.took = 0.0

    def run(self) -> None:
        began = time.monotonic()
        for push in self._pushes:
            self._publisher.send(push)
        self.took = time.monotonic() - began
        self._publisher.close()
