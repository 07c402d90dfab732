"""A member's own hotspot: status, quota, devices, and the page that says why there is none."""

from __future__ import annotations

from typing import Any

from web.hotspot.handler import HotspotHandler


class Mine(HotspotHandler):
    """`/hotspot`: the member's own status and quota."""

    async def get(self) -> None:
        place = await self.place()
        account = await self.store.hotspot.account(place.member)
        self.page(
            "hotspot.html",
            member={"name": place.name or place.username},
            hotspot=account.public(place.now, self.policy),
            plot=plot_of(await self.store.hotspot.days(place.member)),
        )


class MineAsJson(HotspotHandler):
    """`/api/hotspot`: the same as JSON; no activity."""

    async def get(self) -> None:
        place = await self.place(touch=False)
        account = await self.store.hotspot.account(place.member)
        self.respond({"success": True, "hotspot": account.public(place.now, self.policy)})


class MyDevice(HotspotHandler):
    """`/api/hotspot/devices/{id}`: a member gives a device up."""

    async def delete(self, slot: str) -> None:
        place = await self.place()
        await self.store.hotspot.unbind(place.member, slot)
        self.respond({"success": True, "message": "Perangkat dilepas."})


class StatusPage(HotspotHandler):
    """Why there is no Internet, or less of it; public, for who comes here has none."""

    def get(self) -> None:
        self.page("hotspot_status.html", which=self.request.path)


PLOT_HEIGHT = 60


def plot_of(days: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return a bar for each day: its place, height and label, for a plot of 20 units a day."""
    most = max((used for _, used in days), default=0) or 1
    return [
        {
            "x": place * 20 + 3,
            "height": round(used / most * PLOT_HEIGHT, 1),
            "y": round(PLOT_HEIGHT - used / most * PLOT_HEIGHT, 1),
            "day": int(day[-2:]),
            "megabytes": used >> 20,
        }
        for place, (day, used) in enumerate(days)
    ]


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/hotspot", Mine),
        (r"/api/hotspot", MineAsJson),
        (r"/api/hotspot/devices/([0-9a-f]{8})", MyDevice),
        (r"/(?:nonaktif|masa-aktif-habis|kuota-habis|fup)", StatusPage),
    ]
