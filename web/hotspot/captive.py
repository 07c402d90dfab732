"""What devices ask by themselves when they join (RFC 8908), and the files that a router serves
for us.

A phone that was told this address (RFC 8910: DHCP option 114) learns without guessing that it
has to log in, where, and how much is left. Whether it is let through the router knows best, so a
job asks it; the account says the rest.
"""

from __future__ import annotations

import json
import time
from typing import Any

from store.clock import now_ms
from store.errors import Unavailable
from web.hotspot.entry import is_within
from web.hotspot.handler import HotspotHandler

WAIT_SECONDS = 4.0
"""Less than the ten seconds after which phones give up; the job gives the router three."""


TURN_SECONDS = 0.5
"""Between two looks whether the turn to ask is free, when nobody says what was answered."""


class CaptiveApi(HotspotHandler):
    """`/api/hotspot/captive`: is the device that asks held captive?"""

    async def get(self) -> None:
        address = self.address
        if not self.store.hotspot.routers.has_any or not is_within(
            address, self.store.settings.hotspot_cidrs
        ):
            self._tell({"captive": False})
            return
        said = await self._said(address)
        if "captive" not in said:
            raise Unavailable()
        self._tell(await self._as_answer(said))

    async def _said(self, address: str) -> dict[str, Any]:
        """Return what the router says of this address, a few seconds old at most. Raises
        Unavailable."""
        captive = self.store.hotspot.captive
        deadline = time.monotonic() + WAIT_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            said = await captive.known(address)
            if said is None and await captive.may_ask(address):
                said = await self._asked(address, left)
            elif said is None:
                # somebody else is asking; should nothing come of it, the turn is free again
                said = await captive.known(address, min(left, TURN_SECONDS))
            if said is not None:
                return said
        raise Unavailable()

    async def _asked(self, address: str, seconds: float) -> dict[str, Any] | None:
        question = await self.store.hotspot.questions.ask("captive.answer", address)
        said = await self.store.hotspot.questions.answer_to(question, seconds)
        if said is not None:
            await self.store.hotspot.captive.note(address, said)
        return said

    async def _as_answer(self, said: dict[str, Any]) -> dict[str, Any]:
        portal = f"{self.store.settings.public_url}/hotspot/login"
        answer: dict[str, Any] = {"captive": said["captive"], "user-portal-url": portal}
        if said["captive"] or not said["member"]:
            return answer
        left = await self._left(said["member"])
        # the portal says what is left and how to get more only where there is an end to it
        return answer | left | {"can-extend-session": bool(left)}

    async def _left(self, member: str) -> dict[str, int]:
        """What the member's packages have left, in the words of RFC 8908 §5."""
        now = now_ms()
        accounts = await self.store.hotspot.accounts.of([member])
        left: dict[str, int] = {}
        for account in accounts:
            usable = [one for one in account.stack.live(now) if not one.is_spent]
            ends = [one.ends_at for one in usable]
            if not usable:
                left |= {"seconds-remaining": 0, "bytes-remaining": 0}
            elif None not in ends:
                left["seconds-remaining"] = (max(end or 0 for end in ends) - now) // 1000
            if usable and not any(one.unlimited for one in usable):
                left["bytes-remaining"] = sum(one.left for one in usable)
        return left

    def _tell(self, answer: dict[str, Any]) -> None:
        self.set_header("Cache-Control", "private")
        self.set_header("Content-Type", "application/captive+json")
        self.finish(json.dumps(answer))


class RouterFile(HotspotHandler):
    """A file for the router's `hotspot` folder, in its own language of variables."""

    template = ""
    type = ""

    def get(self) -> None:
        self.set_header("Content-Type", f"{self.type}; charset=utf-8")
        portal = f"{self.store.settings.public_url}/hotspot/login"
        self.finish(self.pages.render(self.template, portal=portal))


class RouterPage(RouterFile):
    """`/hotspot/login.html`: leads to the portal, and says which device it is."""

    template = "hotspot_router.html"
    type = "text/html"


class RouterApi(RouterFile):
    """`/hotspot/api.json`: the router's own answer to RFC 8908, for devices that ask it."""

    template = "hotspot_router_api.json"
    type = "application/json"


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/hotspot/captive", CaptiveApi),
        (r"/hotspot/login\.html", RouterPage),
        (r"/hotspot/api\.json", RouterApi),
    ]
