"""The hotspot engine: what every member's access is, and the routers made to agree (CONTRACT §9).

Each router has a lease, a deadline and a run of its own, and they run beside each other: one that
is away, slow or wrong delays none of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from jobs.hotspot import presence
from jobs.hotspot.alarm import tell_owner
from jobs.hotspot.binding import bind_device, bind_proven, serve_waiting
from jobs.hotspot.engine import Engine
from jobs.hotspot.leftovers import is_barred
from jobs.hotspot.report import join_previews
from jobs.mikrotik import LoginRefused, RouterAway, Trap, open_link
from store.errors import Unavailable
from store.hotspot.account import Account
from store.hotspot.deciding import Policy
from store.hotspot.leases import LeaseLost
from store.opening import Store, open_store
from store.routers import Router
from store.settings import Settings

AT_ONCE = 4
"""Routers that one job works on at a time: the work of more on one processor would keep the
heartbeats of their leases waiting."""

PROBE_SECONDS = 3.0

log = logging.getLogger("jaga.hotspot")

T = TypeVar("T")


async def run() -> None:
    """Make every router agree with everybody; every HOTSPOT_SYNC_SECONDS, and when asked."""
    settings = Settings.from_environment()
    if not settings.routers:
        return
    async with open_store(settings) as store:
        try:
            leaving = await store.hotspot.accounts.leaving()
            going = await store.hotspot.accounts.of(sorted(leaving))
            reports = await _on_each(engines(store), lambda engine: engine.run())
        except Unavailable:
            log.warning("Redis is away or not rebuilt yet: nobody is touched, the next run will")
            return
        changes = [change for report in reports for change in report.changes]
        blocked = {change["member"] for change in changes if change["to"] == "blocked"}
        await _sweep(store, [*going, *await store.hotspot.accounts.of(sorted(blocked))])
        if any(report.state == "done" for report in reports):
            await serve_waiting(store)
            await presence.sweep(store)


async def sync_member(member: str) -> None:
    """Make every router agree with one member, now."""
    settings = Settings.from_environment()
    if not settings.routers:
        return
    async with open_store(settings) as store:
        # a deleted member's account is gone after the run
        found = await store.hotspot.accounts.of([member])
        await _on_each(engines(store), lambda engine: engine.run(member))
        await _sweep(store, found)
        await serve_waiting(store, member)


async def probe() -> None:
    """Look for routers that were away, or are new: the first answer of one turns it green and has a
    run make up for it all. The owner is told of each that went away, and that it is back."""
    settings = Settings.from_environment()
    async with open_store(settings) as store:
        ledger = store.hotspot.ledger
        names = await ledger.owed()
        owed = [router for router in settings.routers if router.name in names]
        answers = await asyncio.gather(*(_answers(router) for router in owed))
        for router, has_answered in zip(owed, answers, strict=True):
            if has_answered and await ledger.is_known_away(router.name):
                await ledger.note_back(router.name)
        if any(answers):
            await store.hotspot.routers.sync_all()
        await tell_owner(store)


async def keep_garden() -> None:
    """Keep every router's walled garden, and free of what blocked members left; every hour."""
    settings = Settings.from_environment()
    async with open_store(settings) as store:
        await _on_each(engines(store), _keep_garden)
        with contextlib.suppress(Unavailable):
            members = await store.hotspot.accounts.members()
            await _sweep(store, await store.hotspot.accounts.of(members))


async def bind(question: str, wish: dict[str, Any]) -> None:
    """Answer a page: what became of the device that its owner has just logged in on."""
    async with open_store(Settings.from_environment()) as store:
        await store.hotspot.questions.answer(question, await bind_device(store, wish))


async def confirm(question: str, token: str) -> None:
    """Answer a page: what became of the device that has logged in at the router as was asked."""
    async with open_store(Settings.from_environment()) as store:
        await store.hotspot.questions.answer(question, await bind_proven(store, token))


async def preview(question: str, fup_percent: int | None = None) -> None:
    """Answer a page: what would be written and why, and whom another threshold would move."""
    settings = Settings.from_environment()
    async with open_store(settings) as store:
        policy = Policy.of(settings, fup_percent)
        seen = await _on_each(engines(store), lambda engine: _preview(engine, policy))
        plan = join_previews(dict(zip((r.name for r in settings.routers), seen, strict=True)))
        answer = {"plan": plan} if plan else {"error": "no router answered"}
        await store.hotspot.questions.answer(question, answer)


def engines(store: Store) -> list[Engine]:
    """Return an engine for each router."""
    policy = Policy.of(store.settings)
    return [Engine(store, router, policy) for router in store.settings.routers]


async def _on_each(engines: list[Engine], work: Callable[[Engine], Awaitable[T]]) -> list[T]:
    """Do it for each, beside each other; what goes wrong for one is raised when all are done."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(engine: Engine) -> T:
        async with places:
            return await work(engine)

    done = await asyncio.gather(*(one(engine) for engine in engines), return_exceptions=True)
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in done if not isinstance(outcome, BaseException)]


async def _answers(router: Router) -> bool:
    try:
        async with open_link(router, PROBE_SECONDS):
            return True
    except (RouterAway, LoginRefused):
        return False


async def _sweep(store: Store, accounts: Sequence[Account]) -> None:
    """Take away, at every router, what those of them who are barred have there besides."""
    barred = [account for account in accounts if is_barred(account)]

    async def one(engine: Engine) -> None:
        try:
            await engine.sweep(barred)
        except (RouterAway, LoginRefused, Trap, LeaseLost) as error:
            log.warning("left over on %s until the next hour: %s", engine.router.name, error)

    if barred:
        await _on_each(engines(store), one)


async def _keep_garden(engine: Engine) -> None:
    try:
        await engine.keep_garden()
    except (RouterAway, LoginRefused, Trap, LeaseLost) as error:
        if isinstance(error, RouterAway):
            await engine.note_away(error)
        log.warning("walled garden of %s not kept: %s", engine.router.name, error)


async def _preview(engine: Engine, policy: Policy) -> dict[str, Any]:
    try:
        return await engine.preview(policy)
    except RouterAway as error:
        await engine.note_away(error)
        return {"error": str(error)}
    except (LoginRefused, Trap) as error:
        return {"error": str(error)}
