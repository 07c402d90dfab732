"""How the router is: a handful of prints, however many members there are, and what they cost.

A run may print six times. Four make the picture. One is for the cookies, when somebody is denied;
the rest check what must hold before the first write, and what is there after the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.hotspot.garden import GARDEN
from jobs.hotspot.plan import ACTIVE, BINDING, COOKIE, HOST, PROFILE, USER, Actual, Wanted
from jobs.mikrotik import AnyOf, Ask, RouterLink, Row
from store.phones import local_form

MOST_PRINTS = 6

USER_FIELDS = (".id", "name", "profile", "disabled", "comment")
BINDING_FIELDS = (".id", "mac-address", "address", "type", "disabled", "comment")
ACTIVE_FIELDS = (".id", "user", "address", "mac-address")
COOKIE_FIELDS = (".id", "user", "mac-address")
HOST_FIELDS = (
    ".id",
    "mac-address",
    "address",
    "uptime",
    "bytes-in",
    "bytes-out",
    "authorized",
    "bypassed",
    "blocked",
)


class RouterReader:
    """Reads one router, at everybody or at one member, and counts its looks."""

    def __init__(self, link: RouterLink, only: Wanted | None = None) -> None:
        self._link = link
        self._only = only
        self.prints = 0

    @property
    def is_spent(self) -> bool:
        """Whether no further print is allowed."""
        return self.prints >= MOST_PRINTS

    async def picture(self) -> Actual:
        """Four prints: users, bindings, sessions, hosts."""
        asks = (
            Ask(USER, USER_FIELDS, self._names("name")),
            Ask(BINDING, BINDING_FIELDS, self._bindings()),
            Ask(ACTIVE, ACTIVE_FIELDS, self._names("user")),
            Ask(HOST, HOST_FIELDS, self._macs()),
        )
        self.prints += len(asks)
        users, bindings, actives, hosts = await self._link.read_all(*asks)
        return Actual(users, bindings, actives, hosts)

    async def with_cookies(self, actual: Actual) -> Actual:
        """One more: the same picture with the cookies in it."""
        cookies = await self._read(COOKIE, COOKIE_FIELDS, self._names("user"))
        return Actual(actual.users, actual.bindings, actual.actives, actual.hosts, cookies)

    async def hosts(self) -> list[Row]:
        """One print: the hosts, with their counters."""
        return await self._read(HOST, HOST_FIELDS, self._macs())

    async def profiles(self) -> list[str]:
        """One print: the names of the user profiles."""
        return [row.get("name", "") for row in await self._read(PROFILE, ("name",), None)]

    async def garden(self) -> list[Row]:
        """One print: what those who are not logged in may open."""
        return await self._read(GARDEN, (".id", "dst-host", "action", "disabled", "comment"), None)

    async def uses_radius(self) -> bool:
        """One print: whether logins are asked of a RADIUS server, and rows of ours ignored."""
        rows = await self._read("/ip/hotspot/profile", ("use-radius",), None)
        return any(row.get("use-radius") == "true" for row in rows)

    async def _read(self, path: str, fields: Sequence[str], which: AnyOf | None) -> list[Row]:
        self.prints += 1
        return await self._link.read(path, *fields, any_of=which)

    def _names(self, field: str) -> AnyOf | None:
        if self._only is None:
            return None
        return _any(field, self._only.names)

    def _macs(self) -> AnyOf | None:
        return None if self._only is None else _any("mac-address", _all_macs(self._only))

    def _bindings(self) -> AnyOf | None:
        """By MAC, and by a comment that is the phone alone."""
        if self._only is None:
            return None
        phone = self._only.phone
        comments = [local_form(phone), phone, f"+{phone}"] if phone else []
        macs = _any("mac-address", _all_macs(self._only))
        return AnyOf((*macs.pairs, *_any("comment", comments).pairs))


def _all_macs(one: Wanted) -> list[str]:
    return [*(device.mac for device in one.devices), *one.former]


def _any(field: str, values: Iterable[str]) -> AnyOf:
    return AnyOf(tuple((field, value) for value in values))
