"""Somebody logs in somewhere else: how soon the last tab of the old place is told.

The old session has four tabs, two of them at another web process on the same Redis.
"""

from __future__ import annotations

import asyncio
import json
import select
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from scripts.benchmark.client import Plan
from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.product import PASSWORD, Web, plan_of
from scripts.benchmark.run import Run
from scripts.benchmark.subject import Caller, key_of

LOGOUTS = 500
SWAP_IDLE = 1_000
SWAPS = 300
LOGINS = 100
ACTORS = 20
"""Members who take turns, so that none of them gathers an unusual past."""

STALL_ROUNDS = 3
CHECKS = 8
PROBE_PAUSE_SECONDS = 0.001

MARKER = b"force_logout"
TOLD_SECONDS = 20.0

Act = Callable[[Run, int, int, frozenset[int]], Awaitable[float]]
"""Has a member log in elsewhere, for the n-th time; takes n, the member and the tabs that are to
be told, and returns how long the last of them waited (ms)."""


async def measure_logout(run: Run) -> None:
    """From the store being asked to end a session to its last tab, one after another."""
    await run.fill("ws")
    devices = list(range(min(run.rounds(LOGOUTS), run.devices)))
    publisher = run.product.publisher()
    times = []
    for device in devices:
        push = await run.product.logout(device)
        run.clients.watch(push.marker, run.keys(run.product, device))
        times.append(_told(run, publisher.send(push)))
    publisher.close()
    await run.product.restore(devices)
    _put(run, "logout", times)


async def measure_swap(run: Run) -> None:
    """From the store being asked for the swap to the last tab, 1,000 others idle."""
    await run.fill("ws", min(SWAP_IDLE, run.connections))
    await _measure(run, "swap", SWAPS, _swap)


async def _swap(run: Run, number: int, actor: int, keys: frozenset[int]) -> float:
    run.clients.watch(MARKER, keys)
    began = time.perf_counter_ns()
    await run.product.login(actor, elsewhere=True)
    return _told(run, began)


async def measure_login(run: Run) -> None:
    """A whole login over HTTP, its password checked a moment before, a full house idle."""
    await run.fill("ws")
    await _measure(run, "login", LOGINS, _login)


async def _login(run: Run, number: int, actor: int, keys: frozenset[int]) -> float:
    caller = Caller(run.product.settings.port, f"jaga_device=bench-device-{number:020}")
    form = await _form(run, caller, actor)
    run.clients.watch(MARKER, keys)
    began = caller.send("POST", "/auth/authenticate", form, "application/x-www-form-urlencoded")
    told = _told(run, began)
    _require_success(await asyncio.to_thread(caller.answer))
    caller.close()
    return told


async def _form(run: Run, caller: Caller, actor: int) -> bytes:
    """Have the password checked; returns the login form with the ticket for it."""
    email = run.product.email(actor)
    asked = {"username": email, "pass": PASSWORD, "action": "keep"}
    caller.send("POST", "/cekfingerprint", json.dumps(asked).encode(), "application/json")
    body = _require_success(await asyncio.to_thread(caller.answer))
    ticket = json.loads(body)["ticket"]
    form = {"username": email, "password": PASSWORD, "action": "keep", "ticket": ticket}
    return urlencode(form).encode()


async def _measure(run: Run, name: str, count: int, act: Act) -> None:
    """Time an act again and again, each time on somebody with four tabs at two web processes."""
    another = await run.product.start_another()
    try:
        await run.product.populate(run.devices + ACTORS, lambda done, total: None)
        times = []
        wanted = run.rounds(count)
        for number in range(wanted):
            actor = run.devices + number % ACTORS
            keys = await _four_tabs(run, actor, another)
            times.append(await act(run, number, actor, keys))
            run.clients.close(keys)
            run.screen.progress(f"{name}s", number + 1, wanted)
    finally:
        await another.stop()
    _put(run, name, times)


async def _four_tabs(run: Run, actor: int, another: Web) -> frozenset[int]:
    """A session with two tabs at each web process."""
    product = run.product
    opened = product.opened[actor] = await product.login(actor)
    plans: list[Plan] = []
    for tab in range(4):
        port = product.settings.port if tab < 2 else another.settings.port
        plans.append(plan_of(opened, "ws", actor, tab, port))
    run.open(plans, "tabs")
    return frozenset(key_of(0, actor, tab) for tab in range(4))


def _told(run: Run, began: int) -> float:
    seen = run.clients.seen(TOLD_SECONDS)
    if seen.missing:
        run.figures.remark(f"jaga: the end of a session was not told to {seen.missing} tabs")
        return TOLD_SECONDS * 1000
    return (seen.last - began) / 1e6


def _require_success(answer: tuple[int, bytes]) -> bytes:
    status, body = answer
    if status != 200:
        raise ClientsFailed(f"a login was answered {status}: {body[:200]!r}")
    return body


def _put(run: Run, name: str, times: list[float]) -> None:
    for share in (50, 99):
        run.figures.put("jaga", f"{name}.p{share}", percentile(times, share / 100))


async def measure_stall(run: Run) -> None:
    """How long another request waits at most while eight passwords are checked."""
    await run.fill("ws", min(SWAP_IDLE, run.connections))
    await run.product.populate(run.devices + ACTORS, lambda done, total: None)
    emails = [run.product.email(run.devices + number) for number in range(CHECKS)]
    times: list[float] = []
    for _ in range(STALL_ROUNDS):
        times += await asyncio.to_thread(_probe_during_checks, run.product.settings.port, emails)
    run.figures.put("jaga", "stall.p99", percentile(times, 0.99))
    run.figures.put("jaga", "stall.max", max(times), {"probes": len(times)})


def _probe_during_checks(port: int, emails: list[str]) -> list[float]:
    callers = [Caller(port, f"jaga_device=bench-device-{place:020}") for place in range(CHECKS)]
    probe = Caller(port)
    for caller, email in zip(callers, emails, strict=True):
        asked = {"username": email, "pass": PASSWORD, "action": "keep"}
        caller.send("POST", "/cekfingerprint", json.dumps(asked).encode(), "application/json")
    times = []
    waiting = list(callers)
    while waiting:
        began = probe.send("GET", "/healthz")
        probe.answer()
        times.append((time.perf_counter_ns() - began) / 1e6)
        for caller in select.select(waiting, [], [], PROBE_PAUSE_SECONDS)[0]:
            _require_success(caller.answer())
            waiting.remove(caller)
    for caller in (probe, *callers):
        caller.close()
    return times
