"""The way back from the router's own page, where a device has proved that it is there.

It is used only where HOTSPOT_PRESENCE asks for a proof. The portal sends the browser to the
router with a user that is made for this one login. The router sends it back here, with the token
in the fragment.
"""

from __future__ import annotations

from typing import Any

from store.errors import Unavailable
from store.limits import AddressLimit, Limit
from store.sessions import digest
from web.hotspot.entry import WAIT_SECONDS, outcome
from web.hotspot.handler import HotspotHandler, TokenBody

TRIES_PER_PROOF = Limit("proof:token", 60, 120)
"""Per proof, in its two minutes and from any address: each asks a router."""

TRIES_PER_ADDRESS = AddressLimit("proof", 240, 600)
"""Per address, which may be a whole hotspot: a page asks every three seconds while a router is
slow."""


class Prove(HotspotHandler):
    """`/api/hotspot/proof`: what became of the device. The token comes from the login, so no
    session is needed, and nothing of the account is told."""

    Body = TokenBody

    async def post(self) -> None:
        token = self.body(self.Body).token
        await self.store.limits.take(TRIES_PER_ADDRESS.of(self.address))
        if await self.store.hotspot.presences.find(token) is None:
            # nobody's: said at once, without a word to a router
            self.respond({"success": True, "hotspot": outcome({"state": "unproven"})})
            return
        await self.store.limits.take(TRIES_PER_PROOF.of(digest(token)[:32]))
        self.respond({"success": True, "hotspot": outcome(await self._answer(token))})

    async def _answer(self, token: str) -> dict[str, Any]:
        try:
            question = await self.store.hotspot.questions.ask("confirm", token)
        except Unavailable:
            return {"state": "pending"}
        return await self.store.hotspot.questions.answer_to(question, WAIT_SECONDS) or {
            "state": "pending"
        }


class ProofPage(HotspotHandler):
    """`/hotspot/bukti`: where the router leads."""

    def get(self) -> None:
        self.page("hotspot_proof.html")


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [(r"/api/hotspot/proof", Prove), (r"/hotspot/bukti", ProofPage)]
