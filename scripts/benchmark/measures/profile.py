"""Where the product's time and memory go while a crowd comes: lines, not figures.

Tracing slows it several times over, so nothing measured here enters the table.
"""

from __future__ import annotations

from typing import Any

from scripts.benchmark.measures import mass
from scripts.benchmark.run import Run
from scripts.benchmark.subject import TRANSPORTS, Transport

LINES = 25


async def measure(run: Run) -> str:
    """Return the lines that hold most memory per connection, the functions that take most time
    per connect, for each transport, and those per tab of a mass logout."""
    parts = []
    for transport in TRANSPORTS:
        memory = await _under(run, transport, "BENCH_TRACE")
        parts.append(f"memory per idle connection, {transport} (tracemalloc, bytes):")
        parts += [_memory_line(row, run.connections) for row in memory["memory"][:LINES]]
        time = await _under(run, transport, "BENCH_PROFILE")
        parts.append(f"time per connect, {transport} (cProfile, µs; own, with what it calls):")
        parts += [_time_line(row, run.connections) for row in time["time"][:LINES]]
        parts.append("")
    told = await _mass(run)
    parts.append("time per tab of a mass logout, ws (cProfile, µs; own, with what it calls):")
    parts += [_time_line(row, run.connections) for row in told["time"][:LINES]]
    return "\n".join(parts)


async def _mass(run: Run) -> dict[str, Any]:
    """Log everybody out under the profiler, from a full house."""
    everybody = list(range(run.devices))
    await _under(run, "ws", "BENCH_PROFILE")
    await mass.alone(run, everybody)
    told = await run.product.web.report()
    await run.product.restore(everybody)
    return told


async def _under(run: Run, transport: Transport, tool: str) -> dict[str, Any]:
    """Open everybody under a tool; returns its report of just that."""
    product = run.product
    product.more_env = {tool: "1"}
    try:
        await run.empty()
        warm = range(min(20, run.devices))
        run.open(run.plans(product, transport, warm), "to warm up")
        run.clients.close()
        await run.settle(product)
        run.open(run.plans(product, transport, range(run.devices)), f"connections, {transport}")
        return await product.web.report()
    finally:
        product.more_env = {}


def _memory_line(row: dict[str, Any], connections: int) -> str:
    size, blocks = row["bytes"] / connections, row["blocks"] / connections
    return f"  {size:9.1f}  in {blocks:6.2f} blocks  {_short(row['line'])}"


def _time_line(row: dict[str, Any], connections: int) -> str:
    own, whole = (1e6 * row[name] / connections for name in ("own", "with_called"))
    calls = row["calls"] / connections
    return f"  {own:8.1f} {whole:8.1f}  {calls:7.2f} calls  {_short(row['where'])}"


def _short(place: str) -> str:
    """Without the way to the project or to the packages."""
    for mark in ("site-packages/", "/lib/python3", "/main/"):
        place = place.rpartition(mark)[2]
    return place
