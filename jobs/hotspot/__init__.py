"""The hotspot engine: what every member's access is, and the router made to agree (CONTRACT §9)."""

from __future__ import annotations

import logging
from typing import Any

from jobs.hotspot.binding import bind_device
from jobs.hotspot.engine import Engine
from jobs.mikrotik import LoginRefused, RouterAway, Trap
from store.hotspot.deciding import Policy
from store.hotspot.leases import LeaseLost
from store.opening import open_store
from store.settings import Settings

log = logging.getLogger("jaga.hotspot")


async def run() -> None:
    """Make the router agree with everybody; every HOTSPOT_SYNC_SECONDS, and when asked."""
    settings = Settings.from_environment()
    if not settings.routers:
        return
    async with open_store(settings) as store:
        report = await Engine(store, settings.routers[0], Policy.of(settings)).run()
        if report.state == "done":
            for wish in await store.hotspot.waiting():
                await bind_device(store, wish)


async def sync_member(member: str) -> None:
    """Make the router agree with one member, now."""
    settings = Settings.from_environment()
    if not settings.routers:
        return
    async with open_store(settings) as store:
        await Engine(store, settings.routers[0], Policy.of(settings)).run(member)


async def keep_garden() -> None:
    """Keep the walled garden; every hour."""
    settings = Settings.from_environment()
    async with open_store(settings) as store:
        try:
            await Engine(store, settings.routers[0], Policy.of(settings)).keep_garden()
        except (RouterAway, LoginRefused, Trap, LeaseLost) as error:
            log.warning("walled garden not kept: %s", error)


async def bind(question: str, wish: dict[str, Any]) -> None:
    """Answer a page: what became of the device that its owner has just logged in on."""
    async with open_store(Settings.from_environment()) as store:
        await store.hotspot.answer(question, await bind_device(store, wish))


async def preview(question: str, fup_percent: int | None = None) -> None:
    """Answer a page: what would be written and why, and whom another threshold would move."""
    settings = Settings.from_environment()
    async with open_store(settings) as store:
        engine = Engine(store, settings.routers[0], Policy.of(settings))
        answer: dict[str, Any]
        try:
            answer = {"plan": await engine.preview(Policy.of(settings, fup_percent))}
        except (RouterAway, LoginRefused, Trap) as error:
            answer = {"error": str(error)}
        await store.hotspot.answer(question, answer)
