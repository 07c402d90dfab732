"""A house of the hotspot over real sockets: a server, its router, an admin, and phones."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from scripts.simulator.part import RouterPart
from tests.client import Browser
from tests.parts import Site

PHONE = "AA:BB:CC:00:00:01"


ADMIN, PASSWORD = "admin@jaga.test", "jaga-admin"


class House:
    """A running product with its router, an admin, and phones that receive codes."""

    def __init__(self, product: Site, router: RouterPart) -> None:
        self.product = product
        self.router = router
        self.port = product.settings.port
        self.admin = Browser(self.port)
        self.messages = Path(product.settings.jaga_home) / "messages"

    async def log_in_admin(self) -> None:
        """The first admin is made a moment after the start."""
        for _ in range(100):
            if (await self.admin.login(ADMIN, PASSWORD)).status == 200:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("no admin")

    async def member(self, phone: str, quota_mb: int = 100) -> str:
        body = {"email": f"{phone}@jaga.test", "password": "rahasia1", "name": "Siti"}
        answer = await self.admin.post("/api/admin/members", {**body, "phone": phone})
        assert answer.status == 201, answer.body
        member = str(answer.json["member"]["id"])
        package = {"name": "Harian", "quota_mb": quota_mb, "days": 30, "unlimited": False}
        made = await self.admin.post("/api/admin/packages", package)
        assert made.status == 201, made.body
        given = await self.admin.post(
            f"/api/admin/members/{member}/package", {"package_id": made.json["package"]["id"]}
        )
        assert given.json["hotspot"]["purchased_bytes"] == quota_mb << 20, given.body
        return member

    async def code(self, phone: str, seen: int) -> str:
        def files() -> list[Path]:
            return sorted(self.messages.glob("[!.]*.json"))

        await self.until(lambda: len(files()) > seen, 10.0)
        message = json.loads(files()[-1].read_text())
        assert message["to"] == phone
        return str(message["text"].split("Kode masuk Jaga: ")[1][:6])

    def send(self, mac: str = PHONE) -> bool:
        sent = self.router.control("traffic", mac=mac, bytes_in=1, bytes_out=1)
        return bool(sent["passed"])

    async def until(self, holds: Callable[[], bool], seconds: float) -> float:
        began = time.monotonic()
        while not await asyncio.to_thread(holds):
            assert time.monotonic() - began < seconds
            await asyncio.sleep(0.02)
        return time.monotonic() - began
