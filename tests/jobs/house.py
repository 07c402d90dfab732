"""A house of the hotspot for tests of its engine: a store, a router, and what people do there."""

from __future__ import annotations

from typing import Any

from jobs.hotspot.engine import Engine
from jobs.hotspot.report import Report
from scripts.simulator.part import RouterPart
from store.hotspot import Account
from store.hotspot.deciding import Policy
from store.opening import Store
from tests.hotspot import customer

PHONE = "AA:BB:CC:00:00:01"


class House:
    """A store, a router, and what people do there."""

    def __init__(self, store: Store, router: RouterPart) -> None:
        self.store = store
        self.router = router

    def engine(self, **changes: Any) -> Engine:
        settings = self.store.settings
        return Engine(self.store, settings.routers[0], Policy.of(settings, **changes))

    async def sync(self, only: str = "") -> Report:
        self.router.forget_calls()
        return await self.engine().run(only)

    async def person(self, number: int, *macs: str, quota_mb: int = 100, email: str = "") -> str:
        return await customer(self.store, number, *macs, quota_mb=quota_mb, email=email)

    async def account(self, member: str) -> Account:
        return await self.store.hotspot.accounts.get(member)

    def rows(self, path: str) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.router.read("state")["tables"][f"/ip/hotspot/{path}"]
        return rows

    def send(self, size: int = 1, mac: str = PHONE) -> bool:
        return bool(self.router.control("traffic", mac=mac, bytes_in=0, bytes_out=size)["passed"])

    def prints(self) -> int:
        calls: dict[str, int] = self.router.read("calls")
        return sum(count for name, count in calls.items() if name.endswith("/print"))
