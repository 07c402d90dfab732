"""Handing a login over to another browser: a link that works once, for a few minutes.

A captive portal opens in a mini-browser that keeps no cookies and is gone with a tap. Whoever has
logged in there takes a link along to the phone's real browser. The link stands for the member, and
only for as long as the session that made it lives. It is no way to stay logged in for ever: it is
made soon after a login, and not by a session that was itself handed over.
"""

from __future__ import annotations

import json
import secrets

from store.changes import Changes, Part
from store.errors import Forbidden, HandoverOver
from store.sessions import CurrentSession, Session, Sessions, digest

LIFE_SECONDS = 300
"""Long enough to copy a link and find the browser; short enough to forget it on a screen."""

FRESH_SECONDS = 3600
"""How old a session may be that hands over: by so much at most a login outlasts its cap."""

TOKEN_BYTES = 16
"""128 random bits, 22 characters: nobody guesses one in five minutes, and a person can copy it."""


class Handovers(Part):
    """The links."""

    def __init__(self, changes: Changes, sessions: Sessions) -> None:
        super().__init__(changes)
        self._sessions = sessions

    async def make(self, current: CurrentSession) -> str:
        """Return the token of a new link for the session that asks; only its digest is kept.

        Raises Forbidden for a session whose login was too long ago, or by such a link.
        """
        arrived = self._keys.hotspot_arrived(current.session.sid)
        is_old = current.now - current.session.opened_at > FRESH_SECONDS * 1000
        if is_old or await self._redis.exists(arrived):
            raise Forbidden("Tautan hanya bisa dibuat sesaat setelah masuk dengan kode.")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        kept = json.dumps({"member": current.member, "sid": current.session.sid})
        await self._redis.set(self._keys.hotspot_handover(digest(token)), kept, ex=LIFE_SECONDS)
        return token

    async def look(self, token: str) -> str:
        """Return the id of the member a link stands for, and leave it as it is.

        Raises HandoverOver, as `redeem` does.
        """
        return await self._member_of(await self._redis.get(self._name(token)))

    async def redeem(self, token: str) -> str:
        """Use a link up; returns the id of the member it stands for.

        Raises HandoverOver, the same for a link that was used, is too old, never was, or whose
        session has ended since.
        """
        return await self._member_of(await self._redis.getdel(self._name(token)))

    def _name(self, token: str) -> str:
        return self._keys.hotspot_handover(digest(token))

    async def _member_of(self, text: str | bytes | None) -> str:
        if text is None:
            raise HandoverOver()
        kept = json.loads(text)
        if not isinstance(await self._sessions.look(kept["member"], kept["sid"]), Session):
            raise HandoverOver()
        return str(kept["member"])

    async def arrived(self, session: Session) -> None:
        """Note that a session was opened by a link: it makes none itself."""
        name = self._keys.hotspot_arrived(session.sid)
        await self._redis.set(name, "1", ex=FRESH_SECONDS)
