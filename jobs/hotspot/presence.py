"""Presence: what a browser says of its MAC is believed once the device has logged in at the router.

A portal in the cloud sees everybody behind one address, and MAC and address of others can be read
from the air. So the router is given a user that exists for this one login; the browser is sent to
the router's own page with it, and whoever stands in the router's list of sessions under that name
is the device. The rows written here are no run's: their names are random, and no tag is on them.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from jobs.hotspot.plan import ACTIVE, COOKIE, USER
from jobs.mikrotik import (
    AnyOf,
    LoginRefused,
    RouterAway,
    RouterLink,
    Row,
    Trap,
    Write,
    open_link,
)
from store.hotspot.deciding import Policy
from store.hotspot.presences import PROOF_SECONDS, Proof
from store.opening import Store
from store.routers import Router

SECONDS = 5.0
"""Somebody waits before a screen; a small router takes a second or two for TLS alone."""

log = logging.getLogger("jaga.hotspot")

ONLINE_SECONDS = PROOF_SECONDS // 2
ONLINE_BYTES = 5_000_000
"""What the one-time user may use: the way back to our page, with room."""


async def ask_for_proof(store: Store, router: Router, wish: dict[str, Any]) -> dict[str, Any]:
    """Make a user for one login; returns `state` `prove` with the `login_url` to send the browser
    to, or `pending` when the router did not take it."""
    token, proof = await store.hotspot.presences.begin(router.name, wish)
    user: dict[str, str | bool | int] = {
        "name": proof.user,
        "password": proof.password,
        "profile": Policy.of(store.settings).profiles["aktif"],
        "limit-uptime": f"{ONLINE_SECONDS}s",
        "limit-bytes-total": ONLINE_BYTES,
        "comment": "[jaga proof v=1]",
    }
    try:
        async with open_link(router, SECONDS) as link:
            await link.do(Write(USER, "add", values=user))
    except RouterAway as error:
        await store.hotspot.ledger.note_away(router.name, str(error))
        return {"state": "pending"}
    except (LoginRefused, Trap):
        return {"state": "pending"}
    back = f"{store.settings.public_url}/hotspot/bukti#{token}"
    query = urlencode({"username": proof.user, "password": proof.password, "dst": back})
    joint = "&" if "?" in wish["link"] else "?"
    return {"state": "prove", "login_url": f"{wish['link']}{joint}{query}"}


async def device_of(store: Store, token: str) -> tuple[Proof, Row] | None:
    """Return the proof of a token, and the session that its user has; None without one. The user,
    its cookies and its session are gone then; what a cut leaves of them, `sweep` takes away.

    Raises RouterAway, LoginRefused, Trap before the session was seen: it can be tried again.
    """
    proof = await store.hotspot.presences.find(token)
    if proof is None:
        return None
    router = _named(store, proof.router)
    if router is None:
        return None
    async with open_link(router, SECONDS) as link:
        mine = AnyOf((("user", proof.user),))
        sessions = await link.read(ACTIVE, ".id", "mac-address", "address", any_of=mine)
        if not sessions or not await store.hotspot.presences.end(token):
            return None
        try:
            await _take_away(link, [proof.user])
        except (RouterAway, Trap) as error:
            log.warning("user of a proof left on %s for the sweep: %s", router.name, error)
        else:
            await store.hotspot.presences.forget(proof.user)
    return proof, sessions[0]


async def sweep(store: Store) -> int:
    """Take away the users whose time is over; returns how many. A router that is away keeps its
    own for the next time."""
    due: dict[str, list[str]] = {}
    for name, user in await store.hotspot.presences.overdue():
        due.setdefault(name, []).append(user)
    gone = 0
    for name, users in due.items():
        router = _named(store, name)
        try:
            if router is not None:
                async with open_link(router, SECONDS) as link:
                    await _take_away(link, users)
        except (RouterAway, LoginRefused, Trap):
            continue
        for user in users:
            await store.hotspot.presences.forget(user)
        gone += len(users)
    return gone


async def _take_away(link: RouterLink, users: list[str]) -> None:
    """User, cookie, session: in the order of every denial (see `jobs.hotspot.plan`)."""
    for path, field in ((USER, "name"), (COOKIE, "user"), (ACTIVE, "user")):
        which = AnyOf(tuple((field, user) for user in users))
        rows = await link.read(path, ".id", any_of=which)
        await link.write([Write(path, "remove", row["id"]) for row in rows])


def _named(store: Store, name: str) -> Router | None:
    return next((router for router in store.settings.routers if router.name == name), None)
