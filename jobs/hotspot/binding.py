"""Taking a device in after its owner has logged in: which device, by what evidence.

A browser knows neither its MAC nor, behind a portal's redirect, anything it could not have made
up. So the router is asked. An address that the trusted proxies name decides, if it lies in the
hotspot's network: one host row has it, and that is the device. From elsewhere (a portal in the
cloud sees everybody behind one address) what the page was told counts only if MAC and address
stand together in one row. A device that is somebody's already is never moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.hotspot.engine import Engine
from jobs.hotspot.plan import HOST
from jobs.mikrotik import AnyOf, LoginRefused, RouterAway, Row, Trap, open_link
from store.hotspot.deciding import Policy
from store.opening import Store

LOOK_SECONDS = 3.0
"""Somebody waits before a screen; a router that is slower is asked again later."""


async def bind_device(store: Store, wish: dict[str, Any]) -> dict[str, Any]:
    """Take a device in and let it through; returns what became of it, `state` first.

    `wish` has `member`, `address` (trusted, or empty), `mac`, `ip` (both only told), `name`,
    `browser`, `replace`. States: `bound`, `pending`, `full`, `taken`, `unknown`, `mismatch`.
    """
    try:
        hosts = await _hosts(store, wish)
    except (RouterAway, LoginRefused, Trap):
        await store.hotspot.keep_waiting(wish["member"], wish)
        return {"state": "pending"}
    await store.hotspot.served(wish["member"])
    state, host = identify(hosts, wish)
    if host is None:
        return {"state": state}
    verdict, slot = await store.hotspot.bind(
        wish["member"],
        host["mac-address"],
        host.get("address", ""),
        name=wish["name"],
        browser=wish["browser"],
        replace=wish["replace"],
    )
    if verdict in ("full", "taken"):
        return {"state": verdict}
    return await _let_through(store, wish["member"]) | {"slot": slot, "mac": host["mac-address"]}


async def _hosts(store: Store, wish: dict[str, Any]) -> list[Row]:
    """The host rows of the address, or of the MAC that was told."""
    asked = [("address", wish["address"] or wish["ip"]), ("mac-address", wish["mac"])]
    which = AnyOf(tuple((name, value) for name, value in asked if value))
    async with open_link(store.settings.routers[0], LOOK_SECONDS) as link:
        return await link.read(HOST, ".id", "mac-address", "address", any_of=which)


def identify(hosts: Sequence[Row], wish: dict[str, Any]) -> tuple[str, Row | None]:
    """Return the one row that is the device, or why there is none. Pure."""
    address = wish["address"] or wish["ip"]
    here = [row for row in hosts if row.get("address") == address]
    if len(here) != 1:
        return "unknown", None
    (row,) = here
    if wish["mac"] and row.get("mac-address") != wish["mac"]:
        return "mismatch", None
    if not wish["address"] and not wish["mac"]:
        return "unknown", None  # an address that anybody could have typed
    return "bound", row


async def _let_through(store: Store, member: str) -> dict[str, Any]:
    settings = store.settings
    report = await Engine(store, settings.routers[0], Policy.of(settings)).run(member)
    return {"state": "bound" if report.state == "done" else "pending"}
