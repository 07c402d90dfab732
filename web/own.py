"""What a page may know of its own member and session."""

from __future__ import annotations

from typing import Any

from store.sessions import CurrentSession, Session


def member_of(current: CurrentSession) -> dict[str, Any]:
    """What a page may know of its own member."""
    return {
        "id": current.member,
        "username": current.username,
        "name": current.name,
        "email": current.email,
        "role": current.role,
    }


def session_of(current: CurrentSession) -> dict[str, Any]:
    """What a page may know of its own session; moments in unix seconds."""
    session = current.session
    return {
        "sid": session.sid,
        "device_id": session.device,
        "device_name": session.device_name,
        "method": session.method,
        "opened_at": session.opened_at / 1000,
        "last_seen": session.last_seen / 1000,
        **clocks_of(session),
        "server_now": current.now / 1000,
    }


def clocks_of(session: Session) -> dict[str, float | None]:
    """Return when the three clocks run out, in unix seconds; None for one that is not set."""
    return {
        "idle_expires_at": _seconds(session.idle_at),
        "absolute_expires_at": _seconds(session.cap_at),
        "remember_expires_at": _seconds(session.remember_until),
    }


def _seconds(moment: int | None) -> float | None:
    return None if moment is None else moment / 1000
