"""Packages over HTTP (CONTRACT §10): what can be bought, changed and taken off the shelf."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from store.errors import Conflict, InvalidRequest
from store.hotspot.package import MB, Package
from store.members import valid_text
from web.hotspot.operators import DeskHandler, whole

LARGEST_QUOTA_MB = 1 << 30
LONGEST_DAYS = 3_660

TERMS = ("name", "quota_mb", "days", "unlimited", "fup_percent", "fup_remaining_mb")


class Packages(DeskHandler):
    """`/api/admin/packages`."""

    async def get(self) -> None:
        await self.require_admin()
        packages = [package.public() for package in await self.store.packages.all()]
        self.respond({"success": True, "packages": packages})

    async def post(self) -> None:
        place = await self.require_admin()
        terms = terms_of(self.json_body())
        package = await self.store.packages.make(**terms)
        await self.note(place, "package.create", package.id, **package.public())
        self.respond({"success": True, "package": package.public()}, 201)


class OnePackage(DeskHandler):
    """`/api/admin/packages/{id}`: who has the package keeps what was given, whatever becomes of
    it."""

    async def patch(self, package_id: str) -> None:
        place = await self.require_admin()
        body = self.json_body()
        if not body:
            raise InvalidRequest("body", "Tidak ada yang diubah.")
        for name in body.keys() - set(TERMS):
            raise InvalidRequest(name[:80])
        before = await self.store.packages.get(package_id)
        terms = terms_of(_kept(before, body) | body)
        after = replace(before, **_in_bytes(terms))
        await self.store.packages.change(after)
        old, new = before.public(), after.public()
        changed = {name: [old[name], new[name]] for name in old if old[name] != new[name]}
        await self.note(place, "package.change", package_id, name=after.name, changed=changed)
        self.respond({"success": True, "package": new})

    async def delete(self, package_id: str) -> None:
        place = await self.require_admin()
        package = await self.store.packages.get(package_id)
        for product in await self.store.payments.inbox.products():
            if product["package_id"] == package_id and product["grants"] == "hotspot":
                sold_as = product["title"] or product["uuid"]
                raise Conflict(f"Paket ini dijual sebagai '{sold_as}'. Ubah dulu produknya.")
        await self.store.packages.remove(package_id)
        await self.note(place, "package.remove", package_id, name=package.name)
        self.respond({"success": True, "message": "Paket dihapus."})


def _kept(package: Package, body: dict[str, Any]) -> dict[str, Any]:
    """The terms a change leaves as they are; of the two ways to begin fair use only one holds."""
    kept = {name: value for name, value in package.public().items() if name != "id"}
    for named, other in (
        ("fup_percent", "fup_remaining_mb"),
        ("fup_remaining_mb", "fup_percent"),
    ):
        if body.get(named) is not None:
            kept[other] = None
    return kept


def _in_bytes(terms: dict[str, Any]) -> dict[str, Any]:
    quota, remaining = terms.pop("quota_mb"), terms.pop("fup_remaining_mb")
    return terms | {
        "quota": quota * MB,
        "fup_remaining": None if remaining is None else remaining * MB,
    }


def terms_of(body: dict[str, Any]) -> dict[str, Any]:
    """Read a package's terms. Raises InvalidRequest naming the field."""
    name = valid_text("name", body.get("name"), 100)
    if not name:
        raise InvalidRequest("name", "Nama paket harus diisi.")
    unlimited = body.get("unlimited", False)
    if not isinstance(unlimited, bool):
        raise InvalidRequest("unlimited", "Isian 'unlimited' harus true atau false.")
    percent, remaining = body.get("fup_percent"), body.get("fup_remaining_mb")
    if percent is not None and remaining is not None:
        raise InvalidRequest(
            "fup_remaining_mb", "Pilih salah satu: fup_percent atau fup_remaining_mb."
        )
    return {
        "name": name,
        "quota_mb": whole("quota_mb", body.get("quota_mb", 0), 0, LARGEST_QUOTA_MB),
        "days": whole("days", body.get("days", 0), 0, LONGEST_DAYS),
        "unlimited": unlimited,
        "fup_percent": None if percent is None else whole("fup_percent", percent, 1, 100),
        "fup_remaining_mb": None
        if remaining is None
        else whole("fup_remaining_mb", remaining, 1, LARGEST_QUOTA_MB),
    }


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/packages", Packages),
        (r"/api/admin/packages/([0-9a-f]{16})", OnePackage),
    ]
