"""Handover: taking a login from a captive portal's mini-browser to the phone's own browser."""

from __future__ import annotations

from typing import Any

from store.hotspot.handovers import LIFE_SECONDS
from store.limits import AddressLimit, Limit
from web.hotspot.handler import HotspotHandler, TokenBody

LINKS_PER_SESSION = Limit("handover", 10, 300)
"""Per session: somebody who presses the button again and again. More links are of no use."""

TRIES_PER_ADDRESS = AddressLimit("handover:used", 120, 300)
"""Per address, which may be a whole hotspot. It only bounds the work: nobody guesses 128 bits."""


class MakeHandover(HotspotHandler):
    """`/api/hotspot/handover`: makes a link that logs the phone's own browser in, once."""

    serves_waiting = True

    async def post(self) -> None:
        current = await self.current_session()
        await self.store.limits.take(LINKS_PER_SESSION.of(current.session.sid))
        token = await self.store.hotspot.handovers.make(current)
        address = f"{self.store.settings.public_url}/hotspot/masuk#{token}"
        self.respond({"success": True, "url": address, "expires_in": LIFE_SECONDS})


class RedeemHandover(HotspotHandler):
    """`/api/hotspot/handover/redeem`: logs the other browser in; the one that made the link is
    out."""

    Body = TokenBody

    async def post(self) -> None:
        token = self.body(self.Body).token
        await self.store.limits.take(TRIES_PER_ADDRESS.of(self.address))
        opened = await self.let_in(await self.store.hotspot.handovers.redeem(token))
        await self.store.hotspot.handovers.arrived(opened.session)
        self.respond({"success": True, "redirect": "/hotspot"})


class LookAtHandover(HotspotHandler):
    """`/api/hotspot/handover/look`: whose login a link carries, and whether this browser was
    theirs before. The link stays valid."""

    Body = TokenBody

    async def post(self) -> None:
        token = self.body(self.Body).token
        await self.store.limits.take(TRIES_PER_ADDRESS.of(self.address))
        member = await self.store.members.get(await self.store.hotspot.handovers.look(token))
        known = await self.store.sessions.has_been(member.id, self.device_of(member.id))
        name = member.name or member.username
        self.respond({"success": True, "name": name, "known": known})


class HandoverPage(HotspotHandler):
    """`/hotspot/masuk`: where such a link leads. The token is in the fragment, so no log has it.

    The page asks first when somebody is logged in here, or when the member never was: a link
    that somebody else sent must not decide whose account is shown.
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
