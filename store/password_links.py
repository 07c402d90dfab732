"""Links in mails by which a member sets a password once, without knowing one."""

from __future__ import annotations

import hashlib
import secrets

from store.changes import Changes, Part
from store.errors import LinkOver, NotFound
from store.members import Member, Members
from store.sessions import Sessions
from store.settings import Settings
from store.weak_passwords import strong_password

LINK_SECONDS = 72 * 3600
"""How long a mailed link sets a password."""

ASKED_SECONDS = 3600
"""The same of one that its owner, or somebody else, asked for a moment ago."""


class PasswordLinks(Part):
    """Links by which a member sets a password once, without knowing one."""

    def __init__(
        self, changes: Changes, settings: Settings, members: Members, sessions: Sessions
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._members = members
        self._sessions = sessions

    async def make(self, member_id: str) -> str:
        """Return a link, good for LINK_SECONDS or until the next one or a new password. Its secret
        is behind the `#`, which no server and no log sees; what is kept of it is a digest."""
        stamp = await self._members.stamp_links(member_id)
        return await self._kept(member_id, stamp, LINK_SECONDS)

    async def make_asked(self, member_id: str) -> str:
        """Return a link that somebody asked for, good for ASKED_SECONDS or until a new password.

        Anybody may ask, so the links that are out stay good. Raises NotFound.
        """
        member = await self._members.get(member_id)
        stamp = member.links or await self._members.stamp_links(member_id)
        return await self._kept(member_id, stamp, ASKED_SECONDS)

    async def _kept(self, member_id: str, stamp: str, seconds: int) -> str:
        token = secrets.token_urlsafe(24)
        await self._redis.set(self._key(token), f"{member_id} {stamp}", ex=seconds)
        return f"{self._settings.public_url}/atur-password#{token}"

    async def use(self, token: str, password: object) -> str:
        """Set the password, once; every session of the member ends. Returns the member's id.

        Raises NotFound for a link that is used or over, WeakPassword, InvalidRequest.
        """
        key = self._key(token)
        member = await self._member_of(str(await self._redis.get(key) or ""))
        chosen = strong_password(password, *member.names)
        left = int(await self._redis.pttl(key))
        kept = await self._redis.getdel(key)
        if not kept:
            raise LinkOver()
        try:
            await self._members.set_password(member.id, chosen)
        except BaseException:
            await self._redis.set(key, kept, px=max(left, 1_000), nx=True)
            raise
        await self._sessions.end(member.id, "all", reason="password_changed", by="tautan email")
        return member.id

    async def _member_of(self, kept: str) -> Member:
        """The member a link is for, while it bears the stamp that the member's links have now."""
        member_id, _, stamp = kept.partition(" ")
        try:
            member = await self._members.get(member_id)
        except NotFound:
            raise LinkOver() from None
        if not member_id or stamp != member.links:
            raise LinkOver()
        return member

    def _key(self, token: str) -> str:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        return self._keys.password_link(digest)
