"""What a plan is made of: the router's menus, who is wanted there, what is there, and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

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


class Reason(StrEnum):
    """Why a step is taken: the word that programs and pages go by."""

    NO_USER = "no_user"
    SPARE_USER = "spare_user"
    USER_PROFILE = "user_profile"
    USER_SWITCH = "user_switch"
    USER_MARK = "user_mark"
    DELETED = "deleted"
    BARRED = "barred"
    COOKIE = "cookie"
    LOGGED_IN = "logged_in"
    GETS_PAST = "gets_past"
    NO_LONGER = "no_longer"
    NO_BINDING = "no_binding"
    BINDING_TYPE = "binding_type"
    BINDING_DIFFERS = "binding_differs"
    PROFILE_AT_LOGIN = "profile_at_login"
    OLD_VERDICT = "old_verdict"
    LOGIN = "login"


WHY = {
    Reason.NO_USER: "no user yet",
    Reason.SPARE_USER: "a second user",
    Reason.DELETED: "deleted",
    Reason.BARRED: "no device gets past",
    Reason.COOKIE: "would log in again",
    Reason.LOGGED_IN: "is logged in",
    Reason.GETS_PAST: "gets past",
    Reason.NO_LONGER: "a device that is no longer theirs",
    Reason.PROFILE_AT_LOGIN: "a profile is read at login",
    Reason.OLD_VERDICT: "judged by an old binding",
    Reason.LOGIN: "logged in from here",
}
"""The same for people; the others say which fields differ."""


class Obstacle(StrEnum):
    """What keeps a router from doing as a member's status says: the word that pages go by."""

    USER = "user"
    """A user of the member's name is somebody else's."""

    BINDING = "binding"
    """A binding of the device's MAC is somebody else's."""

    ADDRESS = "address"
    """A binding of the device's address, without a MAC, is somebody else's."""

    PASSES = "passes"
    """Somebody else's binding lets a device past that is to be kept out."""

    REFUSED = "refused"
    """The router refused a write or a login of this member's."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row of somebody else's that is in a member's way.

    `whose` is what its comment says, or its name; `where` its MAC, address or user name; `mark`
    names the very row, as it is now, for the owner's decision on it ("" where there is none).
    """

    kind: Obstacle
    whose: str
    where: str
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.where}: {self.whose or 'unnamed'}"

    def as_dict(self) -> dict[str, str]:
        """Return it as it is kept."""
        return {
            "kind": self.kind,
            "whose": self.whose,
            "where": self.where,
            "mark": self.mark,
        }


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
    device_set: str = ""
    """The number of this set of devices."""

    is_settled: bool = False
    """Whether `settled` was seen for these very devices."""

    taken: str = ""
    """The mark of a row of somebody else's that the owner has decided to take over."""

    obstacle: str = ""
    """What was last noted to be in the way here, as it is kept."""

    is_refused: bool = False
    """Whether the router refused something of theirs the last time."""

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
    """One write, for whom, and why: in a word, and in a line for whoever reads the plan."""

    phase: Phase
    write: Write
    member: str
    reason: Reason
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
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    """Member → the row of somebody else's that is in the way."""

    stuck: set[str] = field(default_factory=set)
    """MACs that somebody else's binding decides about: to drop their hosts would change nothing."""

    adoptions: list[Adoption] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Members that the router knows and we do not."""

    @property
    def needs_cookies(self) -> bool:
        """Whether somebody is denied who has something left: their cookies must be seen."""
        return any(step.phase <= Phase.DENY_HOST for step in self.steps)
