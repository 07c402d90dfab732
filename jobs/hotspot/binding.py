"""Taking a device in after its owner has logged in: which device, by what evidence.

A browser knows neither its MAC nor, behind a portal's redirect, anything it could not have made
up. So the routers are asked, all at once. An address that the trusted proxies name decides, if it
lies in the hotspot's network: one host row of one router has it, and that is the device. From
elsewhere (a portal in the cloud sees everybody behind one address) what the page was told counts
only if MAC and address stand together in one row.

Only an approved member with something to use takes a device in; whoever has nothing yet waits with
it. A device that was seen to be somebody's is never moved; one that its member was only told of
goes to the next who is, for MAC and address can be read from the air.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.hotspot.engine import Engine
from jobs.hotspot.plan import HOST
from jobs.hotspot.presence import ask_for_proof, device_of
from jobs.mikrotik import AnyOf, LoginRefused, RouterAway, Row, Trap, open_link
from store.clock import now_ms, redis_ms
from store.hotspot import Slot
from store.hotspot.deciding import Policy, decide
from store.hotspot.devices import SLOTS, is_random
from store.opening import Store
from store.routers import Router

LOOK_SECONDS = 3.0
"""Somebody waits before a screen; a router that is slower is asked again later."""


JUST_LET_IN_MS = 2_000
"""A device that was let in a moment ago has lost its row for it; its next packet brings it back."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A host row, and the router that has it."""

    router: Router
    row: Row


@dataclass(frozen=True, slots=True)
class Sight:
    """What all routers showed; `is_whole` says that none of them was away."""

    hosts: tuple[Seen, ...]
    is_whole: bool


async def bind_device(
    store: Store, wish: dict[str, Any], *, is_late: bool = False
) -> dict[str, Any]:
    """Take a device in and let it through; returns what became of it, `state` first.

    `wish` has `member`, `address` (trusted, or empty), `mac`, `ip` (both only told), `name`,
    `browser`, `replace`, `link` (the router's login page); `is_late` is one that had to wait, and
    takes nothing away from anybody. States: `bound`, `pending`, `conflict` for a row of somebody
    else's or a refusal that is in the way, `full`, `taken`, `unknown`, `mismatch`, `none` for a
    member with nothing to use, and `prove` where HOTSPOT_PRESENCE wants more than a row for what
    was only told: then `login_url` leads to it, and `bind_proven` goes on.
    """
    if not await _has_something_to_use(store, wish["member"]):
        if not is_late:
            await store.hotspot.devices.keep_waiting(wish["member"], wish)
        return {"state": "none"}
    asked = [("address", wish["address"] or wish["ip"]), ("mac-address", wish["mac"])]
    sight = await look_for(store, AnyOf(tuple((name, value) for name, value in asked if value)))
    state, seen = identify(sight.hosts, wish)
    if seen is None and not sight.is_whole:
        # it may be at the router that did not answer
        await store.hotspot.devices.keep_waiting(wish["member"], wish)
        return {"state": "pending"}
    if seen is None:
        outcome: dict[str, Any] = {"state": state}
    else:
        # of what was only told, the newest counts where nobody has to prove anything
        is_row = store.settings.hotspot_presence == "row"
        outcome = await _admit(store, seen, wish, may_move=is_row and not is_late)
    await store.hotspot.devices.served(wish["member"])
    return outcome


async def serve_waiting(store: Store, member: str = "") -> None:
    """Take in the devices that waited for a router, or for something to use; of one member or of
    everybody."""
    for wish in await store.hotspot.devices.waiting(member):
        await bind_device(store, wish, is_late=True)


async def _has_something_to_use(store: Store, member: str) -> bool:
    policy = Policy.of(store.settings)
    now = await redis_ms(store.redis)
    accounts = await store.hotspot.accounts.of([member])
    return any(policy.access(decide(one.terms(now), now, policy)) != "none" for one in accounts)


async def _admit(
    store: Store, seen: Seen, wish: dict[str, Any], *, may_move: bool
) -> dict[str, Any]:
    if not await _has_to_prove(store, seen, wish):
        return await _take_in(store, seen, wish, told=not wish["address"], may_move=may_move)
    if not wish["link"]:
        return _UNPROVEN
    spare = await _spare_slot(store, wish["member"])
    asked = wish | {"replace": wish["replace"] or spare}
    outcome = await ask_for_proof(store, seen.router, asked)
    # on the way back nobody can be asked which device has to go: here it is known
    return outcome | {"has_room": True} if spare else outcome


async def _has_to_prove(store: Store, seen: Seen, wish: dict[str, Any]) -> bool:
    """Ask for proof only for an unowned device whose MAC came from the browser. An owned one may be
    let through already, and then finds no login page at the router."""
    if store.settings.hotspot_presence != "proof" or wish["address"]:
        return False
    return await store.hotspot.devices.owner_of(seen.row["mac-address"]) is None


