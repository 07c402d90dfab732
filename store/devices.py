"""Devices: where a member is or was logged in, and ending what is open there.

A device's card lives in the member's `sessions` hash and is written by the scripts that open and
end sessions, so that the list is never a step behind them.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from store.errors import CurrentDevice, NotFound, PrimaryDevice
from store.keys import Keys
from store.queue import Queue
from store.scripts import Script
from store.sessions import Ended, Kick, Session, Sessions, new_id

RECEIPT_WAIT_SECONDS = 0.3
"""How long an answer waits for the tabs to say that they have heard: a round trip to a phone."""

RECEIPT_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one device. Times are unix milliseconds."""

    id: str
    type: str
    name: str
    ip: str
    created_at: int
    seen_at: int
    is_active: bool
    is_primary: bool


class Devices:
    """The devices of members."""

    def __init__(self, redis: Redis, keys: Keys, queue: Queue, sessions: Sessions) -> None:
        self._keys = keys
        self._queue = queue
        self._sessions = sessions
        self._list = Script(redis, "device_list")
        self._end = Script(redis, "device_end")

    async def of(self, member: str) -> list[Card]:
        """Return a member's devices, the one that was active last first."""
        rows = await self._list([self._keys.sessions(member)], [])
        cards = [Card(**json.loads(row)) for row in rows]
        return sorted(cards, key=lambda card: card.seen_at, reverse=True)

    async def end(self, session: Session, device: str) -> Kick:
        """End what is logged in on a device of the same member, or forget one that rests.

        Takes the session that asks. Raises NotFound (also for somebody else's), CurrentDevice,
        PrimaryDevice.
        """
        kick_id = new_id()
        reply = await self._end(
            self._sessions.keys_of(session.member), [device, session.sid, kick_id]
        )
        if reply[0] == "current":
            raise CurrentDevice()
        if reply[0] == "primary":
            raise PrimaryDevice()
        if reply[0] == "unknown":
            raise NotFound()
        self._queue.wake_persist()
        return Kick(kick_id, [Ended.from_record(json.loads(tomb)) for tomb in reply[1:]])

    async def end_all_web(self, session: Session) -> Kick:
        """End every web session of a member; phones stay."""
        return await self._sessions.end(
            session.member, "web", reason="all_web_ended", by=session.device_name
        )

    async def receipt(self, kick: Kick) -> dict[str, Any]:
        """Return a kick's receipt as soon as every tab has answered, or after a short wait."""
        until = time.monotonic() + RECEIPT_WAIT_SECONDS
        while True:
            receipt = await self._sessions.receipt(kick)
            heard = 0 < receipt["targeted"] == receipt["acked"] and not receipt["offline"]
            if not kick.ended or heard or time.monotonic() >= until:
                return receipt
            await asyncio.sleep(RECEIPT_LOOK_SECONDS)
