"""Packages over HTTP (CONTRACT §10): list, create, change, remove."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from store.errors import Conflict, InvalidRequest
from store.hotspot.package import MB, Package
from web import fields
from web.fields import Flag, text, whole
from web.hotspot.operators import DeskHandler

LARGEST_QUOTA_MB = 1 << 30
LONGEST_DAYS = 3_660

Name = Annotated[str, text(100, needed="Nama paket harus diisi.")]
Quota = Annotated[int, whole(0, LARGEST_QUOTA_MB)]
Days = Annotated[int, whole(0, LONGEST_DAYS)]
Percent = Annotated[int, whole(1, 100)]
Remaining = Annotated[int, whole(1, LARGEST_QUOTA_MB)]


class Packages(DeskHandler):
    """`/api/admin/packages`."""

    class Body(fields.Body):
        name: Name
        quota_mb: Quota = 0
        days: Days = 0
        unlimited: Flag = False
        fup_percent: Percent | None = None
        fup_remaining_mb: Remaining | None = None

    async def get(self) -> None:
        await self.require_admin()
        packages = [package.public() for package in await self.store.hotspot.packages.all()]
        self.respond({"success": True, "packages": packages})

    async def post(self) -> None:
        current = await self.require_admin()
        terms = _in_order(self.body(self.Body).given())
        package = await self.store.hotspot.packages.make(**terms)
        await self.note(current, "package.create", package.id, **package.public())
        self.respond({"success": True, "package": package.public()}, 201)


class OnePackage(DeskHandler):
    """`/api/admin/packages/{id}`: what members have of it already stays as they got it."""

    class Body(fields.Body, forbid_unknown_fields=True):
        name: Name | UnsetType = UNSET
        quota_mb: Quota | UnsetType = UNSET
        days: Days | UnsetType = UNSET
        unlimited: Flag | UnsetType = UNSET
        fup_percent: Percent | None | UnsetType = UNSET
        fup_remaining_mb: Remaining | None | UnsetType = UNSET

    async def patch(self, package_id: str) -> None:
        current = await self.require_admin()
        changes = self.body(self.Body).changes()
        before = await self.store.hotspot.packages.get(package_id)
        terms = _in_order(_kept(before, changes) | changes)
        after = replace(before, **_in_bytes(terms))
        await self.store.hotspot.packages.change(after)
        old, new = before.public(), after.public()
        changed = {name: [old[name], new[name]] for name in old if old[name] != new[name]}
        await self.note(current, "package.change", package_id, name=after.name, changed=changed)
        self.respond({"success": True, "package": new})

    async def delete(self, package_id: str) -> None:
        current = await self.require_admin()
        package = await self.store.hotspot.packages.get(package_id)
        for product in await self.store.payments.inbox.products():
            if product["package_id"] == package_id and product["grants"] == "hotspot":
                sold_as = product["title"] or product["uuid"]
                raise Conflict(f"Paket ini dijual sebagai '{sold_as}'. Ubah dulu produknya.")
        await self.store.hotspot.packages.remove(package_id)
        await self.note(current, "package.remove", package_id, name=package.name)
        self.respond({"success": True, "message": "Paket dihapus."})


def _kept(package: Package, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the terms that a change leaves as they are. Fair use begins in one of two ways,
    never both."""
    kept = {name: value for name, value in package.public().items() if name != "id"}
    for named, other in (
        ("fup_percent", "fup_remaining_mb"),
        ("fup_remaining_mb", "fup_percent"),
    ):
        if changes.get(named) is not None:
            kept[other] = None
    return kept


def _in_bytes(terms: dict[str, Any]) -> dict[str, Any]:
    quota, remaining = terms.pop("quota_mb"), terms.pop("fup_remaining_mb")
    return terms | {
        "quota": quota * MB,
        "fup_remaining": None if remaining is None else remaining * MB,
    }


def _in_order(terms: dict[str, Any]) -> dict[str, Any]:
    if terms["fup_percent"] is not None and terms["fup_remaining_mb"] is not None:
        raise InvalidRequest(
            "fup_remaining_mb", "Pilih salah satu: fup_percent atau fup_remaining_mb."
        )
    return terms


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/packages", Packages),
        (r"/api/admin/packages/([0-9a-f]{16})", OnePackage),
    ]
