"""What the hotspot's handlers share: the house's rules, and waiting for what a job finds out."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from store.errors import PasswordChangeNeeded
from store.hotspot.deciding import Policy
from store.sessions import CurrentSession, Opened
from web import fields
from web.fields import text
from web.handler import Handler

LOOK_SECONDS = 0.03


class TokenBody(fields.Body):
    """What was left in a browser, to be known by it again: a link's or a proof's token."""

    token: Annotated[str, text(64)]


class HotspotHandler(Handler):
    """What these handlers share."""

    @property
    def policy(self) -> Policy:
        """The house's rules."""
        return Policy.of(self.store.settings)

    async def visitor(self) -> CurrentSession | None:
        """Return who is logged in in this browser, None for nobody: for pages that are for
        everybody. Whoever has to change a password first counts as nobody here."""
        try:
            return await self.current_session_or_none()
        except PasswordChangeNeeded:
            return None

    async def line_of(self, member: str | None) -> str:
        """Return the line on which this browser asks for its member's codes, "" where it never was
        theirs; None is nobody, and costs the same."""
        device = self.device_of(member or "")
        return device.id if await self.store.sessions.has_been(member or "", device) else ""

    async def let_in(self, member: str) -> Opened:
        """Open a web session for a member whose right to it was proved, and give this browser its
        cookies; an older web session of theirs is put out, as by any login.

        A member who waits for approval gets in as far as the portal. Raises PasswordNeeded for
        somebody with a role, AccountBlocked.
        """
        sessions = self.store.sessions
        opened = await sessions.open(
            member,
            self.device_of(member),
            method="password",
            keep=True,
            remember=True,
            by_code=True,
            carrier="both",
        )
        await sessions.settle(opened)
        await self.move_in(opened)
        return opened

    async def answer_of(self, question: str, seconds: float) -> dict[str, Any] | None:
        """Wait for what a job finds out; None when it takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := await self.store.hotspot.questions.answer_to(question):
                return answer
            await self.pause()
        return None

    async def pause(self) -> None:
        """Wait a moment before looking again."""
        await asyncio.sleep(LOOK_SECONDS)
