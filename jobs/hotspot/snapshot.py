"""How the router is: a handful of prints, however many members there are, and what they cost.

A run may print six times. Four or five make the picture, for everybody with what must hold before
the first write. One is for the cookies, when somebody is denied; the last is of what is there after
the writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.hotspot.garden import GARDEN, IP_GARDEN
from jobs.hotspot.plan import ACTIVE, BINDING, COOKIE, EMPTY, HOST, PROFILE, USER, Actual, Wanted
from jobs.hotspot.tags import comment_of
from jobs.mikrotik import AnyOf, Ask, RouterLink, Row
from store.phones import local_form

MOST_PRINTS = 6

WHOLE_MEMBERS = 2_000
"""Up to so many a run for one member reads all rows, for a phone may stand in a comment in any
spelling: a tenth of a second. On a router with more of them it asks for the usual spellings, and
leaves the others to the run over everybody."""

USER_FIELDS = (".id", "name", "profile", "disabled", "comment", *EMPTY)
BINDING_FIELDS = (".id", "mac-address", "address", "server", "type", "disabled", "comment")
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
            Ask(USER, USER_FIELDS, self._users()),
            Ask(BINDING, BINDING_FIELDS, self._bindings()),
            Ask(ACTIVE, ACTIVE_FIELDS, self._sessions()),
            Ask(HOST, HOST_FIELDS, self._macs()),
        )
        self.prints += len(asks)
        users, bindings, actives, hosts = await self._link.read_all(*asks)
        return Actual(users, bindings, actives, hosts)

    async def everything(self) -> tuple[Actual, list[str]]:
        """The picture of everybody, and the names of the profiles: four prints, and sessions where
        a host is logged in, for no other has one."""
        asks = (
            Ask(USER, USER_FIELDS),
            Ask(BINDING, BINDING_FIELDS),
            Ask(HOST, HOST_FIELDS),
            Ask(PROFILE, ("name",)),
        )
        self.prints += len(asks)
        users, bindings, hosts, profiles = await self._link.read_all(*asks)
        is_any_in = any(host.get("authorized") == "true" for host in hosts)
        actives = await self._read(ACTIVE, ACTIVE_FIELDS, None) if is_any_in else []
        names = [row.get("name", "") for row in profiles]
        return Actual(users, bindings, actives, hosts), names

    async def with_cookies(self, actual: Actual) -> Actual:
        """One more: the same picture with the cookies in it."""
        cookies = await self._read(COOKIE, COOKIE_FIELDS, self._sessions())
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

    async def ip_garden(self) -> list[Row]:
        """One print: the same, by address and port."""
        fields = ("dst-address", "dst-host", "dst-port", "protocol")
        return await self._read(IP_GARDEN, (".id", *fields, "action", "disabled", "comment"), None)

    async def uses_radius(self) -> bool:
        """One print: whether logins are asked of a RADIUS server, and rows of ours ignored."""
        rows = await self._read("/ip/hotspot/profile", ("use-radius",), None)
        return any(row.get("use-radius") == "true" for row in rows)

    async def _read(self, path: str, fields: Sequence[str], which: AnyOf | None) -> list[Row]:
        self.prints += 1
        return await self._link.read(path, *fields, any_of=which)

    def _users(self) -> AnyOf | None:
        """By name and by comment, as people write a phone."""
        if self._only is None:
            return None
        one = self._only
        forms = [form for phone in (one.phone, one.former_phone) for form in _spellings(phone)]
        tags = [comment_of(phone, one.member) for phone in (one.phone, one.former_phone, "")]
        return AnyOf((*_any("name", forms).pairs, *_any("comment", [*forms, *tags]).pairs))

    def _sessions(self) -> AnyOf | None:
        """By name, and by device: somebody else's voucher may be what it is in by."""
        if self._only is None:
            return None
        macs = _any("mac-address", _all_macs(self._only))
        return AnyOf((*_any("user", self._only.names).pairs, *macs.pairs))

    def _macs(self) -> AnyOf | None:
        return None if self._only is None else _any("mac-address", _all_macs(self._only))

    def _bindings(self) -> AnyOf | None:
        """By MAC, and by a comment that is the phone alone."""
        if self._only is None:
            return None
        macs = _any("mac-address", _all_macs(self._only))
        return AnyOf((*macs.pairs, *_any("comment", _spellings(self._only.phone)).pairs))


def _spellings(phone: str) -> list[str]:
    """How a phone is written most often; a router finds text only as it stands."""
    if not phone:
        return []
    local = local_form(phone)
    national = local.removeprefix("0")
    groups = (national[:3], national[3:7], national[7:])
    return [
        *(local, phone, f"+{phone}", f"+62 {national}"),
        *(f"{start}{sign.join(groups)}" for start in ("0", "+62 ") for sign in " -."),
    ]


def _all_macs(one: Wanted) -> list[str]:
    return [*(device.mac for device in one.devices), *one.former]


def _any(field: str, values: Iterable[str]) -> AnyOf:
    return AnyOf(tuple((field, value) for value in values))
