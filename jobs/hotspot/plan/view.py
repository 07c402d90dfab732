"""What one member's plan is drawn from: the router's rows, found by whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.hotspot.plan.parts import WHY, Actual, Phase, Plan, Reason, Step, Wanted
from jobs.hotspot.tags import Tag, legacy_phone, tag_of
from jobs.mikrotik import Row, Write
from store.hotspot.deciding import Policy


class View:
    """The router's rows, found by whose they are: by tag, by name, by MAC, by address."""

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
        """The members that the router knows."""
        return self.users_of.keys() | self.bindings_of.keys()


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

    def names(self) -> list[str]:
        """Return the names by which the member may be logged in: those of their rows now and
        before, except a name that is another member's by now."""
        own = [row["name"] for row in self.view.users_of.get(self.one.member, [])]
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
