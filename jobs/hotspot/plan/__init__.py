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
    Conflict,
    Device,
    Obstacle,
    Phase,
    Plan,
    Reason,
    Step,
    Wanted,
)
from jobs.hotspot.plan.planning import plan
from jobs.hotspot.plan.users import EMPTY

__all__ = [
    "ACTIVE",
    "BINDING",
    "COOKIE",
    "EMPTY",
    "HOST",
    "PROFILE",
    "USER",
    "Actual",
    "Conflict",
    "Device",
    "Obstacle",
    "Phase",
    "Plan",
    "Reason",
    "Step",
    "Wanted",
    "plan",
]
