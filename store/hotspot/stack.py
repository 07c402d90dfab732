"""A member's packages: a stack of purchases, each with terms of its own (CONTRACT §9). Pure rules.

Nothing leaks from one purchase to another: each has its own bytes, its own end and its own fair
use. In use is the one that ends first among those that allow traffic; unlimited ones go before
counted ones, so that no counted byte is used up while there is no need to. What is used is counted
against the one in use, and what is more than it has left against the next.

A purchase without days lasts as long as the last one that has an end, and goes on with it when a
later one comes; where none has an end, it lasts for good, and no later one ends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from store.errors import StackFull
from store.hotspot.deciding import DAY_MS
from store.hotspot.package import Package

MOST = 100
"""Purchases that are kept of one member: twice as many as one order may hold."""

State = Literal["in_use", "next", "unused", "spent"]
"""`unused`: it ends before its turn comes. `spent`: its bytes are used up, its end is to come."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One package as it was bought. Bytes, and unix milliseconds."""

    id: str = ""
    """What the purchase is known by; empty for what an account held before there was a stack."""

    package: str = ""
    """The package's name."""

    quota: int = 0
    unlimited: bool = False
    given_at: int = 0
    ends_at: int | None = None
    follows: bool = False
    """Whether it has no end of its own; it ends with the last purchase that has one."""

    fup_percent: int | None = None
    fup_remaining: int | None = None
    used: int = 0

    @property
    def left(self) -> int:
        """Bytes that are left of a counted one."""
        return max(0, self.quota - self.used)

    @property
    def is_spent(self) -> bool:
        """Whether its bytes are used up."""
        return not self.unlimited and self.left == 0

    def is_over(self, now: int) -> bool:
        """Whether its end has come."""
        return self.ends_at is not None and self.ends_at <= now

    def allows(self, now: int) -> bool:
        """Whether it lets traffic through."""
        return not self.is_over(now) and not self.is_spent


STACK_FIELDS = (
    "stack",
    "package",
    "purchased",
    "unlimited",
    "expires_at",
    "fup_percent",
    "fup_remaining",
    "used",
)
"""The fields of an account that `Stack.read` takes; all but the first are of accounts that were
written before there was a stack."""

_NAMES = {field.name for field in fields(Purchase)}


@dataclass(frozen=True, slots=True)
class Turn:
    """A purchase and its turn: `begins_at` where that is to come and known, in unix ms."""

    purchase: Purchase
    state: State
    begins_at: int | None

    def public(self) -> dict[str, Any]:
        """Return it as answers have it; moments in unix seconds."""
        one = self.purchase
        return {
            "id": one.id,
            "package": one.package,
            "state": self.state,
            "unlimited": one.unlimited,
            "purchased_bytes": one.quota,
            "used_bytes": one.used,
            "remaining_bytes": one.left,
            "given_at": one.given_at / 1000,
            "begins_at": None if self.begins_at is None else self.begins_at / 1000,
            "expires_at": None if one.ends_at is None else one.ends_at / 1000,
            "follows": one.follows,
        }


