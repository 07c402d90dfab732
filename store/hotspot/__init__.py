"""The hotspot as it is known: accounts with their quota, devices, packages, login codes, leases."""

from __future__ import annotations

from store.hotspot.account import Account, Slot
from store.hotspot.accounts import Hotspot
from store.hotspot.captive import Captive
from store.hotspot.handovers import Handovers
from store.hotspot.leases import Lease, Leases
from store.hotspot.ledger import Ledger
from store.hotspot.otp import Otp
from store.hotspot.package import Package
from store.hotspot.packages import Packages
from store.hotspot.presences import Presences
from store.hotspot.stack import Purchase, Stack, Turn

__all__ = [
    "Account",
    "Captive",
    "Handovers",
    "Hotspot",
    "Lease",
    "Leases",
    "Ledger",
    "Otp",
    "Package",
    "Packages",
    "Presences",
    "Purchase",
    "Slot",
    "Stack",
    "Turn",
]
