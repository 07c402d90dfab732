"""Sessions: what one is, the texts that stand for it, and every way it may change."""

from __future__ import annotations

from store.sessions.session import (
    Carrier,
    CurrentSession,
    Device,
    Ended,
    Logout,
    Method,
    Opened,
    Session,
    device_id,
    digest,
    new_id,
)
from store.sessions.sessions import Sessions
from store.sessions.tokens import BEARER, Credential

__all__ = [
    "BEARER",
    "Carrier",
    "Credential",
    "CurrentSession",
    "Device",
    "Ended",
    "Logout",
    "Method",
    "Opened",
    "Session",
    "Sessions",
    "device_id",
    "digest",
    "new_id",
]
