"""Devices: where a member is or was logged in, ending what is open there, and having a say when
another one comes.

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

from store.changes import Changes, Part
from store.database import Connection, Row, statement
from store.errors import CurrentDevice, LoginRefused, NotFound, PrimaryDevice, Unauthenticated
from store.keys import Keys
from store.scripts import Script
from store.sessions import Credential, Device, Ended, Logout, Session, Sessions, new_id

RECEIPT_WAIT_SECONDS = 0.3
"""How long an answer waits for the tabs to say that they have heard: a round trip to a phone."""

RECEIPT_LOOK_SECONDS = 0.02

RESTORED_AT_ONCE = 250
"""Members per round trip when Redis is rebuilt."""

RESTORED_EACH = 20
"""Devices of one member that come back: the last ones that were used."""

ATTEMPT_SECONDS = 20
"""How long the live device is asked about a login elsewhere. Nobody waits for its answer."""

REFUSAL_SECONDS = 120
"""How long its no holds: long enough to change the password, too short to lock an owner out."""

FREEZE_SECONDS = 600
"""How long a device that was put out may say that it was not its owner."""


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


class Devices(Part):
    """The devices of members."""

    def __init__(self, changes: Changes, sessions: Sessions) -> None:
        super().__init__(changes)
        self._sessions = sessions
        self._list = Script(changes.redis, "device_list")
        self._end = changes.script(
            "device_end",
            {"current": CurrentDevice, "primary": PrimaryDevice, "unknown": NotFound},
            lasting=True,
        )
        self._attempt = changes.script("device_attempt")
        self._answer = changes.script("device_answer", {0: NotFound})
        self._freeze = changes.script("device_freeze", {"unknown": NotFound}, lasting=True)

    async def of(self, member: str) -> list[Card]:
        """Return a member's devices, the one that was active last first."""
        rows = await self._list([self._keys.sessions(member)], [])
        cards = [Card(**json.loads(row)) for row in rows]
        return sorted(cards, key=lambda card: card.seen_at, reverse=True)

    async def end(self, session: Session, device: str) -> Logout:
        """End what is logged in on a device of the same member, or forget one that rests.

        Takes the session that asks. Raises NotFound (also for somebody else's), CurrentDevice,
        PrimaryDevice.
        """
        kick_id = new_id()
        reply = await self._end(
            self._sessions.keys_of(session.member), [device, session.sid, kick_id]
        )
        return Logout(kick_id, [Ended.from_record(json.loads(tomb)) for tomb in reply[1:]])

    async def end_all_web(self, session: Session) -> Logout:
        """End every web session of a member; phones stay."""
        return await self._sessions.end(
            session.member, "web", reason="all_web_ended", by=session.device_name
        )

    async def receipt(self, logout: Logout) -> dict[str, Any]:
        """Return a logout's receipt as soon as every tab has answered, or after a short wait."""
        until = time.monotonic() + RECEIPT_WAIT_SECONDS
        while True:
            receipt = await self._sessions.receipt(logout)
            heard = 0 < receipt["targeted"] == receipt["acked"] and not receipt["offline"]
            if not logout.ended or heard or time.monotonic() >= until:
                return receipt
            await asyncio.sleep(RECEIPT_LOOK_SECONDS)

    # A login elsewhere

    async def announce_attempt(self, member: str, device: Device) -> None:
        """Tell the live web session that another device has the password and wants its place."""
        attempt = {
            "id": new_id(),
            "device": device.id,
            "trace": device.trace,
            "device_name": device.name,
            "ip": device.ip,
        }
        await self._attempt(
            [self._keys.sessions(member), self._keys.events()],
            [json.dumps(attempt), ATTEMPT_SECONDS * 1000],
        )

    async def answer_attempt(self, session: Session, attempt: str, *, allowed: bool) -> None:
        """Say yes or no to a login elsewhere. Takes the session that answers.

        A yes only closes the question. A no refuses that device for REFUSAL_SECONDS, if it comes
        before the other has taken the place. Raises NotFound when there is no such question.
        """
        await self._answer(
            [self._keys.sessions(session.member), self._keys.events()],
            [session.sid, attempt, int(allowed), REFUSAL_SECONDS * 1000],
        )

    async def require_welcome(self, member: str, device: Device) -> None:
        """Raise LoginRefused while the live device's no to this one holds."""
        names = [f"refused:{device.id}"] + ([] if device.known else [f"refused:{device.trace}"])
        until = await self._redis.hmget(self._keys.sessions(member), names)
        if any(moment and time.time() * 1000 < int(moment) for moment in until):
            raise LoginRefused()

    # "Not me"

    async def may_freeze(self, cookie: str) -> bool:
        """Whether this cookie's session was put out by a login elsewhere within ten minutes."""
        try:
            await self._frozen(cookie, only_ask=True)
        except (NotFound, Unauthenticated):
            return False
        return True

    async def freeze(self, cookie: str) -> Logout:
        """End the session that put this one out: whoever comes next needs the password.

        Takes the cookie of a session that was replaced; it works once. Raises NotFound,
        Unauthenticated.
        """
        return await self._frozen(cookie, only_ask=False)

    async def _frozen(self, cookie: str, *, only_ask: bool) -> Logout:
        credential = Credential.parse(cookie)
        kick_id = new_id()
        reply = await self._freeze(
            self._sessions.keys_of(credential.member),
            [
                credential.sid,
                credential.mark,
                FREEZE_SECONDS * 1000,
                kick_id,
                int(only_ask),
            ],
        )
        return Logout(kick_id, [Ended.from_record(json.loads(tomb)) for tomb in reply[1:]])


async def restore_devices(redis: Redis, keys: Keys, connection: Connection) -> None:
    """Put back the cards that Redis lacks, as devices where nobody is logged in."""
    after = ""
    while True:
        params = {"after": after, "count": RESTORED_AT_ONCE, "each": RESTORED_EACH}
        async with connection.transaction():
            found = await connection.execute(statement("devices", "read_page"), params)
            rows = await found.fetchall()
        if not rows:
            return
        async with redis.pipeline(transaction=False) as pipe:
            for row in rows:
                if row["id"] is not None:
                    name = keys.sessions(row["member"])
                    pipe.hsetnx(name, f"card:{row['id']}", json.dumps(_card(row)))
            await pipe.execute()
        after = str(rows[-1]["member"])


def _card(row: Row) -> dict[str, Any]:
    """A card as the scripts write it (`write_card` in session_rules.lua)."""
    return {
        "id": row["id"],
        "type": row["device_type"],
        "name": row["device_name"],
        "ip": row["last_ip"],
        "created_at": row["created_at"],
        "seen_at": row["seen_at"],
    }
