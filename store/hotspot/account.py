"""What a hotspot account is: plain data, read from Redis's hashes and shown to who may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.hotspot.deciding import ENDING_DAYS, PAGES, Policy, Terms, decide, notices, why
from store.hotspot.stack import STACK_FIELDS, Stack


@dataclass(frozen=True, slots=True)
class Slot:
    """One device of a member: its MAC of today, and the few before it."""

    id: str
    mac: str
    ip: str
    name: str
    seen_at: int
    former: tuple[str, ...]

    @classmethod
    def parse(cls, slot: str, text: str) -> Slot:
        """Read a slot as the scripts write it."""
        kept = json.loads(text)
        # Lua writes an empty list as an object
        former = tuple(kept.get("former") or ())
        return cls(slot, kept["mac"], kept["ip"], kept["name"], int(kept["seen_at"]), former)


@dataclass(frozen=True, slots=True)
class Account:
    """A member's hotspot account, with what of the member's row decides. Bytes, unix ms."""

    member: str
    name: str
    status: str
    phone: str
    former_phone: str
    """Their phone before this one, by which a router may still know them; empty for none."""

    approved: bool
    stack: Stack
    """Their packages."""

    settled: Mapping[str, str]
    """Router → the status it was last seen to agree with, empty for none; every router there is."""

    look: str
    """The counters last seen on the router that was asked for."""

    noticed: Mapping[str, str]
    """What the member was told of, and which key it had."""

    slots: tuple[Slot, ...]
    lost: tuple[str, ...]
    """MACs of the last devices that were let go."""

    is_waiting: bool
    """Whether a device of theirs waits to be confirmed by a router."""

    is_leaving: bool
    device_set: str
    """The number of the set of devices; each that is taken in or let go makes another."""

    settled_sets: Mapping[str, str]
    """Router → the set of devices that it was last seen to agree with."""

    obstacles: Mapping[str, str]
    """Router → what is in the way there, as it was noted (JSON); empty for nothing."""

    decisions: Mapping[str, str]
    """Router → what the owner has decided on a row that is in the way (JSON); empty for nothing."""

    def terms(self, now: int) -> Terms:
        """Return what decides at a moment: of the packages, the one in use then. Deactivating
        sets both flags (the hotspot document), so it shows as blocked."""
        shown = self.stack.shown(now)
        return Terms(
            is_blocked=self.status != "active",
            is_active=self.status == "active",
            is_approved=self.approved,
            is_unlimited=shown.unlimited,
            expires_at=shown.ends_at,
            purchased=shown.quota,
            used=shown.used,
            fup_percent=shown.fup_percent,
            fup_remaining=shown.fup_remaining,
            purchase=shown.id,
        )

    def notices(self, now: int, policy: Policy) -> list[tuple[str, str]]:
        """Return what the member should be told of, as `deciding.notices` does: nothing while
        another package goes on where this one ends."""
        return [] if self.stack.has_next(now) else notices(self.terms(now), now, policy)

    def former(self) -> tuple[str, ...]:
        """Return the MACs that were theirs."""
        return (*(mac for slot in self.slots for mac in slot.former), *self.lost)

    def is_agreed(self, router: str, status: str) -> bool:
        """Whether a router was seen to agree with a status, for the devices of today."""
        if self.obstacles.get(router):
            return False
        if not self.settled[router]:
            return self.is_untouched
        return self.settled[router] == status and self.settled_sets[router] == self.device_set

    def in_the_way(self) -> list[dict[str, Any]]:
        """Return what is in the way at each router where something is: `router`, `kind`, `whose`,
        `where`, `mark`, and as `decision` "take", "leave" or "" while there is none."""
        found = []
        for router in self.settled:
            if text := self.obstacles.get(router):
                seen = json.loads(text)
                decided = json.loads(self.decisions.get(router) or "{}")
                is_meant = bool(seen["mark"]) and decided.get("mark") == seen["mark"]
                decision = decided["choice"] if is_meant else ""
                found.append({"router": router, **seen, "decision": decision})
        return found

    def is_refused(self, router: str) -> bool:
        """Whether the router refused something of theirs the last time."""
        text = self.obstacles[router]
        return bool(text) and json.loads(text)["kind"] == "refused"

    def taken(self, router: str) -> str:
        """Return the mark of the row that the owner has decided to take over there."""
        decided = json.loads(self.decisions.get(router) or "{}")
        return str(decided["mark"]) if decided.get("choice") == "take" else ""

    @property
    def is_untouched(self) -> bool:
        """Whether there is nothing to give and nothing to take away: not approved, and no device
        was ever theirs. The routers need not know of such a one."""
        return not self.approved and not self.slots and not self.former()

    def public(self, now: int, policy: Policy) -> dict[str, Any]:
        """Return the account as its member and the admin may see it; moments in unix seconds.

        What is said of quota and end is said of the package in use; `packages` are all that are
        not over, in the order of use.

        `pending` says that a router was not seen to agree yet, `pending_on` which, and
        `agreed_on` which were. `obstacles` says at which routers something is in the way, and of
        what kind. `waiting` says that a device is not among `devices` yet, because
        the router that knows it is away.
        """
        terms, shown = self.terms(now), self.stack.shown(now)
        status = decide(terms, now, policy)
        pending_on = [router for router in self.settled if not self.is_agreed(router, status)]
        return {
            "phone": self.phone,
            "status": status,
            "page": PAGES[status],
            "why": why(terms, now, policy),
            "pending": bool(pending_on),
            "pending_on": pending_on,
            "agreed_on": [
                router for router, seen in self.settled.items() if seen and router not in pending_on
            ],
            "obstacles": [
                {"router": one["router"], "kind": one["kind"]} for one in self.in_the_way()
            ],
            # one that waits for its owner to have something to use waits for no router
            "waiting": self.is_waiting and policy.access(status) != "none",
            "approved": self.approved,
            "package": shown.package,
            "unlimited": shown.unlimited,
            "purchased_bytes": shown.quota,
            "used_bytes": shown.used,
            "remaining_bytes": shown.left,
            "expires_at": None if shown.ends_at is None else shown.ends_at / 1000,
            "packages": [turn.public() for turn in self.stack.turns(now)],
            "devices": [
                {"id": slot.id, "mac": slot.mac, "name": slot.name, "seen_at": slot.seen_at / 1000}
                for slot in self.slots
            ],
        }


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes of one member between two looks (as text, see `jobs.hotspot.usage.Look`)."""

    member: str
    before: str
    now: str
    used: int

    def words(self) -> tuple[str, str, str, int]:
        """Return what the script takes."""
        return self.member, self.before, self.now, self.used


