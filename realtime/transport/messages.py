"""What is said to a tab: each message is encoded once for each transport."""

from __future__ import annotations

import json
from typing import Any

from realtime.transport import codes
from realtime.transport.frames import PING, TEXT, frame
from store.ends import REASONS
from store.errors import (
    SessionExpired,
)
from store.sessions import Ended


class Message:
    """One message to any number of receivers: `frame` for WebSockets, `sse` for streams.

    Each is encoded when the first receiver of its kind needs it.
    """

    __slots__ = ("_before", "_body", "_event", "_frame", "_id", "_sse")

    def __init__(self, event: str, body: dict[str, Any], id: str = "", before: bytes = b"") -> None:
        """`before` is SSE text that goes ahead of it."""
        self._event = event
        self._body = body
        self._id = id
        self._before = before
        self._frame = b""
        self._sse = b""

    @property
    def frame(self) -> bytes:
        """The WebSocket frame."""
        if not self._frame:
            self._frame = frame(TEXT, encode({"event": self._event} | self._body))
        return self._frame

    @property
    def sse(self) -> bytes:
        """The server-sent event."""
        if not self._sse:
            text = encode(self._body)
            self._sse = self._before + sse(text, event=self._event, id=self._id)
        return self._sse


def ended(end: Ended, username: str, id: str) -> Message:
    """The last word to a tab: why its session is no more."""
    if end.is_expiry:
        return Message(
            "session_expired", {"reason": end.reason, "message": SessionExpired.message}, id
        )
    return force_logout(end, username, id)


def force_logout(end: Ended, username: str, id: str) -> Message:
    """`force_logout`, after the `updated_attendances` that page listeners are documented to act on.

    When the same browser logs in again, its page need not leave. The documented change is left out
    then, because a page always logs out on it.
    """
    body = {
        "reason": REASONS.get(end.reason, end.reason),
        "code": end.reason,
        "kick_id": end.kick_id,
        "at": end.at / 1000,
        "by": end.by,
        "same_browser": end.same_browser,
    }
    change = b"" if end.same_browser else sse(encode(_changes(end, username)), id=id)
    return Message("force_logout", body, id, before=change)


def _changes(end: Ended, username: str) -> dict[str, Any]:
    row = {
        "username": username,
        "fp": f"session-{end.kick_id}",
        "action": "logout",
        "reason": REASONS.get(end.reason, end.reason),
        "at": end.at / 1000,
    }
    return {"timestamp": end.at // 1000, "changes": {"updated_attendances": [row]}}


def expiring(reason: str, seconds: float) -> Message:
    """The notice before a clock runs out."""
    return Message("session_expiring", {"reason": reason, "in": max(0, round(seconds))})


def encode(body: dict[str, Any]) -> bytes:
    """Return compact JSON. It has no line ends, so it is one `data:` line. Half of a surrogate pair
    becomes a question mark."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def sse(data: bytes, *, event: str = "", id: str = "", retry_ms: int = 0) -> bytes:
    """Return one server-sent event (WHATWG HTML §9.2). `event` and `id` are our own words."""
    lines = [
        f"retry: {retry_ms}\n".encode() if retry_ms else b"",
        f"id: {id}\n".encode() if id else b"",
        f"event: {event}\n".encode() if event else b"",
        b"data: " + data + b"\n\n",
    ]
    return b"".join(lines)


def come_back(retry_ms: int) -> bytes:
    """Return the end of a stream whose client should come back, after a delay of its own."""
    return sse(b"reconnect", event="close", retry_ms=retry_ms)


def closing_code(end: Ended) -> int:
    """Return the close code that says the same as the message."""
    if end.is_expiry:
        return codes.EXPIRED
    blocked = end.reason in ("blocked", "inactive", "deleted")
    return codes.BLOCKED if blocked else codes.FORCE_LOGOUT


PING_SSE = b": ping\nevent: beat\ndata: {}\n\n"
"""A comment that nobody hears, and an event that page scripts can hear: a line on which none comes
is dead. The comment has no blank line of its own, which some clients take for an empty message."""

PING_FRAMES = frame(PING, b"") + frame(TEXT, b'{"event":"ping"}')
"""Two pings: the protocol's, which every client answers by itself, and one that page scripts can
see."""

PONG_FRAME = frame(TEXT, b'{"event":"pong"}')
