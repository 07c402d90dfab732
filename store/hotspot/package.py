"""What a package is: plain data, as it stands on the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MB = 1 << 20
"""A megabyte of quota: 2^20 bytes (CONTRACT §10)."""


@dataclass(frozen=True, slots=True)
class Package:
    """What can be bought. `quota` and `fup_remaining` in bytes; fair use begins at a percentage
    used or at so many bytes left, and where neither is said at the house's own percentage."""

    id: str
    name: str
    quota: int
    days: int
    unlimited: bool
    fup_percent: int | None
    fup_remaining: int | None = None

    def public(self) -> dict[str, Any]:
        """Return it as the admin's answers have it, in MB."""
        return {
            "id": self.id,
            "name": self.name,
            "quota_mb": self.quota // MB,
            "days": self.days,
            "unlimited": self.unlimited,
            "fup_percent": self.fup_percent,
            "fup_remaining_mb": None if self.fup_remaining is None else self.fup_remaining // MB,
        }