async def bind_proven(store: Store, token: str) -> dict[str, Any]:
    """Take in the device that has logged in at the router with a proof's user; returns what became
    of it. States as `bind_device`, and `unproven` when nobody has logged in, or it is too late."""
    try:
        found = await device_of(store, token)
    except (RouterAway, LoginRefused, Trap):
        return {"state": "pending"}
    if found is None:
        return _UNPROVEN
    proof, row = found
    (router,) = [router for router in store.settings.routers if router.name == proof.router]
    return await _take_in(store, Seen(router, row), dict(proof.wish), told=False, may_move=True)


_UNPROVEN = {"state": "unproven"}


async def _take_in(
    store: Store, seen: Seen, wish: dict[str, Any], *, told: bool, may_move: bool
) -> dict[str, Any]:
    member, mac = wish["member"], seen.row["mac-address"]

    async def bind(replace: str) -> tuple[str, str]:
        return await store.hotspot.devices.bind(
            member,
            mac,
            seen.row.get("address", ""),
            name=wish["name"],
            browser=wish["browser"],
            replace=replace,
            told=told,
            # what is seen now is more than what somebody was told before
            may_move=may_move or not told,
        )

    before = await store.hotspot.devices.owner_of(mac)
    verdict, slot = await bind(wish["replace"])
    if verdict == "full" and (spare := await _spare_slot(store, member)):
        verdict, slot = await bind(spare)
    if verdict in ("full", "taken"):
        return {"state": verdict}
    if before and before != member:
        # its rows go before the new ones come
        await Engine(store, seen.router, Policy.of(store.settings)).run(before)
    through = await _let_through(store, member, seen.router, mac)
    return through | {"slot": slot, "mac": mac}


async def _spare_slot(store: Store, member: str) -> str:
    """The slot that the next device may have without asking, "" for none: of a full set, one whose
    MAC was made up by its device and is not on the network any more, the longest unseen first."""
    account = await store.hotspot.accounts.get(member)
    made_up = sorted((one for one in account.slots if is_random(one.mac)), key=_last_seen)
    if len(account.slots) < SLOTS or not made_up:
        return ""
    sight = await look_for(store, AnyOf(tuple(("mac-address", one.mac) for one in made_up)))
    present = {seen.row.get("mac-address") for seen in sight.hosts}
    since = now_ms() - JUST_LET_IN_MS
    absent = [one.id for one in made_up if one.mac not in present and one.seen_at < since]
    return absent[0] if sight.is_whole and absent else ""


def _last_seen(slot: Slot) -> int:
    return slot.seen_at


async def look_for(store: Store, which: AnyOf) -> Sight:
    """Ask every router for host rows."""
    routers = store.settings.routers
    looks = await asyncio.gather(*(_hosts(store, router, which) for router in routers))
    found = [
        Seen(router, row) for router, rows in zip(routers, looks, strict=True) for row in rows or ()
    ]
    return Sight(tuple(found), None not in looks)


async def _hosts(store: Store, router: Router, which: AnyOf) -> list[Row] | None:
    """One router's rows; None when it is away."""
    if await store.hotspot.ledger.is_away(router.name):
        return None
    try:
        async with open_link(router, LOOK_SECONDS) as link:
            fields = (".id", "mac-address", "address", "authorized", "bypassed")
            return await link.read(HOST, *fields, any_of=which)
    except RouterAway as error:
        # the next one who asks need not wait for it
        await store.hotspot.ledger.note_away(router.name, str(error))
        return None
    except (LoginRefused, Trap):
        return None


def identify(hosts: Sequence[Seen], wish: dict[str, Any]) -> tuple[str, Seen | None]:
    """Return the one row that is the device, or why there is none. Pure.

    Two routers may give the same address to two devices; then the MAC has to tell.
    """
    address = wish["address"] or wish["ip"]
    if not address or not (wish["address"] or wish["mac"]):
        return "unknown", None  # an address that anybody could have typed
    here = [seen for seen in hosts if seen.row.get("address") == address]
    if not here:
        return "unknown", None
    if wish["mac"]:
        here = [seen for seen in here if seen.row.get("mac-address") == wish["mac"]]
        if not here:
            return "mismatch", None
    return ("bound", here[0]) if len(here) == 1 else ("unknown", None)


async def _let_through(store: Store, member: str, router: Router, mac: str) -> dict[str, Any]:
    """Have the device's own router agree at once, and the others soon; `obstacle` is the kind of
    what is in this device's way."""
    report = await Engine(store, router, Policy.of(store.settings)).run(member)
    if len(store.settings.routers) > 1:
        await store.hotspot.routers.sync(member)
    if mac in report.stuck and member in report.conflicts:
        account = await store.hotspot.accounts.get(member)
        kinds = [one["kind"] for one in account.in_the_way() if one["router"] == router.name]
        return {"state": "conflict", "obstacle": "".join(kinds)}
    # what is in another device's way leaves the member pending, and this one in
    is_through = mac not in report.stuck if report.conflicts else not report.pending
    return {"state": "bound" if report.state == "done" and is_through else "pending"}
