"""What a hotspot account is: plain data, read from Redis's hashes and shown to who may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.hotspot.deciding import ENDING_DAYS, PAGES, Policy, Terms, decide, why

MB = 1 << 20
"""A megabyte of quota: 2^20 bytes (CONTRACT §10)."""


@dataclass(frozen=True, slots=True)
class Package:
    """What can be bought. `quota` in bytes; `fup_percent` None: the house's own."""

    id: str
    name: str
    quota: int
    days: int
    unlimited: bool
    fup_percent: int | None

    def public(self) -> dict[str, Any]:
        """Return it as the admin's answers have it, in MB."""
        return {
            "id": self.id,
            "name": self.name,
            "quota_mb": self.quota // MB,
            "days": self.days,
            "unlimited": self.unlimited,
            "fup_percent": self.fup_percent,
        }


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
    approved: bool
    unlimited: bool
    expires_at: int | None
    purchased: int
    used: int
    fup_percent: int | None
    package: str
    settled: str
    settled_at: int
    look: str
    noticed: Mapping[str, str]
    """What the member was told of, and which key it had."""

    slots: tuple[Slot, ...]
    is_leaving: bool

    def terms(self) -> Terms:
        """Return what decides. Deactivating sets both flags (the hotspot document), so it shows
        as blocked."""
        return Terms(
            is_blocked=self.status != "active",
            is_active=self.status == "active",
            is_approved=self.approved,
            is_unlimited=self.unlimited,
            expires_at=self.expires_at,
            purchased=self.purchased,
            used=self.used,
            fup_percent=self.fup_percent,
        )

    def public(self, now: int, policy: Policy) -> dict[str, Any]:
        """Return the account as its member and the admin may see it; moments in unix seconds.

        `pending` says that the router was not seen to agree yet.
        """
        status = decide(self.terms(), now, policy)
        return {
            "phone": self.phone,
            "status": status,
            "page": PAGES[status],
            "why": why(self.terms(), now, policy),
            "pending": self.settled != status,
            "approved": self.approved,
            "package": self.package,
            "unlimited": self.unlimited,
            "purchased_bytes": self.purchased,
            "used_bytes": self.used,
            "remaining_bytes": max(0, self.purchased - self.used),
            "expires_at": None if self.expires_at is None else self.expires_at / 1000,
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
    "approved",
    "unlimited",
    "expires_at",
    "purchased",
    "used",
    "fup_percent",
    "package",
    "settled",
    "settled_at",
    "look",
)


def read_account(
    member: str,
    row: Sequence[str | None],
    values: Sequence[str | None],
    slots: Mapping[str, str],
    is_leaving: bool,
) -> Account:
    """Read the member's fields, the account's fields and the slots, as Redis has them."""
    kept = {name: value or "" for name, value in zip(FIELDS, values, strict=True)}
    return Account(
        member=member,
        name=row[1] or row[2] or "",
        status=row[0] or "",
        phone=kept["phone"],
        approved=kept["approved"] != "0",
        unlimited=kept["unlimited"] == "1",
        expires_at=int(kept["expires_at"]) if kept["expires_at"] else None,
        purchased=int(kept["purchased"] or 0),
        used=int(kept["used"] or 0),
        fup_percent=int(kept["fup_percent"]) if kept["fup_percent"] else None,
        package=kept["package"],
        settled=kept["settled"],
        settled_at=int(kept["settled_at"] or 0),
        look=kept["look"],
        noticed={kind: kept[f"notice:{kind}"] for kind in _NOTICES},
        slots=tuple(Slot.parse(slot, text) for slot, text in sorted(slots.items())),
        is_leaving=is_leaving,
    )
