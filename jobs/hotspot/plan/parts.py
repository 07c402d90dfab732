"""What a plan is made of: the router's menus, who is wanted there, what is there, and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from jobs.mikrotik import Row, Write
from store.hotspot.deciding import Status
from store.phones import local_form

USER = "/ip/hotspot/user"
PROFILE = "/ip/hotspot/user/profile"
BINDING = "/ip/hotspot/ip-binding"
COOKIE = "/ip/hotspot/cookie"
ACTIVE = "/ip/hotspot/active"
HOST = "/ip/hotspot/host"


class Phase(IntEnum):
    """The order in which steps are taken."""

    DENY_USER = 1
    DENY_BINDING = 2
    DENY_COOKIE = 3
    DENY_ACTIVE = 4
    DENY_HOST = 5
    GRANT_USER = 6
    GRANT_BINDING = 7
    KICK = 8
    GRANT_HOST = 9
    LOGIN = 10


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a member: the slot's id (8 hex characters) and its MAC of today."""

    id: str
    mac: str
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a member is to be found on the router; `status` None: not at all."""

    member: str
    phone: str
    status: Status | None
    devices: tuple[Device, ...] = ()
    former: tuple[str, ...] = ()
    """MACs that were theirs; a host row of one may still be there, and get past."""

    former_phone: str = ""
    settled: Status | None = None
    """The status that was last seen to be true on the router."""

    password: str = ""

    @property
    def name(self) -> str:
        """The hotspot user's name."""
        return local_form(self.phone)

    @property
    def names(self) -> list[str]:
        """The names by which a router may know them, today's first."""
        return [local_form(phone) for phone in (self.phone, self.former_phone) if phone]


@dataclass(frozen=True, slots=True)
class Actual:
    """How the router is. `cookies` None: not looked at."""

    users: Sequence[Row]
    bindings: Sequence[Row]
    actives: Sequence[Row]
    hosts: Sequence[Row]
    cookies: Sequence[Row] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One write, for whom, and why."""

    phase: Phase
    write: Write
    member: str
    why: str


@dataclass(frozen=True, slots=True)
class Adoption:
    """A device found on a row that only a phone number marks: to be taken into the member's."""

    member: str
    mac: str
    ip: str


@dataclass
class Plan:
    """What is to be done, what cannot be, and what was found."""

    steps: list[Step] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    """Member → why somebody else's row is in the way."""

    adoptions: list[Adoption] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Members that the router knows and we do not."""

    @property
    def needs_cookies(self) -> bool:
        """Whether somebody is denied who has something left: their cookies must be seen."""
        return any(step.phase <= Phase.DENY_HOST for step in self.steps)
