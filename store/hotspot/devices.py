"""The devices of hotspot members: bound to a slot, or waiting for a router that is away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.changes import Changes, Part, but
from store.clock import now_ms
from store.errors import Conflict, NotFound
from store.hotspot.deciding import DAY_MS
from store.hotspot.newcomers import TRIES
from store.hotspot.routers import RouterRequests
from store.sessions import new_id

SLOTS = 3
"""Devices of one member: a phone, a laptop and one more. The fourth asks which one it replaces."""


class HotspotDevices(Part):
    """Every way a device may come to a member, and leave."""

    def __init__(self, changes: Changes, routers: RouterRequests) -> None:
        super().__init__(changes)
        self._routers = routers
        self._bind = changes.script("hotspot_bind", wrote=but("full", "taken", "moved"))
        self._unbind = changes.script("hotspot_unbind", {"": NotFound})

    async def bind(
        self,
        member: str,
        mac: str,
        ip: str,
        *,
        name: str = "",
        browser: str = "",
        replace: str = "",
        told: bool = False,
        may_move: bool = False,
    ) -> tuple[str, str]:
        """Take a device into the member's slots; returns the verdict and the slot's id. In the
        same step it waits no more, and every router has yet to agree with the devices there are.

        `told` says that only the browser named it, which proves nothing. With `may_move` such a
        device leaves another member who was only told of it as well; what a router or a trusted
        address showed to be somebody's is never moved.

        Verdicts: `known`, `turned` (the same browser with another random MAC), `added`,
        `replaced`, `full` (a choice has to be made), `taken` (another member's device). Raises
        Conflict when it changes hands again and again.
        """
        keys = self._keys
        for _ in range(TRIES):
            owner = await self.owner_of(mac)
            other = owner if owner and owner != member else ""
            more = [keys.hotspot_slots(other), keys.hotspot(other)] if other else []
            verdict, slot, _former = await self._bind(
                [
                    keys.hotspot_slots(member),
                    keys.hotspot_macs(),
                    keys.events(),
                    keys.hotspot(member),
                    keys.hotspot_waiting(),
                    *more,
                ],
                [
                    member,
                    now_ms(),
                    new_id()[:8],
                    mac,
                    ip,
                    name,
                    browser,
                    int(is_random(mac)),
                    SLOTS,
                    replace,
                    int(told),
                    int(may_move),
                    other,
                ],
            )
            if verdict != "moved":
                break
        else:
            raise Conflict()
        if other and verdict not in ("full", "taken"):
            await self._routers.sync(other)
        return str(verdict), str(slot)

    async def owner_of(self, mac: str) -> str | None:
        """Return the id of the member whose device has this MAC, None for nobody's."""
        place = await self._redis.hget(self._keys.hotspot_macs(), mac)
        return str(place).partition(":")[0] if place else None

    async def unbind(self, member: str, slot: str) -> None:
        """Take a device out of the member's slots. Raises NotFound."""
        await self._unbind(
            [
                self._keys.hotspot_slots(member),
                self._keys.hotspot_macs(),
                self._keys.events(),
                self._keys.hotspot(member),
            ],
            [member, now_ms(), slot],
        )
        await self._routers.sync(member)

    # Those that wait

    async def keep_waiting(self, member: str, wish: Mapping[str, Any]) -> None:
        """Keep a device that could not be confirmed yet; the newest wish of a member counts."""
        kept = json.dumps({**wish, "asked_at": now_ms()})
        await self._redis.hset(self._keys.hotspot_waiting(), member, kept)

    async def waiting(self, member: str = "") -> list[dict[str, Any]]:
        """Return the devices that wait, of everybody or of one member; those of yesterday are
        dropped, their owner asks again."""
        name = self._keys.hotspot_waiting()
        kept = [await self._redis.hget(name, member)] if member else await self._redis.hvals(name)
        wishes = [json.loads(text) for text in kept if text]
        for wish in wishes:
            if wish["asked_at"] < now_ms() - DAY_MS:
                await self.served(wish["member"])
        return [wish for wish in wishes if wish["asked_at"] >= now_ms() - DAY_MS]

    async def served(self, member: str) -> None:
        """Forget a wish: it was granted, or cannot be."""
        await self._redis.hdel(self._keys.hotspot_waiting(), member)


def is_random(mac: str) -> bool:
    """Whether a MAC is locally administered: made up by the device, and soon another."""
    return bool(int(mac[:2], 16) & 2)
