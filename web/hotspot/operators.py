"""The operator's side of the hotspot (CONTRACT §10): packages, accounts, the plan, the runs."""

from __future__ import annotations

import time
from typing import Any

from store.errors import InvalidRequest, NotFound, Unavailable
from store.hotspot.deciding import Policy
from store.members import valid_text
from web.admin import MEMBER, AdminHandler
from web.hotspot.handler import HotspotHandler

PLAN_SECONDS = 30.0

LARGEST_QUOTA_MB = 1 << 30
LONGEST_DAYS = 3_660


class Packages(AdminHandler):
    """`/api/admin/packages`."""

    async def get(self) -> None:
        await self.require_admin()
        packages = [package.public() for package in await self.store.hotspot.packages()]
        self.respond({"success": True, "packages": packages})

    async def post(self) -> None:
        place = await self.require_admin()
        body = self.json_body()
        name = valid_text("name", body.get("name"), 100)
        if not name:
            raise InvalidRequest("name", "Nama paket harus diisi.")
        percent = body.get("fup_percent")
        unlimited = body.get("unlimited", False)
        if not isinstance(unlimited, bool):
            raise InvalidRequest("unlimited", "Isian 'unlimited' harus true atau false.")
        package = await self.store.hotspot.save_package(
            name,
            _whole("quota_mb", body.get("quota_mb", 0), 0, LARGEST_QUOTA_MB),
            _whole("days", body.get("days", 0), 0, LONGEST_DAYS),
            unlimited,
            None if percent is None else _whole("fup_percent", percent, 1, 100),
        )
        await self.note(place, "package.create", package.id, **package.public())
        self.respond({"success": True, "package": package.public()}, 201)


class GivePackage(AdminHandler):
    """`/api/admin/members/{id}/package`."""

    async def post(self, member: str) -> None:
        place = await self.require_admin()
        chosen = valid_text("package_id", self.json_body().get("package_id"), 32)
        package = await self.store.hotspot.give(member, chosen)
        await self.note(place, "package.give", member, package=package.name)
        await self.respond_account(member)

    async def respond_account(self, member: str) -> None:
        """Write the account as it is now."""
        account = await self.store.hotspot.account(member)
        public = account.public(int(time.time() * 1000), Policy.of(self.store.settings))
        self.respond({"success": True, "hotspot": public})


class Approve(GivePackage):
    """`/api/admin/members/{id}/approve {approved}`."""

    async def post(self, member: str) -> None:
        place = await self.require_admin()
        approved = self.json_body().get("approved", True)
        if not isinstance(approved, bool):
            raise InvalidRequest("approved", "Isian 'approved' harus true atau false.")
        await self.store.hotspot.approve(member, approved)
        await self.note(place, "hotspot.approve", member, approved=approved)
        await self.respond_account(member)


class OneAccount(GivePackage):
    """`/api/admin/members/{id}/hotspot`."""

    async def get(self, member: str) -> None:
        await self.require_admin()
        await self.respond_account(member)


class HotspotMembers(AdminHandler):
    """`/api/admin/hotspot/members`: everybody with status and quota, and who is pending."""

    async def get(self) -> None:
        await self.require_admin()
        rows = self.rows()
        members = await self.store.hotspot.members()
        after = self.query("after")
        members = [member for member in members if member > after][:rows]
        now, policy = int(time.time() * 1000), Policy.of(self.store.settings)
        accounts = await self.store.hotspot.accounts(members)
        self.respond(
            {
                "success": True,
                "members": [
                    {"id": one.member, "name": one.name, **one.public(now, policy)}
                    for one in accounts
                ],
                "next": members[-1] if len(members) == rows else None,
            }
        )


class PlanNow(AdminHandler, HotspotHandler):
    """`/api/admin/hotspot/plan[?fup_percent=]`: what would be written, for whom, why."""

    async def get(self) -> None:
        await self.require_admin()
        if not self.store.hotspot.has_router:
            raise NotFound("Router belum diatur.")
        text = self.query("fup_percent")
        percent = _whole("fup_percent", _number(text), 1, 100) if text else None
        question = await self.store.hotspot.ask("preview", percent)
        answer = await self.answer_of(question, PLAN_SECONDS)
        if answer is None or "error" in answer:
            raise Unavailable()
        self.respond({"success": True, **answer})


class SyncNow(AdminHandler):
    """`/api/admin/hotspot/sync`: a run over everybody, now."""

    async def post(self) -> None:
        place = await self.require_admin()
        if not self.store.hotspot.has_router:
            raise NotFound("Router belum diatur.")
        await self.store.queue.enqueue("jobs.hotspot.run", queue="hotspot", unique="sync")
        await self.note(place, "hotspot.sync", "")
        self.respond({"success": True, "message": "Sinkronisasi dimulai."}, 202)


class Runs(AdminHandler):
    """`/api/admin/hotspot/runs`: what became of the last runs."""

    async def get(self) -> None:
        await self.require_admin()
        self.respond({"success": True, "runs": await self.store.ledger.runs(self.rows())})


class OperatorsPage(AdminHandler):
    """`/admin/hotspot`: the same for people."""

    async def get(self) -> None:
        await self.require_admin()
        settings = self.store.settings
        self.page(
            "hotspot_admin.html",
            has_router=self.store.hotspot.has_router,
            fup_percent=settings.fup_threshold_percent,
        )


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(name, f"Isian '{name}' harus angka {least} sampai {most}.")
    return value


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/admin/hotspot", OperatorsPage),
        (r"/api/admin/packages", Packages),
        (MEMBER + r"/package", GivePackage),
        (MEMBER + r"/approve", Approve),
        (MEMBER + r"/hotspot", OneAccount),
        (r"/api/admin/hotspot/members", HotspotMembers),
        (r"/api/admin/hotspot/plan", PlanNow),
        (r"/api/admin/hotspot/sync", SyncNow),
        (r"/api/admin/hotspot/runs", Runs),
    ]
