"""What has to be written so that the router is as it should be. Pure: two pictures, one diff.

A denial goes user, binding, cookie, session, host: the other way round a cookie logs the device in
again behind the session that was removed, and a host row that comes back is judged by the binding
that is still there. A grant goes user, binding, host, and then logs in. Denials go first.

Every step follows from what is, never from what was done: a run that was killed anywhere is made
whole by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from jobs.hotspot.tags import Tag, comment_of, legacy_phone, tag_of
from jobs.mikrotik import Row, Write
from store.hotspot.deciding import Access, Policy, Status
from store.phones import local_form

USER = "/ip/hotspot/user"
PROFILE = "/ip/hotspot/user/profile"
BINDING = "/ip/hotspot/ip-binding"
COOKIE = "/ip/hotspot/cookie"
ACTIVE = "/ip/hotspot/active"
HOST = "/ip/hotspot/host"

NO_LONGER = "a device that is no longer theirs"


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


def plan(wanted: Iterable[Wanted], actual: Actual, policy: Policy) -> Plan:
    """Return the difference, in the order in which it is to be written."""
    made = Plan()
    view = _View(actual, policy)
    known = set()
    for one in wanted:
        known.add(one.member)
        _plan_member(made, one, view)
    made.strangers = sorted(view.tagged_members - known)
    made.steps.sort(key=lambda step: step.phase)  # stable: members keep their order in a phase
    return made


class _View:
    """The router's rows, found by whose they are."""

    def __init__(self, actual: Actual, policy: Policy) -> None:
        self.policy = policy
        self.users_of: dict[str, list[Row]] = {}
        self.user_named: dict[str, Row] = {}
        self.bindings_of: dict[str, list[tuple[Row, Tag]]] = {}
        self.legacy_of: dict[str, list[Row]] = {}
        self.binding_at: dict[str, Row] = {}
        self.actives_of = _by(actual.actives, "user")
        self.active_at = {row.get("address", ""): row for row in actual.actives}
        self.cookies_of = _by(actual.cookies or (), "user")
        self.hosts_of = _by(actual.hosts, "mac-address")
        for row in actual.users:
            self._take_user(row)
        for row in actual.bindings:
            self._take_binding(row)

    def _take_user(self, row: Row) -> None:
        self.user_named[row["name"]] = row
        if tag := tag_of(row.get("comment", "")):
            self.users_of.setdefault(tag.member, []).append(row)

    def _take_binding(self, row: Row) -> None:
        comment = row.get("comment", "")
        self.binding_at.setdefault(row.get("mac-address", ""), row)
        if tag := tag_of(comment):
            self.bindings_of.setdefault(tag.member, []).append((row, tag))
        elif phone := legacy_phone(comment):
            self.legacy_of.setdefault(phone, []).append(row)

    @property
    def tagged_members(self) -> set[str]:
        return self.users_of.keys() | self.bindings_of.keys()


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get(name, ""), []).append(row)
    return found


def _plan_member(made: Plan, one: Wanted, view: _View) -> None:
    if one.status is None:
        _remove_member(made, one, view)
        return
    access = view.policy.access(one.status)
    deny = access == "none"
    _plan_user(made, one, view, Phase.DENY_USER if deny else Phase.GRANT_USER)
    if deny:
        _take_bindings_away(made, one, view)
        _throw_out(made, one, view)
    else:
        _give_bindings(made, one, view, access)
        _let_in(made, one, view, access)


def _step(made: Plan, phase: Phase, one: Wanted, why: str, write: Write) -> None:
    made.steps.append(Step(phase, write, one.member, why))


# The hotspot user


def _plan_user(made: Plan, one: Wanted, view: _View, phase: Phase) -> None:
    status = one.status
    if status is None or not one.phone:
        return
    should = {
        "name": one.name,
        "profile": view.policy.profiles[status],
        "disabled": "true" if status in ("blocked", "inactive") else "false",
        "comment": comment_of(one.phone, one.member),
    }
    row = _own_user(made, one, view)
    if row is None:
        if one.member not in made.conflicts:
            write = Write(USER, "add", values={**_sent(should), "password": one.password})
            _step(made, phase, one, f"{status}: no user yet", write)
        return
    wrong = {name: value for name, value in should.items() if row.get(name, "") != value}
    if wrong:
        named = ", ".join(f"{name} {row.get(name, '-')} → {value}" for name, value in wrong.items())
        if "comment" in wrong:
            wrong["password"] = one.password  # a user that was made by hand has one of its own
        _step(made, phase, one, f"{status}: {named}", Write(USER, "set", row["id"], _sent(wrong)))