MEMBER_FIELDS = ("status", "name", "username")
_NOTICES = ("quota_low", *(f"ends_in_{days}" for days in ENDING_DAYS))
FIELDS = (
    *(f"notice:{kind}" for kind in _NOTICES),
    "phone",
    "former_phone",
    "approved",
    "lost",
    "device_set",
    *STACK_FIELDS,
)


def fields_of(routers: Sequence[str], look_of: str) -> tuple[str, ...]:
    """Return the names of the account's fields to read: with what each router agrees to, and,
    unless `look_of` is "", the counters last seen on that router."""
    fields = (settled_field, settled_set_field, obstacle_field, decision_field)
    more = [field(router) for router in routers for field in fields]
    return (*FIELDS, *more, *([look_field(look_of)] * bool(look_of)))


def settled_field(router: str) -> str:
    """Where the account keeps what a router was last seen to agree with."""
    return f"settled:{router}"


def settled_set_field(router: str) -> str:
    """Where the account keeps which set of devices that was."""
    return f"settled_set:{router}"


def obstacle_field(router: str) -> str:
    """Where the account keeps what is in the way at a router."""
    return f"obstacle:{router}"


def decision_field(router: str) -> str:
    """Where the account keeps what the owner has decided on it."""
    return f"decision:{router}"


def look_field(router: str) -> str:
    """Where the account keeps the counters last seen on a router."""
    return f"look:{router}"


def read_account(
    member: str,
    row: Sequence[str | None],
    kept: Mapping[str, str],
    slots: Mapping[str, str],
    *,
    routers: Sequence[str],
    look_of: str,
    is_waiting: bool,
    is_leaving: bool,
) -> Account:
    """Read the member's fields, the account's fields (as `fields_of` names them; absent ones
    empty) and the slots, as Redis has them."""
    return Account(
        member=member,
        name=row[1] or row[2] or "",
        status=row[0] or "",
        phone=kept["phone"],
        former_phone=kept["former_phone"],
        approved=kept["approved"] != "0",
        stack=Stack.read(kept),
        settled={router: kept[settled_field(router)] for router in routers},
        look=kept[look_field(look_of)] if look_of else "",
        noticed={kind: kept[f"notice:{kind}"] for kind in _NOTICES},
        slots=tuple(Slot.parse(slot, text) for slot, text in sorted(slots.items())),
        lost=tuple(kept["lost"].split()),
        is_waiting=is_waiting,
        is_leaving=is_leaving,
        device_set=kept["device_set"],
        settled_sets={router: kept[settled_set_field(router)] for router in routers},
        obstacles={router: kept[obstacle_field(router)] for router in routers},
        decisions={router: kept[decision_field(router)] for router in routers},
    )
