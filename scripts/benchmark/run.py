"""One run: who is measured, how many connections, and what the measures share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmark.client import Plan
from scripts.benchmark.clients import Clients, ClientsFailed, Connected
from scripts.benchmark.figures import Figures
from scripts.benchmark.product import Product
from scripts.benchmark.screen import Screen
from scripts.benchmark.subject import Subject, Transport, key_of

IN_FLIGHT = 64
"""Handshakes under way at a time, over all client processes."""

TRIES = 3
TRY_AGAIN_SECONDS = 0.5

SETTLE_SECONDS = 1.0
QUICK_SETTLE_SECONDS = 0.1
"""After a crowd has come or gone, before memory is read."""


@dataclass
class Run:
    """What every measure is given. The product is `subjects[0]`."""

    clients: Clients
    product: Product
    subjects: Sequence[Subject]
    devices: int
    tabs: int
    figures: Figures
    screen: Screen
    quick: bool = False
    """Fewer rounds: to see that it works, not to know how fast."""

    @property
    def connections(self) -> int:
        """Connections of a full house."""
        return self.devices * self.tabs

    def rounds(self, wanted: int) -> int:
        """How often to repeat."""
        return max(3, wanted // 20) if self.quick else wanted

    def plans(
        self, subject: Subject, transport: Transport, devices: Sequence[int], tabs: int = 0
    ) -> list[Plan]:
        """Plans for the tabs of some devices, each device's tabs apart from each other."""
        number = self.subjects.index(subject)
        plans = []
        for tab in range(tabs or self.tabs):
            for device in devices:
                plan = subject.plan(transport, device, tab)
                plans.append(_renumbered(plan, key_of(number, device, tab)))
        return plans

    def keys(self, subject: Subject, device: int) -> frozenset[int]:
        """The keys of a device's tabs."""
        number = self.subjects.index(subject)
        return frozenset(key_of(number, device, tab) for tab in range(self.tabs))

    def open(self, plans: Sequence[Plan], what: str) -> Connected:
        """Open tabs with a bar; returns what came of the first try.

        Who was refused tries again, and the foot of the table says so; raises ClientsFailed when
        some are refused to the end.
        """
        connected = self.clients.open(
            plans, IN_FLIGHT, lambda done, total: self.screen.progress(what, done, total)
        )
        self._try_again([plan for plan in plans if plan.key in connected.failed], connected, what)
        return connected

    def _try_again(self, plans: Sequence[Plan], first: Connected, what: str) -> None:
        causes = ", ".join(f"{count} × {why}" for why, count in first.failures.items())
        for _ in range(TRIES):
            if not plans:
                return
            time.sleep(TRY_AGAIN_SECONDS)
            again = self.clients.open(plans, IN_FLIGHT)
            plans = [plan for plan in plans if plan.key in again.failed]
            self.figures.remark(f"some came in at the second try only ({what}): {causes}")
        if plans:
            raise ClientsFailed(f"not everybody was let in ({what}): {causes}")

    def close(self, subject: Subject) -> None:
        """Close all tabs of one subject."""
        number = self.subjects.index(subject)
        tabs = [
            key_of(number, device, tab)
            for device in range(self.devices)
            for tab in range(self.tabs)
        ]
        self.clients.close(tabs)

    async def fill(self, transport: Transport, connections: int = 0) -> None:
        """Give the product a fresh process with a full house, or with so many connections."""
        await self.empty()
        devices = range(-(-connections // self.tabs) if connections else self.devices)
        self.open(self.plans(self.product, transport, devices), "connections")
        await self.settle(self.product)

    async def empty(self) -> None:
        """Give the product a fresh process with nobody connected, and have the peers out."""
        self.clients.close()
        for subject in self.subjects:
            await subject.stop()
        await self.product.start()

    async def settle(self, subject: Subject) -> None:
        """Let what was just done come to its end, and garbage be collected."""
        await asyncio.sleep(QUICK_SETTLE_SECONDS if self.quick else SETTLE_SECONDS)
        await subject.settle()


def _renumbered(plan: Plan, key: int) -> Plan:
    return Plan(
        key=key,
        device=plan.device,
        address=plan.address,
        source=plan.source,
        request=plan.request,
        ready=plan.ready,
        dialect=plan.dialect,
        then=plan.then,
    )
