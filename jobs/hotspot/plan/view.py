"""What one member's plan is drawn from: the router's rows, found by whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from jobs.hotspot.plan.parts import (
    WHY,
    Actual,
    Conflict,
    Obstacle,
    Phase,
    Plan,
    Reason,
    Step,
    Wanted,
)
from jobs.hotspot.tags import Tag, legacy_phone, legacy_user, tag_of
from jobs.mikrotik import Row, Write
from store.hotspot.deciding import Policy


class View:
    """The router's rows, found by whose they are: by tag, by name, by MAC, by address."""

    def __init__(self, actual: Actual, policy: Policy) -> None:
        self.policy = policy
        self.users_of: dict[str, list[Row]] = {}
        self.user_named: dict[str, Row] = {}
        self.bindings_of: dict[str, list[tuple[Row, Tag]]] = {}
        self.legacy_users: dict[str, list[Row]] = {}
        self.legacy_of: dict[str, list[Row]] = {}
        self.binding_at: dict[str, Row] = {}
        self.foreign_ranges: list[tuple[int, int, Row]] = []
        """Bindings of somebody else's that go by the address alone."""

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
        elif phone := legacy_user(row["name"], row.get("comment", "")):
            self.legacy_users.setdefault(phone, []).append(row)

    def _take_binding(self, row: Row) -> None:
        comment = row.get("comment", "")
        self.binding_at.setdefault(row.get("mac-address", ""), row)
        if tag := tag_of(comment):
            self.bindings_of.setdefault(tag.member, []).append((row, tag))
        elif phone := legacy_phone(comment):
            self.legacy_of.setdefault(phone, []).append(row)
        elif not row.get("mac-address") and row.get("disabled") != "true":
            self.foreign_ranges.append((*range_of(row), row))

    def hosts_in(self, row: Row) -> list[Row]:
        """Return the hosts that a binding by address alone is about."""
        if row.get("mac-address") or not row.get("address"):
            return []
        first, last = range_of(row)
        return [
            host
            for hosts in self.hosts_of.values()
            for host in hosts
            if first <= number_of(host.get("address", "")) <= last
        ]

    def foreign_at(self, address: str) -> list[Row]:
        """Return the bindings of somebody else's that are about an address."""
        if not self.foreign_ranges:
            return []
        number = number_of(address)
        return [row for first, last, row in self.foreign_ranges if first <= number <= last]

    @property
    def tagged_members(self) -> set[str]:
        """The members that the router knows."""
        return self.users_of.keys() | self.bindings_of.keys()


def number_of(address: str) -> int:
    """Return an IPv4 address as a number, -1 for what is none."""
    try:
        return int(IPv4Address(address))
    except ValueError:
        return -1


def range_of(row: Row) -> tuple[int, int]:
    """Return the first and the last address of a binding: it has one, a prefix or `a-b`. What
    cannot be read is nobody's."""
    first, dash, last = row.get("address", "").partition("-")
    if dash:
        return number_of(first), number_of(last)
    try:
        network = IPv4Network(first, strict=False)
    except ValueError:
        return 0, -1
    return int(network.network_address), int(network.broadcast_address)


def mark_of(path: str, row: Row) -> str:
    """Return what names a row of somebody else's as it is: with a changed row, a decision on it is
    to be made anew. An id would name another row after a reboot."""
    said = [path, *(row.get(name, "") for name in _MARKING)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


_MARKING = ("name", "mac-address", "address", "server", "type", "comment")


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get(name, ""), []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Draft:
    """The plan as far as it is made, the member it goes on with, and what the router shows."""

    made: Plan
    one: Wanted
    view: View

    def step(self, phase: Phase, reason: Reason, write: Write, differs: str = "") -> None:
        """Add a step; `differs` says in what, where the reason alone does not."""
        why = f"{self.one.status or 'deleted'}: {differs or WHY[reason]}"
        self.made.steps.append(Step(phase, write, self.one.member, reason, why))

    def is_foreign(self, row: Row) -> bool:
        """Whether neither the member's tag nor their phone marks a binding."""
        comment = row.get("comment", "")
        tag = tag_of(comment)
        if tag is not None:
            return tag.member != self.one.member
        return not self.one.phone or legacy_phone(comment) != self.one.phone

    @property
    def lacks_user(self) -> bool:
        """Whether the user by whose name they would be logged in is somebody else's."""
        found = self.made.conflicts.get(self.one.member)
        return found is not None and found.kind is Obstacle.USER

    def in_the_way(self, kind: Obstacle, path: str, row: Row) -> bool:
        """Note that a row of somebody else's is in the way; the first is told. False for the one
        that the owner has decided to take over."""
        mark = mark_of(path, row)
        if mark == self.one.taken and tag_of(row.get("comment", "")) is None:
            return False
        where = row.get("name") or row.get("mac-address") or row.get("address", "")
        whose = row.get("comment", "")
        self.made.conflicts.setdefault(self.one.member, Conflict(kind, whose, where, mark))
        return True

    def names(self) -> list[str]:
        """Return the names by which the member may be logged in: those of their rows now and
        before, except a name that is another member's by now."""
        own = [row["name"] for row in self.view.users_of.get(self.one.member, [])]
        own += [row["name"] for row in self.view.legacy_users.get(self.one.phone, [])]
        return list(
            dict.fromkeys([*own, *(name for name in self.one.names if self._is_theirs(name))])
        )

    def _is_theirs(self, name: str) -> bool:
        tag = tag_of(self.view.user_named.get(name, {}).get("comment", ""))
        return tag is None or tag.member == self.one.member

    def former(self, going: Sequence[Row]) -> list[str]:
        """Return the MACs that were theirs and are nobody's; `going` are the bindings of their own
        that go."""
        ids = {row["id"] for row in going}
        macs = {*self.one.former, *(row.get("mac-address", "") for row in going)}
        macs -= {"", *(device.mac for device in self.one.devices)}
        bound = self.view.binding_at
        return sorted(mac for mac in macs if mac not in bound or bound[mac]["id"] in ids)
