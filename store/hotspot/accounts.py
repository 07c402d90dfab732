"""Hotspot accounts: who may log in by which phone, and what is known of them.

An account is one Redis hash beside the member's row. Whether the member is blocked or switched off
is the row's own status; what the account decides besides is its package (`quota`). The router is
never asked here: what it was last seen to agree with is `settled`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from store.changes import Changes, Part, only
from store.clock import now_ms
from store.errors import Conflict, InvalidRequest, NotFound, Unavailable
from store.hotspot.account import (
    MEMBER_FIELDS,
    Account,
    decision_field,
    fields_of,
    read_account,
)
from store.hotspot.newcomers import TRIES, Merged, Newcomers
from store.hotspot.routers import RouterRequests
from store.keys import Keys
from store.phones import EXAMPLE, normal_phone
from store.scripts import Script

BATCH = 250
"""Accounts per round trip: some two milliseconds of Redis's time."""

log = logging.getLogger("jaga.hotspot")


class Accounts(Part):
    """Every way an account may come, go and be approved; its quota and devices apart."""

    def __init__(self, changes: Changes, newcomers: Newcomers, routers: RouterRequests) -> None:
        super().__init__(changes)
        self._changes = changes
        self.newcomers = newcomers
        self.routers = routers
        self._change = changes.script("hotspot_change")
        self._read = Script(changes.redis, "hotspot_read")
        self._enrol = changes.script("hotspot_enrol", wrote=only("enrolled"))

    async def enrol(self, member: str, phone: str) -> tuple[bool, Merged | None]:
        """Let a member log in by this phone. Returns whether they may, and the unapproved newcomer
        that was merged into them, if any. They may not when the phone is no mobile number or
        another member's."""
        number = normal_phone(phone)
        if number is None:
            return False, None
        keys = [*account_keys(self._keys, member), self._keys.hotspot_phones(), self._keys.clocks()]
        for _ in range(TRIES):
            holder = await self.newcomers.holder(number)
            verdict, merged = await self._enrol(
                [*keys, *holder.newcomer_keys], [member, number, *holder.words()]
            )
            if verdict != "moved":
                break
        else:
            raise Conflict()
        await self.heard(member, verdict, phone)
        return verdict != "taken", Merged.parse(merged)

    async def heard(self, member: str, verdict: str, phone: str, *, in_hurry: bool = True) -> None:
        """Follow up a script's verdict on a phone: ask the routers to agree with the member, or log
        that the phone is another member's. Unless `in_hurry`, routers hear of it with their next
        pass."""
        if verdict == "taken":
            log.warning("phone of member %s is somebody else's", member)
        if in_hurry and verdict in ("created", "enrolled") and normal_phone(phone):
            await self.routers.sync(member)

    async def member_of(self, phone: str) -> str | None:
        """Return the id of the member with this phone (`628…`), None for nobody."""
        found = await self._redis.hget(self._keys.hotspot_phones(), phone)
        return str(found) if found else None

    async def get(self, member: str) -> Account:
        """Return a member's account. Raises NotFound."""
        found = await self.of([member])
        if not found:
            raise NotFound()
        return found[0]

    async def members(self) -> list[str]:
        """Return the ids of all who have an account.

        Raises Unavailable after Redis was emptied: "nobody" would be a lie that costs everybody
        their access.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.smembers(self._keys.hotspot_accounts())
            pipe.exists(self._keys.built())
            members, built = await pipe.execute()
        if not built:
            raise Unavailable()
        return sorted(str(member) for member in members)

    async def of(self, members: Sequence[str], look_of: str = "") -> list[Account]:
        """Return these members' accounts, those that are gone left out; with the counters last
        seen on the router `look_of`."""
        found = []
        names = fields_of(self.routers.names, look_of)
        fields: list[str | int] = [len(MEMBER_FIELDS), *MEMBER_FIELDS, len(names), *names]
        for at in range(0, len(members), BATCH):
            part = members[at : at + BATCH]
            keys = [name for member in part for name in self._read_keys(member)]
            both = [self._keys.hotspot_waiting(), self._keys.hotspot_leaving()]
            replies = await self._read([*both, *keys], [*fields, *part])
            found += [
                read_account(
                    member,
                    row,
                    {name: value or "" for name, value in zip(names, values, strict=True)},
                    dict(zip(flat[::2], flat[1::2], strict=True)),
                    routers=self.routers.names,
                    look_of=look_of,
                    is_waiting=bool(waits),
                    is_leaving=bool(leaves),
                )
                for member, (row, values, flat, waits, leaves) in zip(part, replies, strict=True)
                if row[0] is not None
            ]
        return found

    async def approve(self, member: str, approved: bool) -> None:
        """Approve a registration, or take the approval back. Raises NotFound."""
        await self.get(member)
        keys = account_keys(self._keys, member)
        await self._change(keys, [member, now_ms(), "approved", "1" if approved else "0"])
        await self.routers.sync(member)

    async def decide_on(self, member: str, router: str, mark: str, choice: str) -> None:
        """Keep what the owner has decided on a row of somebody else's that is in a member's way:
        "take" it over, or "leave" it. Raises NotFound when no such row is in the way there."""
        account = await self.get(member)
        seen = [one for one in account.in_the_way() if one["router"] == router]
        if not mark or [one["mark"] for one in seen] != [mark]:
            raise NotFound("Baris itu sudah berubah atau tidak ada lagi. Muat ulang.")
        decided = json.dumps({"mark": mark, "choice": choice})
        keys = account_keys(self._keys, member)
        await self._change(keys, [member, now_ms(), decision_field(router), decided])
        await self.routers.sync(member)

    # Leaving

    async def begin_leaving(self, member: str) -> bool:
        """Note that a member is to be deleted once the router has no trace of them; returns False
        for a member the router knows nothing of."""
        keys = self._keys
        if not await self._redis.sismember(keys.hotspot_accounts(), member):
            return False
        await self._redis.hset(keys.hotspot_leaving(), member, str(now_ms()))
        await self.routers.sync(member)
        return self.routers.has_any

    async def leaving(self) -> set[str]:
        """Return those who are to be deleted."""
        return {str(member) for member in await self._redis.hkeys(self._keys.hotspot_leaving())}

    async def forget(self, member: str) -> None:
        """Drop an account whose traces are gone from the router."""
        keys = self._keys
        phone = await self._redis.hget(keys.hotspot(member), "phone")
        slots = await self._redis.hgetall(keys.hotspot_slots(member))
        macs = [json.loads(text)["mac"] for text in slots.values()]
        async with self._changes.in_redis() as pipe:
            if phone:
                pipe.hdel(keys.hotspot_phones(), phone)
            if macs:
                pipe.hdel(keys.hotspot_macs(), *macs)
            pipe.delete(keys.hotspot(member), keys.hotspot_slots(member), keys.hotspot_days(member))
            pipe.srem(keys.hotspot_accounts(), member)
            pipe.hdel(keys.hotspot_leaving(), member)
            event = {"type": "hotspot.deleted", "data": json.dumps({"member": member})}
            pipe.xadd(keys.events(), event)  # type: ignore[arg-type]

    def _read_keys(self, member: str) -> list[str]:
        keys = self._keys
        return [keys.member(member), keys.hotspot(member), keys.hotspot_slots(member)]


def account_keys(keys: Keys, member: str) -> list[str]:
    """Return the KEYS that every script on an account begins with."""
    return [keys.hotspot(member), keys.hotspot_accounts(), keys.events()]


def require_phone(value: object) -> str:
    """Return a phone as `628…`. Raises InvalidRequest."""
    number = normal_phone(value) if isinstance(value, str) else None
    if number is None:
        raise InvalidRequest("phone_number", EXAMPLE)
    return number
