"""What a member's hotspot access is at a moment: pure rules, no clock and no I/O of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from store.settings import Settings

Status = Literal["blocked", "inactive", "expired", "unlimited", "habis", "fup", "aktif"]
STATUSES: tuple[Status, ...] = get_args(Status)

Access = Literal["bypassed", "session", "none"]
"""How a member's devices get through: by a bypassing binding, by a login with a profile, or not."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides. Bytes, and unix milliseconds; `fup_percent` None means the house's own."""

    is_blocked: bool = False
    is_active: bool = True
    is_approved: bool = True
    is_unlimited: bool = False
    expires_at: int | None = None
    purchased: int = 0
    used: int = 0
    fup_percent: int | None = None
    fup_remaining: int | None = None
    purchase: str = ""
    """Id of the purchase, so that notices are sent again for the next purchase of the same
    package."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The house's rules: where fair use begins, how devices get through, the profiles' names."""

    fup_percent: int
    mode: Literal["bypass", "session"]
    profiles: dict[Status, str]

    @classmethod
    def of(cls, settings: Settings, fup_percent: int | None = None) -> Policy:
        """Return the settings' policy, with another threshold when one is to be tried."""
        habis = settings.mikrotik_profile_habis
        return cls(
            settings.fup_threshold_percent if fup_percent is None else fup_percent,
            "session" if settings.hotspot_mode == "session" else "bypass",
            {
                "blocked": settings.mikrotik_profile_blokir,
                "inactive": settings.mikrotik_profile_inactive,
                "expired": habis,
                "unlimited": settings.mikrotik_profile_unlimited,
                "habis": habis,
                "fup": settings.mikrotik_profile_fup,
                "aktif": settings.mikrotik_profile_aktif,
            },
        )

    def access(self, status: Status) -> Access:
        """Return how devices get through. A profile has no effect on a bypassed device, so fair
        use always takes a login."""
        if status in ("blocked", "inactive", "expired", "habis"):
            return "none"
        return "session" if status == "fup" or self.mode == "session" else "bypassed"


PAGES: dict[Status, str] = {
    "blocked": "/akun-diblokir",
    "inactive": "/nonaktif",
    "expired": "/masa-aktif-habis",
    "unlimited": "/hotspot",
    "habis": "/kuota-habis",
    "fup": "/fup",
    "aktif": "/hotspot",
}
"""Where each status is explained to the member (CONTRACT §9)."""


def decide(terms: Terms, now: int, policy: Policy) -> Status:
    """Return the status at `now` (unix ms); the first rule that holds wins (CONTRACT §9)."""
    if terms.is_blocked:
        return "blocked"
    if not terms.is_active or not terms.is_approved:
        return "inactive"
    if terms.expires_at is not None and terms.expires_at <= now:
        return "expired"
    if terms.is_unlimited:
        return "unlimited"
    if terms.purchased <= 0 or terms.used >= terms.purchased:
        return "habis"
    return "fup" if _is_heavy(terms, policy) else "aktif"


def why(terms: Terms, now: int, policy: Policy) -> str:
    """Say in one line why the status is what it is: for the plan that an operator reads."""
    status = decide(terms, now, policy)
    used = f"{terms.used} of {terms.purchased} bytes used"
    reasons: dict[Status, str] = {
        "blocked": "the account is blocked",
        "inactive": "the account is switched off"
        if not terms.is_active
        else "the account is not approved yet",
        "expired": "the package has run out",
        "unlimited": "the package is unlimited",
        "habis": used if terms.purchased > 0 else "nothing was purchased",
        "fup": f"{used}: fair use begins at {_threshold(terms, policy)}",
        "aktif": used,
    }
    return reasons[status]


def _is_heavy(terms: Terms, policy: Policy) -> bool:
    if terms.fup_remaining is not None:
        # a package no larger than the threshold would be slow from its first byte
        left = terms.purchased - terms.used
        return terms.purchased > terms.fup_remaining and left <= terms.fup_remaining
    percent = policy.fup_percent if terms.fup_percent is None else terms.fup_percent
    # whole numbers, so that the boundary is exact at any size
    return terms.used * 100 >= terms.purchased * percent


def _threshold(terms: Terms, policy: Policy) -> str:
    if terms.fup_remaining is not None:
        return f"{terms.fup_remaining} bytes remaining"
    percent = policy.fup_percent if terms.fup_percent is None else terms.fup_percent
    return f"{percent} %"


LOW_PERCENT = 10
LOW_BYTES = 200 << 20
"""Quota is low at a tenth or at 200 MB, whichever is less."""

ENDING_DAYS = (1, 3, 7)
DAY_MS = 86_400_000


def notices(terms: Terms, now: int, policy: Policy) -> list[tuple[str, str]]:
    """Return what a member should be told of, each with a key that changes when it is news again.

    Of several days before the end only the nearest is told.
    """
    if decide(terms, now, policy) not in ("aktif", "fup", "unlimited"):
        return []
    found = []
    left = terms.purchased - terms.used
    low = min(terms.purchased * LOW_PERCENT // 100, LOW_BYTES)
    if not terms.is_unlimited and left <= low:
        found.append(("quota_low", terms.purchase or str(terms.purchased)))
    if terms.expires_at is not None:
        days = (terms.expires_at - now) / DAY_MS
        near = next((most for most in ENDING_DAYS if days <= most), None)
        if near is not None:
            found.append((f"ends_in_{near}", str(terms.expires_at)))
    return found
