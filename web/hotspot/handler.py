"""The base of the hotspot's handlers: the rules in force, and who is asking."""

from __future__ import annotations

from typing import Annotated

from store.errors import PasswordChangeNeeded
from store.hotspot.deciding import Policy
from store.sessions import CurrentSession, Opened
from web import fields
from web.fields import text
from web.handler import Handler


class TokenBody(fields.Body):
    """A token that was left in a browser to recognise it: a link's or a proof's."""

    token: Annotated[str, text(64)]


class HotspotHandler(Handler):
    """What these handlers share."""

    @property
    def policy(self) -> Policy:
        """The house's rules."""
        return Policy.of(self.store.settings)

    async def visitor(self) -> CurrentSession | None:
        """Return the current session, None for nobody: for pages that are for everybody. A
        member who has to change the password first is nobody here."""
        try:
            return await self.current_session_or_none()
        except PasswordChangeNeeded:
            return None

    async def line_of(self, member: str | None) -> str:
        """Return the line of limits on which this browser asks for a member's codes: its device,
        "" when it was never theirs. `None` is nobody, and takes as long."""
        device = self.device_of(member or "")
        return device.id if await self.store.sessions.has_been(member or "", device) else ""

    async def let_in(self, member: str) -> Opened:
        """Open a web session for a member who has proved their right to it, and give this
        browser its cookies. As with any login, an older web session of theirs ends. A member who
        waits for approval gets as far as the portal.

        Raises PasswordNeeded for members with a role, AccountBlocked.
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
