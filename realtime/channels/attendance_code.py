"""The rotating code that a board shows. A phone that sends it has seen the board."""

from __future__ import annotations

import asyncio

import segno

from realtime.transport.messages import Message
from store.attendance.meetings import Meeting
from store.attendance.proofs import STEP_MS
from store.opening import Store


class RotatingCode:
    """Draws the code of a meeting for one moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def message(self, meeting: Meeting, now: int) -> Message:
        """Return the event that brings the code on show at `now` (ms), with its picture.

        The code is empty once the meeting is over.
        """
        if meeting.state(now) in ("ended", "inactive"):
            return Message("code", {"code": "", "url": "", "image": "", "valid_seconds": 0})
        code = self._store.attendance.submissions.proofs.code(meeting.id, now)
        url = f"{self._store.settings.public_url}/attendance/{meeting.id}#k={code}"
        # pure Python, some milliseconds of it: too long for the loop
        image = await asyncio.to_thread(_drawn, url)
        left = seconds_left(now)
        return Message("code", {"code": code, "url": url, "image": image, "valid_seconds": left})


def seconds_left(now: int) -> float:
    """Return how long the code on show at `now` (ms) stays."""
    return (STEP_MS - now % STEP_MS) / 1000


def _drawn(url: str) -> str:
    return str(segno.make(url, error="m", micro=False).svg_data_uri(border=2, light="#fff"))