@dataclass(frozen=True, slots=True)
class Stack:
    """Purchases in the order in which they were made."""

    purchases: tuple[Purchase, ...] = ()

    @classmethod
    def of(cls, kept: Iterable[Mapping[str, Any]]) -> Stack:
        """Read purchases as `text` wrote them; what a later version added is passed over."""
        rows = [{name: row[name] for name in row.keys() & _NAMES} for row in kept]
        return cls(tuple(Purchase(**row) for row in rows))

    @classmethod
    def read(cls, account: Mapping[str, Any]) -> Stack:
        """Read the stack from an account's Redis fields. An account from before there were stacks
        becomes a stack of one purchase."""
        if text := account.get("stack"):
            return cls.of(json.loads(text))
        former = Purchase(
            package=str(account.get("package") or ""),
            quota=_number(account, "purchased") or 0,
            unlimited=account.get("unlimited") == "1",
            ends_at=_number(account, "expires_at"),
            fup_percent=_number(account, "fup_percent"),
            fup_remaining=_number(account, "fup_remaining"),
            used=_number(account, "used") or 0,
        )
        is_one = former.quota or former.unlimited or former.package or former.ends_at
        return cls((former,) if is_one else ())

    def text(self) -> str:
        """Return it as it is kept: what a purchase does not have is left out."""
        rows = (
            {name: value for name, value in asdict(one).items() if value or name == "id"}
            for one in self.purchases
        )
        return json.dumps(list(rows), separators=(",", ":"))

    def joined(self, older: Stack, since: int) -> Stack:
        """Return this stack with what an older copy knows besides: the more that was used of a
        purchase, and purchases that were given after the copy was made, at `since` (unix ms)."""
        used = {one.id: one.used for one in older.purchases}
        known = {one.id for one in self.purchases}
        return Stack(
            (
                *(replace(one, used=max(one.used, used.get(one.id, 0))) for one in self.purchases),
                *(one for one in older.purchases if one.id not in known and one.given_at >= since),
            )
        )

    # What is in use

    def live(self, now: int) -> list[Purchase]:
        """Return those whose end has not come, in the order in which they are used."""
        return sorted((one for one in self.purchases if not one.is_over(now)), key=_turn_of)

    def in_use(self, now: int) -> Purchase | None:
        """Return the one whose terms hold, None when no purchase allows traffic."""
        return next((one for one in self.live(now) if one.allows(now)), None)

    def shown(self, now: int) -> Purchase:
        """Return the one in use, or else the one that ended or was used up last; one without
        anything where there never was any."""
        if found := self.in_use(now):
            return found
        if live := self.live(now):
            return live[-1]
        return max(self.purchases, key=lambda one: one.ends_at or 0, default=Purchase())

    def turns(self, now: int) -> list[Turn]:
        """Return the purchases that are not over, in the order of use: each with whether it is in
        use, waits or is used up."""
        return list(self._turns(now))

    def has_next(self, now: int) -> bool:
        """Whether another goes on where the one in use ends or is used up."""
        return any(turn.state == "next" for turn in self._turns(now))

    def _turns(self, now: int) -> Iterator[Turn]:
        covered: float = now  # until when the unlimited ones before need no other
        is_first = True
        for one in self.live(now):
            if one.is_spent:
                yield Turn(one, "spent", None)
            elif is_first:
                yield Turn(one, "in_use", None)
                is_first = False
            elif _end_of(one) <= covered:
                yield Turn(one, "unused", None)
            else:
                yield Turn(one, "next", None if covered == now else int(covered))
            if one.unlimited:
                covered = max(covered, _end_of(one))

    # What changes it

    def give(self, package: Package, purchase: str, now: int) -> Stack:
        """Return the stack with one purchase more; the terms of no other are changed by it, but
        that those without days of their own go on until the last end. Raises StackFull."""
        kept = self._kept(now)
        last = max((one.ends_at for one in kept if one.ends_at is not None), default=None)
        given = Purchase(
            id=purchase,
            package=package.name,
            quota=package.quota,
            unlimited=package.unlimited,
            given_at=now,
            ends_at=now + package.days * DAY_MS if package.days else last,
            follows=not package.days and last is not None,
            fup_percent=package.fup_percent,
            fup_remaining=package.fup_remaining,
        )
        if package.days:
            kept = [_until(one, given) for one in kept]
        return Stack((*kept, given))

    def _kept(self, now: int) -> list[Purchase]:
        """What is needed still: one that is used up stays for its end, while there is room."""
        kept = [one for one in self.purchases if not one.is_over(now)]
        kept = [one for one in kept if one.ends_at is not None or not one.is_spent]
        if len(kept) >= MOST:
            dated = [one for one in kept if one.ends_at is not None]
            last = max(dated, key=_end_of, default=None)
            kept = [one for one in kept if not one.is_spent or one is last]
        if len(kept) >= MOST:
            raise StackFull()
        return kept

    def pour(self, used: int, now: int) -> Stack:
        """Return the stack after `used` more bytes. What is more than all purchases have left is
        added to the one that is shown, so that no counted byte disappears."""
        poured = {id(one): one.used for one in self.purchases}
        for one in self.live(now):
            if one.allows(now):
                part = used if one.unlimited else min(used, one.left)
                poured[id(one)] += part
                used -= part
        if used and self.purchases:
            poured[id(self.shown(now))] += used
        return Stack(tuple(replace(one, used=poured[id(one)]) for one in self.purchases))

    def without(self, purchase: str) -> Stack:
        """Return the stack without a purchase; the others stay as they are."""
        return Stack(tuple(one for one in self.purchases if one.id != purchase))

    def changed(self, now: int, **terms: Any) -> Stack:
        """Return the stack with other terms of the one that is shown; where there is none, with
        one of these terms."""
        shown = self.shown(now)
        others = tuple(one for one in self.purchases if one is not shown)
        return Stack((*others, replace(shown, **terms)))


FOR_GOOD = float("inf")


def _end_of(one: Purchase) -> float:
    return FOR_GOOD if one.ends_at is None else one.ends_at


def _turn_of(one: Purchase) -> tuple[bool, float]:
    """Unlimited ones first, then by their end; of two with one end, what was bought first."""
    return not one.unlimited, _end_of(one)


def _until(one: Purchase, given: Purchase) -> Purchase:
    """What has no days of its own lasts as long as the last that has."""
    if not one.follows or one.ends_at is None or given.ends_at is None:
        return one
    return replace(one, ends_at=max(one.ends_at, given.ends_at))


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    text = fields.get(name)
    return int(text) if text else None
