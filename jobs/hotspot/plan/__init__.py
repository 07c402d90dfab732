"""The plan of a run: two pictures, one diff, in the order in which it is to be written. Pure."""

from __future__ import annotations

from jobs.hotspot.plan.parts import (
    ACTIVE,
    BINDING,
    COOKIE,
    HOST,
    PROFILE,
    USER,
    Actual,
    Device,
    Phase,
    Plan,
    Reason,
    Step,
    Wanted,
)
from jobs.hotspot.plan.planning import plan

__all__ = [
    "ACTIVE",
    "BINDING",
    "COOKIE",
    "HOST",
    "PROFILE",
    "USER",
    "Actual",
    "Device",
    "Phase",
    "Plan",
    "Reason",
    "Step",
    "Wanted",
    "plan",
]
