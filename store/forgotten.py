"""A forgotten password: a mail with a link, for whoever asks, answered alike whether or not there
is such a member."""

from __future__ import annotations

from store.changes import Changes, Part
from store.letters import Letter, Letters
from store.limits import AddressLimit, Limit, Limits
from store.logins import DeviceOf
from store.members import Member, Members, fold
from store.phones import normal_phone
from store.sessions import Sessions, digest

ASKED_PER_NAME = Limit("forgot", 3, 3600)
"""Of a name as it was typed, whether or not it is anybody's: nobody's box is filled by strangers.
One counter for all names of a member would tell that they are one's."""

ASKED_PER_FAMILIAR_DEVICE = Limit("forgot:device", 3, 3600)
"""Of a browser that has been this member's before, whatever strangers ask for."""

ASKED_PER_ADDRESS = AddressLimit("forgot:address", 30, 3600)
"""A school behind one address forgets some passwords in an hour; a list of addresses is longer."""


class Forgotten(Part):
    """Asking for a way back in."""

    def __init__(
        self,
        changes: Changes,
        limits: Limits,
        members: Members,
        sessions: Sessions,
    ) -> None:
        super().__init__(changes)
        self._limits = limits
        self._members = members
        self._sessions = sessions
        self._letters = Letters(changes)

    async def ask(self, login: str, device: DeviceOf, address: str) -> None:
        """Owe a mail with a link to set a password to the member with this e-mail, username or
        phone; the link is made when the mail goes out. For nobody the same is done, at the same
        cost, and no mail comes of it. Raises RateLimited, Unavailable."""
        member = await self._find(login)
        whose = member.id if member else ""
        asking = device(whose)
        if await self._sessions.has_been(whose, asking):
            await self._limits.take(ASKED_PER_FAMILIAR_DEVICE.of(asking.id))
        else:
            # a phone has a hundred spellings, and they are one name
            name = digest(normal_phone(login) or fold(login))[:32]
            await self._limits.take(ASKED_PER_ADDRESS.of(address), ASKED_PER_NAME.of(name))
        await self._letters.owe(whose, Letter("lupa_password"))

    async def _find(self, login: str) -> Member | None:
        """By a name, else by a phone; nobody is looked up as well, so that it takes as long."""
        if member := await self._members.find(login):
            return member
        phone = normal_phone(login)
        holder = phone and await self._redis.hget(self._keys.hotspot_phones(), phone)
        return await self._members.find_by_id(str(holder or ""))