def _own_user(made: Plan, one: Wanted, view: _View) -> Row | None:
    """The member's user row, or one of its name that only a phone marks (adopted by its set)."""
    own = view.users_of.get(one.member, [])
    for spare in own[1:]:
        _step(made, Phase.DENY_USER, one, "a second user", Write(USER, "remove", spare["id"]))
    if own:
        return own[0]
    for name in (one.name, one.phone, f"+{one.phone}"):
        row = view.user_named.get(name)
        if row is None:
            continue
        comment = row.get("comment", "")
        if not comment or legacy_phone(comment) == one.phone:
            return row
        made.conflicts[one.member] = f"the user {name} on the router belongs to somebody else"
    return None


def _sent(values: Mapping[str, str]) -> dict[str, str | bool]:
    """Flags are read as true and false, and written as yes and no."""
    return {
        name: value == "true" if value in ("true", "false") else value
        for name, value in values.items()
    }


# Denying


def _take_bindings_away(made: Plan, one: Wanted, view: _View) -> None:
    rows = [row for row, _ in view.bindings_of.get(one.member, [])]
    rows += view.legacy_of.get(one.phone, []) if one.phone else []
    # taken in before they are taken away: who is killed in between still knows their MACs
    _adopt(made, one, rows)
    for row in rows:
        _step(
            made,
            Phase.DENY_BINDING,
            one,
            f"{one.status or 'deleted'}: no device gets past",
            Write(BINDING, "remove", row["id"]),
        )


def _throw_out(made: Plan, one: Wanted, view: _View) -> None:
    for name in _names(one, view):
        for row in view.cookies_of.get(name, []):
            write = Write(COOKIE, "remove", row["id"])
            _step(made, Phase.DENY_COOKIE, one, "would log in again", write)
        for row in view.actives_of.get(name, []):
            write = Write(ACTIVE, "remove", row["id"])
            _step(made, Phase.DENY_ACTIVE, one, "is logged in", write)
    for mac in sorted({device.mac for device in one.devices}):
        for row in view.hosts_of.get(mac, []):
            if row.get("bypassed") == "true" or row.get("authorized") == "true":
                write = Write(HOST, "remove", row["id"])
                _step(made, Phase.DENY_HOST, one, "gets past", write)
    going = [row for row, _ in view.bindings_of.get(one.member, [])]
    for mac in _former(one, view, going):
        _drop_hosts(made, one, view, mac)


def _former(one: Wanted, view: _View, going: Sequence[Row]) -> list[str]:
    """MACs that were theirs and are nobody's; `going` are the bindings of their own that go."""
    ids = {row["id"] for row in going}
    macs = {*one.former, *(row.get("mac-address", "") for row in going)}
    macs -= {"", *(device.mac for device in one.devices)}
    bound = view.binding_at
    return sorted(mac for mac in macs if mac not in bound or bound[mac]["id"] in ids)


def _log_out(made: Plan, one: Wanted, view: _View, mac: str) -> None:
    for name in _names(one, view):
        for phase, path, rows in (
            (Phase.DENY_COOKIE, COOKIE, view.cookies_of.get(name, [])),
            (Phase.DENY_ACTIVE, ACTIVE, view.actives_of.get(name, [])),
        ):
            for row in rows:
                if row.get("mac-address") == mac:
                    _step(made, phase, one, NO_LONGER, Write(path, "remove", row["id"]))


def _drop_hosts(made: Plan, one: Wanted, view: _View, mac: str) -> None:
    for row in view.hosts_of.get(mac, []):
        if row.get("bypassed") == "true":
            _step(made, Phase.DENY_HOST, one, NO_LONGER, Write(HOST, "remove", row["id"]))


def _names(one: Wanted, view: _View) -> list[str]:
    """By which they may be logged in: what their rows are called, and were, unless a name is
    somebody else's by now."""
    own = [row["name"] for row in view.users_of.get(one.member, [])]
    return list(dict.fromkeys([*own, *(name for name in one.names if _is_theirs(name, one, view))]))


def _is_theirs(name: str, one: Wanted, view: _View) -> bool:
    tag = tag_of(view.user_named.get(name, {}).get("comment", ""))
    return tag is None or tag.member == one.member


