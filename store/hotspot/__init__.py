"""The hotspot as it is known: accounts with their quota, devices, packages, login codes, leases."""

from __future__ import annotations

from store.hotspot.account import Account, Slot
from store.hotspot.captive import Captive
from store.hotspot.leases import Lease, Leases
from store.hotspot.package import Package
from store.hotspot.stack import Purchase, Stack, Turn

__all__ = [
    "Account",
    "Captive",
    "Lease",
    "Leases",
    "Package",
    "Purchase",
    "Slot",
    "Stack",
    "Turn",
]
