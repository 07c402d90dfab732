"""A member's own hotspot: status, quota, devices, and the page for those without Internet."""

from __future__ import annotations

from typing import Any

from store.errors import NotFound
from store.sessions import CurrentSession
from web.hotspot.handler import HotspotHandler
from web.hotspot.plot import plot_of


class MineHandler(HotspotHandler):
    """What these handlers share: the account as its member may see it."""

    async def mine(self, current: CurrentSession) -> dict[str, Any]:
        """Return what hotspot_card.html shows. Raises NotFound."""
        hotspot = self.store.hotspot
        account = await hotspot.accounts.get(current.member)
        ends = account.stack.shown(current.now).ends_at
        return {
            "hotspot": account.public(current.now, self.policy),
            "seconds_left": None if ends is None else max(0, (ends - current.now) // 1000),
            "plot": plot_of(await hotspot.quota.days(current.member)),
        }


class Mine(MineHandler):
    """`/hotspot`: the member's own status and quota; for a member who waits for approval, the
    waiting page."""

    serves_waiting = True

    async def get(self) -> None:
        current = await self.current_session()
        if current.waits:
            self.page("hotspot_waiting.html", name=current.name)
            return
        self.member_page(
            "hotspot.html",
            current,
            **await self.mine(current),
        )


class MineAsCard(MineHandler):
    """`/api/hotspot/card`: that part of the page again, after a change. It is no activity."""

    is_activity = False

    async def get(self) -> None:
        self.page("hotspot_card.html", **await self.mine(await self.current_session()))


class MineAsJson(HotspotHandler):
    """`/api/hotspot`: the same as JSON; no activity."""

    is_activity = False

    serves_waiting = True

    async def get(self) -> None:
        current = await self.current_session()
        hotspot = self.store.hotspot
        public = (await hotspot.accounts.get(current.member)).public(current.now, self.policy)
        days = [
            {"day": day, "bytes": used} for day, used in await hotspot.quota.days(current.member)
        ]
        hotspot_now = public | {"days": days}
        self.respond({"success": True, "approved": not current.waits, "hotspot": hotspot_now})


class MyDevice(HotspotHandler):
    """`/api/hotspot/devices/{id}`: a member gives a device up."""

    async def delete(self, slot: str) -> None:
        current = await self.current_session()
        await self.store.hotspot.devices.unbind(current.member, slot)
        self.respond({"success": True, "message": "Perangkat dilepas."})


class StatusPage(MineHandler):
    """Why there is no Internet, or less of it. It is public, because visitors have none; a
    member who is logged in sees their own numbers."""

    async def get(self) -> None:
        self.page("hotspot_status.html", which=self.request.path, own=await self._own())

    async def _own(self) -> dict[str, Any] | None:
        current = await self.visitor()
        try:
            return await self.mine(current) if current else None
        except NotFound:  # deleted a moment ago
            return None


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/hotspot", Mine),
        (r"/api/hotspot", MineAsJson),
        (r"/api/hotspot/card", MineAsCard),
        (r"/api/hotspot/devices/([0-9a-f]{8})", MyDevice),
        (r"/(?:nonaktif|masa-aktif-habis|kuota-habis|fup)", StatusPage),
    ]
