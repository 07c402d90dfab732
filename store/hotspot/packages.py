"""What can be bought for the hotspot; changed here only. Who has a package keeps what was given,
whatever becomes of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from store.changes import Changes, Part
from store.clock import now_ms
from store.errors import NotFound
from store.hotspot.package import MB, Package
from store.sessions import new_id


class Packages(Part):
    """Every way a package may change."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._write = changes.script("hotspot_package", {0: NotFound})

    async def make(
        self,
        name: str,
        quota_mb: int,
        days: int,
        unlimited: bool,
        fup_percent: int | None,
        fup_remaining_mb: int | None = None,
    ) -> Package:
        """Make a package; fair use begins at a percentage used, or at so many MB left."""
        remaining = None if fup_remaining_mb is None else fup_remaining_mb * MB
        made = Package(new_id(), name, quota_mb * MB, days, unlimited, fup_percent, remaining)
        await self._put("hotspot.package", made.id, asdict(made), is_new=True)
        return made

    async def all(self) -> list[Package]:
        """Return every package, by name."""
        kept = await self._redis.hgetall(self._keys.hotspot_packages())
        packages = (Package(**json.loads(text)) for text in kept.values())
        return sorted(packages, key=attrgetter("name"))

    async def get(self, package_id: str) -> Package:
        """Return a package. Raises NotFound."""
        kept = await self._redis.hget(self._keys.hotspot_packages(), package_id)
        if kept is None:
            raise NotFound()
        return Package(**json.loads(kept))

    async def change(self, package: Package) -> None:
        """Have a package be as this one from now on. Raises NotFound."""
        await self._put("hotspot.package", package.id, asdict(package))

    async def remove(self, package_id: str) -> None:
        """Take a package off the shelf. Raises NotFound."""
        await self._put("hotspot.package_removed", package_id, None)

    async def _put(
        self, event: str, package_id: str, kept: dict[str, Any] | None, *, is_new: bool = False
    ) -> None:
        data = (kept or {"id": package_id}) | {"at": now_ms()}
        await self._write(
            [self._keys.hotspot_packages(), self._keys.events()],
            [package_id, json.dumps(kept) if kept else "", event, json.dumps(data), int(is_new)],
        )
