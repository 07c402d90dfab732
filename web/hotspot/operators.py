"""The operator's hotspot desk (CONTRACT §10): members by status, the plan, runs, routers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from store.errors import InvalidRequest, NotFound, Unavailable
from store.hotspot.deciding import STATUSES
from store.hotspot.desk import Desk, Which
from web import fields
from web.admin import MEMBER, AdminHandler
from web.fields import Flag, text
from web.hotspot.handler import HotspotHandler

PLAN_SECONDS = 30.0

MOST_IDS = 200
"""Members that can be asked for by name: as many as a page may hold."""

USAGE_DAYS = 14

_IDS = re.compile(r"[0-9a-f]{16}(,[0-9a-f]{16})*")


class DeskHandler(AdminHandler, HotspotHandler):
    """What these handlers share: the store as operators see it."""

    @property
    def desk(self) -> Desk:
        """The store as operators see it."""
        return Desk(self.store)

    def is_asked(self, name: str) -> bool:
        """Return whether a query argument is 1; False for 0 and when absent. Raises
        InvalidRequest."""
        return self.chosen(name, ("0", "1")) == "1"

    def require_router(self) -> None:
        """Raise NotFound where no router is set at all."""
        if not self.store.hotspot.routers.has_any:
            raise NotFound("Router belum diatur.")

    async def respond_account(self, member: str, status: int = 200, **more: Any) -> None:
        """Write the account as it is now."""
        row = await self.desk.row_of(member)
        self.respond({"success": True, "hotspot": row, **more}, status)


# Everybody


class Overview(DeskHandler):
    """`/api/admin/hotspot/overview`: how many are in each status, who waits, and the routers."""

    async def get(self) -> None:
        await self.require_admin()
        self.respond({"success": True, **await self.desk.overview()})


class Routers(DeskHandler):
    """`/api/admin/hotspot/routers`: each router, and the result of its last run."""

    async def get(self) -> None:
        await self.require_admin()
        self.respond({"success": True, "routers": await self.store.hotspot.ledger.routers()})


class HotspotMembers(DeskHandler):
    """`/api/admin/hotspot/members[?q=&status=&pending=1&waiting=1&after=&limit=]`, or `?ids=`.

    One request looks at a bounded number of accounts. So it may find none that fits, and still
    give a `next`.
    """

    async def get(self) -> None:
        await self.require_admin()
        ids = self.query("ids", MOST_IDS * 17)
        if ids:
            self.respond({"success": True, "members": await self._rows_of(ids), "next": None})
            return
        found = await self.desk.find(
            Which(
                text=self.query("q"),
                status=self.chosen("status", STATUSES) or "",
                pending=self.is_asked("pending"),
                waiting=self.is_asked("waiting"),
            ),
            after=self.query("after", 32),
            most=self.rows(),
        )
        self.respond(
            {
                "success": True,
                "members": found.rows,
                "scanned": found.scanned,
                "next": found.next,
            }
        )

    async def _rows_of(self, ids: str) -> list[dict[str, Any]]:
        if not _IDS.fullmatch(ids):
            raise InvalidRequest("ids")
        return await self.desk.rows_of(ids.split(",")[:MOST_IDS])


# One member


class OneAccount(DeskHandler):
    """`/api/admin/members/{id}/hotspot`: the account, and the use of the last days."""

    async def get(self, member: str) -> None:
        await self.require_admin()
        days = await self.store.hotspot.quota.days(member, USAGE_DAYS)
        usage = [{"day": day, "bytes": used} for day, used in days]
        await self.respond_account(member, days=usage)


class GivePackage(DeskHandler):
    """`/api/admin/members/{id}/package {package_id, dry_run?}`: give a package, or say what
    would be in use until when."""

    class Body(fields.Body):
        package_id: Annotated[str, text(32)]
        dry_run: Flag = False

    async def post(self, member: str) -> None:
        current = await self.require_admin()
        body = self.body(self.Body)
        if body.dry_run:
            account = await self.store.hotspot.quota.preview(member, body.package_id)
            self.respond({"success": True, "dry_run": True, "hotspot": self.desk.row(account)})
            return
        package = await self.store.hotspot.quota.give(member, body.package_id)
        await self.note(current, "package.give", member, package=package.name)
        await self.respond_account(member)


class Approve(DeskHandler):
    """`/api/admin/members/{id}/approve {approved}`."""

    class Body(fields.Body):
        approved: Flag = True

    async def post(self, member: str) -> None:
        current = await self.require_admin()
        approved = self.body(self.Body).approved
        await self.store.members.approve(member, approved, by=current.username)
        await self.note(current, "hotspot.approve", member, approved=approved)
        await self.respond_account(member)


class MemberDevice(DeskHandler):
    """`/api/admin/members/{id}/hotspot/devices/{slot}`: remove a device from the account."""

    async def delete(self, member: str, slot: str) -> None:
        current = await self.require_admin()
        account = await self.store.hotspot.accounts.get(member)
        mac = next((device.mac for device in account.slots if device.id == slot), "")
        await self.store.hotspot.devices.unbind(member, slot)
        await self.note(current, "hotspot.device.remove", member, mac=mac)
        await self.respond_account(member)


class Obstacle(DeskHandler):
    """`/api/admin/members/{id}/hotspot/obstacle {router, mark, choice}`: what becomes of a row of
    somebody else's that is in this member's way: `take` it over, or `leave` it."""

    class Body(fields.Body):
        router: Annotated[str, text(24)]
        mark: Annotated[str, text(16)]
        choice: Literal["take", "leave"]

    async def post(self, member: str) -> None:
        current = await self.require_admin()
        body = self.body(self.Body)
        account = await self.store.hotspot.accounts.get(member)
        whose = [one["whose"] for one in account.in_the_way() if one["router"] == body.router]
        await self.store.hotspot.accounts.decide_on(member, body.router, body.mark, body.choice)
        await self.note(
            current,
            f"hotspot.obstacle.{body.choice}",
            member,
            router=body.router,
            whose="".join(whose),
        )
        await self.respond_account(member)


class SyncMember(DeskHandler):
    """`/api/admin/members/{id}/hotspot/sync`: run the engine for this member, now."""

    async def post(self, member: str) -> None:
        current = await self.require_admin()
        self.require_router()
        await self.store.hotspot.accounts.get(member)
        await self.store.hotspot.routers.sync(member)
        await self.note(current, "hotspot.sync", member)
        await self.respond_account(member, 202)


# The routers


class PlanNow(DeskHandler):
    """`/api/admin/hotspot/plan[?fup_percent=]`: what a run would write, for whom, and why."""

    async def get(self) -> None:
        await self.require_admin()
        self.require_router()
        percent = self.number("fup_percent", 100)
        question = await self.store.hotspot.questions.ask("preview", percent, queue="urgent")
        answer = await self.store.hotspot.questions.answer_to(question, PLAN_SECONDS)
        if answer is None or "error" in answer:
            raise Unavailable("Tidak ada router yang menjawab. Coba lagi sebentar.")
        self.respond({"success": True, **answer})


class SyncNow(DeskHandler):
    """`/api/admin/hotspot/sync`: a run over everybody, now."""

    async def post(self) -> None:
        current = await self.require_admin()
        self.require_router()
        await self.store.hotspot.routers.sync_all()
        await self.note(current, "hotspot.sync", "")
        self.respond({"success": True, "message": "Sinkronisasi dimulai."}, 202)


class Runs(DeskHandler):
    """`/api/admin/hotspot/runs[?router=]`: what became of the last runs."""

    async def get(self) -> None:
        await self.require_admin()
        runs = await self.desk.runs(self.query("router", 32), self.rows())
        self.respond({"success": True, "runs": runs})


class OperatorsPage(DeskHandler):
    """`/admin/hotspot`: the same for people."""

    async def get(self) -> None:
        current = await self.require_admin()
        settings = self.store.settings
        self.member_page(
            "hotspot_admin.html",
            current,
            has_router=self.store.hotspot.routers.has_any,
            fup_percent=settings.fup_threshold_percent,
        )


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/admin/hotspot", OperatorsPage),
        (MEMBER + r"/package", GivePackage),
        (MEMBER + r"/approve", Approve),
        (MEMBER + r"/hotspot", OneAccount),
        (MEMBER + r"/hotspot/devices/([0-9a-f]{8})", MemberDevice),
        (MEMBER + r"/hotspot/obstacle", Obstacle),
        (MEMBER + r"/hotspot/sync", SyncMember),
        (r"/api/admin/hotspot/overview", Overview),
        (r"/api/admin/hotspot/members", HotspotMembers),
        (r"/api/admin/hotspot/routers", Routers),
        (r"/api/admin/hotspot/plan", PlanNow),
        (r"/api/admin/hotspot/sync", SyncNow),
        (r"/api/admin/hotspot/runs", Runs),
    ]
