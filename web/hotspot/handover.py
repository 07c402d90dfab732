"""Taking a login along: from the mini-browser of a captive portal to the phone's real browser."""

from __future__ import annotations

from typing import Any

from store.hotspot.handovers import LIFE_SECONDS
from store.limits import AddressLimit, Limit
from web.hotspot.handler import HotspotHandler, TokenBody

LINKS_PER_SESSION = Limit("handover", 10, 300)
"""Somebody who presses the button again and again; none of the links is worth more for it."""

TRIES_PER_ADDRESS = AddressLimit("handover:used", 120, 300)
"""Nobody guesses 128 bits; this only bounds the work, for a whole hotspot behind one address."""


class MakeHandover(HotspotHandler):
    """`/api/hotspot/handover`: a link that lets the phone's own browser in, once."""

    serves_waiting = True

    async def post(self) -> None:
        current = await self.current_session()
        await self.store.limits.take(LINKS_PER_SESSION.of(current.session.sid))
        token = await self.store.hotspot.handovers.make(current)
        address = f"{self.store.settings.public_url}/hotspot/masuk#{token}"
        self.respond({"success": True, "url": address, "expires_in": LIFE_SECONDS})


class RedeemHandover(HotspotHandler):
    """`/api/hotspot/handover/redeem`: the other browser gets a session of its own, and the one
    that made the link is out."""

    Body = TokenBody

    async def post(self) -> None:
        token = self.body(self.Body).token
        await self.store.limits.take(TRIES_PER_ADDRESS.of(self.address))
        opened = await self.let_in(await self.store.hotspot.handovers.redeem(token))
        await self.store.hotspot.handovers.arrived(opened.session)
        self.respond({"success": True, "redirect": "/hotspot"})


class LookAtHandover(HotspotHandler):
    """`/api/hotspot/handover/look`: whose login a link carries, and whether this browser was theirs
    before; the link can still be used."""

    Body = TokenBody

    async def post(self) -> None:
        token = self.body(self.Body).token
        await self.store.limits.take(TRIES_PER_ADDRESS.of(self.address))
        member = await self.store.members.get(await self.store.hotspot.handovers.look(token))
        known = await self.store.sessions.has_been(member.id, self.device_of(member.id))
        name = member.name or member.username
        self.respond({"success": True, "name": name, "known": known})


class HandoverPage(HotspotHandler):
    """`/hotspot/masuk`: where such a link leads; the token is in the fragment, so no log has it.

    A browser in which somebody is logged in, or where its member never was, is asked first: a link
    that somebody else sent must not decide whose account it shows.
    """

    async def get(self) -> None:
        self._device_cookie()
        current = await self.visitor()
        name = (current.name or current.username) if current else ""
        self.page("hotspot_handover.html", signed_in=name)


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/hotspot/handover", MakeHandover),
        (r"/api/hotspot/handover/look", LookAtHandover),
        (r"/api/hotspot/handover/redeem", RedeemHandover),
        (r"/hotspot/masuk", HandoverPage),
    ]
