"""What became of a run, and what a run would do: as it is kept, logged and shown."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.hotspot.plan import Plan
from store.hotspot.account import Account
from store.hotspot.deciding import Policy, decide
from store.sessions import new_id

KEPT_LINES = 200
"""Errors, changes and steps that are kept and shown."""

log = logging.getLogger("jaga.hotspot")


@dataclass
class Report:
    """What became of a run; kept for the page that shows them."""

    router: str
    only: str = ""
    state: str = "done"
    members: int = 0
    prints: int = 0
    writes: int = 0
    changes: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    """Member → what is in the way: somebody else's row, or what the router refused."""

    stuck: list[str] = field(default_factory=list)
    """MACs of the one member of the run that something is in the way of."""

    strangers: int = 0
    counted: int = 0
    pending: int = 0
    is_spent: bool = False
    """Whether it had no print left to look at what it wrote."""

    def as_dict(self, began: float) -> dict[str, Any]:
        """Return it as it is kept, with when it was and how long it took."""
        kept = dict(vars(self)) | {
            "id": new_id(),
            "at": time.time(),
            "took_ms": round((time.monotonic() - began) * 1000),
        }
        kept["errors"] = self.errors[:KEPT_LINES]
        kept["changes"] = self.changes[:KEPT_LINES]
        # each is kept with its member as well; after a take-over they may be thousands
        kept["conflicts"] = dict(list(self.conflicts.items())[:KEPT_LINES])
        kept["conflict_count"] = len(self.conflicts)
        return kept


def preview_of(
    made: Plan,
    accounts: Sequence[Account],
    now_policy: Policy,
    policy: Policy,
    now: int,
    prints: int,
) -> dict[str, Any]:
    names = {account.member: account.name for account in accounts}
    moved: list[dict[str, str]] = []
    counts: dict[str, int] = {}
    counts_before: dict[str, int] = {}
    for account in accounts:
        before = decide(account.terms(now), now, now_policy)
        after = decide(account.terms(now), now, policy)
        counts_before[before] = counts_before.get(before, 0) + 1
        counts[after] = counts.get(after, 0) + 1
        if before != after:
            who = {"member": account.member, "name": account.name}
            moved.append(who | {"from": before, "to": after})
    return {
        "steps": [
            {
                "member": step.member,
                "name": names.get(step.member, ""),
                "what": f"{step.write.path} {step.write.verb}",
                "phase": step.phase.name.lower(),
                "reason": step.reason,
                "why": step.why,
            }
            for step in made.steps[:KEPT_LINES]
        ],
        "writes": len(made.steps),
        "reasons": dict(Counter(step.reason for step in made.steps)),
        "conflicts": {member: str(found) for member, found in made.conflicts.items()},
        "strangers": made.strangers[:KEPT_LINES],
        "statuses": counts,
        "statuses_before": counts_before,
        "moved": moved[:KEPT_LINES],
        "moves": len(moved),
        "prints": prints,
        "fup_percent": policy.fup_percent,
    }


def join_previews(seen: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Return what was previewed for each router as one; None when no router answered.

    Whom a rule would move does not depend on a router; `routers` says what each would cost.
    """
    good = {name: one for name, one in seen.items() if "error" not in one}
    if not good:
        return None
    first = next(iter(good.values()))
    shared = {field: value for field, value in first.items() if field != "reasons"}
    return shared | {
        "steps": [{"router": name} | step for name, one in good.items() for step in one["steps"]],
        "writes": sum(one["writes"] for one in good.values()),
        "prints": sum(one["prints"] for one in good.values()),
        "conflicts": {
            member: why for one in good.values() for member, why in one["conflicts"].items()
        },
        "strangers": sorted({member for one in good.values() for member in one["strangers"]}),
        "routers": {
            name: {"error": one["error"]}
            if "error" in one
            else {field: one[field] for field in ("writes", "prints", "reasons")}
            for name, one in seen.items()
        },
    }


def say(report: Report) -> None:
    """Write a line into the log."""
    level = logging.INFO if report.state in ("done", "busy") else logging.WARNING
    log.log(
        level,
        "run router=%s only=%s state=%s members=%d prints=%d writes=%d errors=%d",
        report.router,
        report.only or "-",
        report.state,
        report.members,
        report.prints,
        report.writes,
        len(report.errors),
    )
