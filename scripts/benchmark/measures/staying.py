"""What lasts: idle time, a restart under everybody, crowds that come and vanish."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from scripts.benchmark.clients import Crowd
from scripts.benchmark.figures import percentile
from scripts.benchmark.machine import cpu_seconds, descriptors, resident_kib
from scripts.benchmark.run import Run

IDLE_SECONDS = 60.0
"""Three heartbeats of everybody."""

BACK_SECONDS = 90.0
GONE_SECONDS = 10.0
LOOK_SECONDS = 0.1
BUCKET_NS = 100_000_000


async def measure_cpu(run: Run) -> None:
    """The processor time of a full house in which nothing happens but heartbeats."""
    await run.fill("ws")
    seconds = 5.0 if run.quick else IDLE_SECONDS
    await asyncio.sleep(2)
    began, used = time.monotonic(), cpu_seconds(run.product.pids())
    while (passed := time.monotonic() - began) < seconds:
        run.screen.progress("idle seconds", int(passed), int(seconds))
        await asyncio.sleep(min(1.0, seconds - passed))
    used = cpu_seconds(run.product.pids()) - used
    run.screen.progress("idle seconds", int(seconds), int(seconds))
    run.figures.put("jaga", "cpu", 100 * used / (time.monotonic() - began), {"seconds": seconds})
    crowd = run.clients.crowd()
    if crowd.open != run.connections:
        run.figures.remark(f"jaga: {run.connections - crowd.open} were dropped while idle")


async def measure_storm(run: Run) -> None:
    """SIGTERM, a new process at once, and everybody comes back by the page's own rule."""
    await run.fill("ws")
    run.clients.crowd()
    run.clients.let_return(True)
    began = time.perf_counter_ns()
    await run.product.stop()
    ended = time.perf_counter_ns()
    await run.product.start()
    ready = time.perf_counter_ns()
    crowd = await _all_back(run)
    run.clients.let_return(False)
    back = [(moment - began) / 1e9 for moment in crowd.returned]
    last = back[-1] if back and crowd.open == run.connections else float("nan")
    errors = sum(count for status, count in crowd.answers.items() if status.startswith("5"))
    run.figures.put(
        "jaga",
        "storm.all",
        last,
        {
            "answers": dict(crowd.answers),
            "exit_after": (ended - began) / 1e9,
            "ready_after": (ready - began) / 1e9,
            "half_back_after": percentile(back, 0.5),
        },
    )
    run.figures.put("jaga", "storm.down", (ready - began) / 1e9)
    run.figures.put("jaga", "storm.errors", errors)
    run.figures.put("jaga", "storm.busiest", _busiest(crowd.returned))


async def _all_back(run: Run) -> Crowd:
    """Wait until everybody is back; adds up what was heard meanwhile."""
    whole = Crowd(0, run.clients.crowd().answers, [])
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        now = run.clients.crowd()
        whole = Crowd(now.open, whole.answers + now.answers, whole.returned + now.returned)
        run.screen.progress("back", now.open, run.connections)
        if now.open >= run.connections:
            break
        await asyncio.sleep(0.1)
    return Crowd(whole.open, whole.answers, sorted(whole.returned))


def _busiest(moments: list[int]) -> int:
    """The most moments within any of the 100 ms that follow one of them."""
    most = first = 0
    for place, moment in enumerate(moments):
        while moment - moments[first] > BUCKET_NS:
            first += 1
        most = max(most, place - first + 1)
    return most


async def measure_churn(run: Run) -> None:
    """Twice, half a house comes and vanishes with a reset: what is left behind."""
    await run.empty()
    await run.settle(run.product)
    before = await _holdings(run)
    rounds = []
    for _ in range(2):
        devices = range(max(1, run.devices // 2))
        run.open(run.plans(run.product, "ws", devices), "connections that will vanish")
        run.clients.close(abruptly=True)
        await _until_gone(run, before["descriptors"])
        rounds.append(await _holdings(run))
    last = rounds[-1]
    detail = {"before": before, "rounds": rounds}
    run.figures.put("jaga", "churn.memory", last["kib"] - before["kib"], detail)
    run.figures.put("jaga", "churn.second", last["kib"] - rounds[0]["kib"])
    for name in ("descriptors", "tasks"):
        run.figures.put("jaga", f"churn.{name}", last[name] - before[name])


async def _until_gone(run: Run, wanted: int) -> None:
    """Give the server a moment to notice."""
    for _ in range(int(GONE_SECONDS / LOOK_SECONDS)):
        if descriptors(run.product.pids()) <= wanted:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _holdings(run: Run) -> dict[str, Any]:
    facts = await run.product.web.report()
    return {
        "kib": resident_kib(run.product.pids()),
        "descriptors": descriptors(run.product.pids()),
        "tasks": facts["tasks"],
        "objects": facts["objects"],
    }
