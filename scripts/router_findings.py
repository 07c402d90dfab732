"""What `scripts.router_check` finds at a router, one line for each look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from jobs.mikrotik import RouterLink
from store.routers import Router
from store.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it holds, and what was seen; a note holds always.
    `mend` is the router's own command, or commands, that mend it."""

    what: str
    holds: bool
    seen: str
    is_note: bool = False
    router: str = ""
    mend: str = ""

    @property
    def mark(self) -> str:
        """How the line begins."""
        return "note" if self.is_note else "ok" if self.holds else "FAIL"


@dataclass(frozen=True)
class Case:
    """One router that is looked at."""

    link: RouterLink
    router: Router
    settings: Settings


Look = Callable[[Case], Awaitable[Sequence[Finding]]]