def _remove_member(made: Plan, one: Wanted, view: _View) -> None:
    """Everything with the member's tag goes, in the order of a denial."""
    users = list(view.users_of.get(one.member, []))
    named = view.user_named.get(one.name) if one.phone else None
    if named is not None and named not in users and not named.get("comment"):
        users.append(named)
    _take_bindings_away(made, one, view)
    _throw_out(made, one, view)
    for row in users:
        _step(made, Phase.DENY_USER, one, "deleted", Write(USER, "remove", row["id"]))


# Granting


def _give_bindings(made: Plan, one: Wanted, view: _View, access: Access) -> None:
    kind = "bypassed" if access == "bypassed" else "regular"
    bound = {tag.device: row for row, tag in view.bindings_of.get(one.member, [])}
    legacy = {
        row.get("mac-address", ""): row
        for row in view.legacy_of.get(one.phone, [])
        if one.phone and "mac-address" in row
    }
    kept: set[str] = set()
    for device in one.devices:
        row = bound.get(device.id) or legacy.pop(device.mac, None)
        if row is not None:
            kept.add(row["id"])
        _give_binding(made, one, view, device, row, kind)
    spare = [row for row, _ in view.bindings_of.get(one.member, []) if row["id"] not in kept]
    for row in spare:
        write = Write(BINDING, "remove", row["id"])
        _step(made, Phase.DENY_BINDING, one, NO_LONGER, write)
    _adopt(made, one, legacy.values())
    for mac in _former(one, view, spare):
        _log_out(made, one, view, mac)
        _drop_hosts(made, one, view, mac)


def _adopt(made: Plan, one: Wanted, rows: Iterable[Row]) -> None:
    known = {device.mac for device in one.devices} | set(one.former)
    for row in rows:
        mac = row.get("mac-address", "")
        if mac and mac not in known:
            made.adoptions.append(Adoption(one.member, mac, row.get("address", "")))


def _give_binding(
    made: Plan, one: Wanted, view: _View, device: Device, row: Row | None, kind: str
) -> None:
    should = {
        "mac-address": device.mac,
        "type": kind,
        "disabled": "false",
        "comment": comment_of(one.phone, one.member, device.id),
    }
    other = view.binding_at.get(device.mac)
    if other is not None and (row is None or other["id"] != row["id"]):
        tag = tag_of(other.get("comment", ""))
        if tag is None or tag.member != one.member:
            made.conflicts[one.member] = f"the binding of {device.mac} belongs to somebody else"
            return
    if row is None:
        values = {name: value for name, value in should.items() if name != "disabled"}
        write = Write(BINDING, "add", values=values)
        _step(made, Phase.GRANT_BINDING, one, f"{one.status}: {kind}", write)
        return
    found = {"type": "regular", **row}
    wrong = {name: value for name, value in should.items() if found.get(name, "") != value}
    # an address would pin the device to a lease that is over tomorrow
    if row.get("address"):
        wrong["address"] = ""
    if wrong:
        named = ", ".join(wrong)
        write = Write(BINDING, "set", row["id"], _sent(wrong))
        _step(made, Phase.GRANT_BINDING, one, f"{one.status}: {named}", write)


def _let_in(made: Plan, one: Wanted, view: _View, access: Access) -> None:
    """Have hosts judged anew where they are judged wrongly, and log in who has to be."""
    profiles = view.policy.profiles
    moved = (
        one.settled is not None
        and one.status is not None
        and (profiles[one.settled] != profiles[one.status])
    )
    kicked = set()
    unsure = one.settled is None and one.member not in made.conflicts
    if access == "session" and (moved or unsure):
        for name in _names(one, view):
            for row in view.actives_of.get(name, []):
                kicked.add(row.get("address", ""))
                write = Write(ACTIVE, "remove", row["id"])
                _step(made, Phase.KICK, one, "a profile is read at login", write)
    for device in one.devices:
        hosts = view.hosts_of.get(device.mac, [])
        for host in hosts:
            is_bypassed = host.get("bypassed") == "true"
            if is_bypassed != (access == "bypassed") or host.get("blocked") == "true":
                write = Write(HOST, "remove", host["id"])
                _step(made, Phase.GRANT_HOST, one, "judged by an old binding", write)
            elif access == "session" and _is_out(host, view, kicked):
                _step(made, Phase.LOGIN, one, "logged in from here", _login(one, host))


def _is_out(host: Row, view: _View, kicked: set[str]) -> bool:
    address = host.get("address", "")
    return address in kicked or address not in view.active_at


def _login(one: Wanted, host: Row) -> Write:
    values = {
        "user": one.name,
        "password": one.password,
        "mac-address": host["mac-address"],
        "ip": host.get("address", ""),
    }
    return Write(ACTIVE, "login", values=values)
