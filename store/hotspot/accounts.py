"""Hotspot accounts: who may use how much, with which devices; changed here only.

An account is one Redis hash beside the member's row. Whether the member is blocked or switched off
is the row's own status; what the account decides besides is its package. The router is never asked
here: what it was last seen to agree with is `settled`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from store.changes import Changes, Part, but, only
from store.clock import now_ms
from store.errors import Conflict, InvalidRequest, NotFound, Unavailable
from store.hotspot.account import (
    MEMBER_FIELDS,
    Account,
    fields_of,
    read_account,
)
from store.hotspot.deciding import DAY_MS
from store.hotspot.newcomers import TRIES, Merged, Newcomers
from store.hotspot.package import Package
from store.hotspot.packages import Packages
from store.hotspot.stack import STACK_FIELDS, Stack
from store.phones import EXAMPLE, normal_phone
from store.queue import Queue
from store.scripts import Script
from store.sessions import new_id
from store.settings import Settings

SLOTS = 3
"""Devices of one member: a phone, a laptop and one more. The fourth asks which one it replaces."""

BATCH = 250
"""Accounts per round trip: some two milliseconds of Redis's time."""

PREVIEW = "preview"
"""The id of a purchase that is only looked at."""

RESTACKS = 20
"""How often a stack is changed anew because another change came first: two runs count for one
member at most, and a buyer buys one thing at a time."""

ASK_SECONDS = 60
"""How long a question may keep its worker: a preview of a large site is the longest."""

ANSWER_SECONDS = 300
"""How long a job's answer waits for the page that asked."""

log = logging.getLogger("jaga.hotspot")


class Hotspot(Part):
    """Every way an account may change."""

    def __init__(
        self, changes: Changes, settings: Settings, queue: Queue, packages: Packages
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._changes = changes
        self._queue = queue
        self._packages = packages
        self._change = changes.script("hotspot_change")
        self._stack = changes.script("hotspot_stack", {"gone": NotFound}, wrote=only("written"))
        self._read = Script(changes.redis, "hotspot_read")
        self._enrol = changes.script("hotspot_enrol", wrote=only("enrolled"))
        self._bind = changes.script("hotspot_bind", wrote=but("full", "taken", "moved"))
        self._unbind = changes.script("hotspot_unbind", {"": NotFound})
        self.newcomers = Newcomers(changes)
        self.routers = tuple(router.name for router in settings.routers)
        """The routers' names."""

    @property
    def has_router(self) -> bool:
        """Whether a router is set at all."""
        return bool(self.routers)

    # Who

    async def enrol(self, member: str, phone: str) -> tuple[bool, Merged | None]:
        """Let a member log in by this phone; returns whether they may, and which newcomer, whom
        nobody had approved, was merged into them for it. They may not when it is no mobile number
        or somebody else's."""
        number = normal_phone(phone)
        if number is None:
            return False, None
        keys = [*self._account_keys(member), self._keys.hotspot_phones(), self._keys.clocks()]
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
        """Do what follows once a script has decided whose a phone is: it is told, or said in the
        log that it is somebody else's."""
        if verdict == "taken":
            log.warning("phone of member %s is somebody else's", member)
        if in_hurry and verdict in ("created", "enrolled") and normal_phone(phone):
            await self.wish(member)

    async def member_of(self, phone: str) -> str | None:
        """Return the id of the member with this phone (`628…`), None for nobody."""
        found = await self._redis.hget(self._keys.hotspot_phones(), phone)
        return str(found) if found else None

    async def account(self, member: str) -> Account:
        """Return a member's account. Raises NotFound."""
        found = await self.accounts([member])
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

    async def accounts(self, members: Sequence[str], look_of: str = "") -> list[Account]:
        """Return these members' accounts, those that are gone left out; with the counters last
        seen on the router `look_of`."""
        found = []
        names = fields_of(self.routers, look_of)
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
                    routers=self.routers,
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
        await self.account(member)
        await self._write(member, {"approved": "1" if approved else "0"})

    # Quota

    async def give(self, member: str, package_id: str, *, once: str = "") -> Package:
        """Lay a package on top of a member's others, whose terms stay as they are.

        `once` is what a purchase is known by: given again, it adds nothing. Raises NotFound,
        StackFull.
        """
        package = await self._packages.get(package_id)
        purchase = once or new_id()
        await self._restack(
            member,
            lambda stack: stack.give(package, purchase, now_ms()),
            once=once,
            given=purchase,
        )
        return package

    async def preview(self, member: str, package_id: str) -> Account:
        """Return the account as it would be with a package more, whose id is PREVIEW; nothing is
        changed by it.

        Raises NotFound, StackFull.
        """
        package = await self._packages.get(package_id)
        account = await self.account(member)
        return replace(account, stack=account.stack.give(package, PREVIEW, now_ms()))

    async def take_back(self, member: str, purchase: str) -> bool:
        """Take one purchase out of a member's packages, whatever is left of it; returns whether
        it was there. Raises NotFound."""
        account = await self.account(member)
        if all(one.id != purchase for one in account.stack.purchases):
            return False
        await self._restack(member, lambda stack: stack.without(purchase), taken=purchase)
        return True

    async def correct(self, member: str, **terms: Any) -> None:
        """Set terms of the package in use outright (`store.hotspot.stack.Purchase`); an account
        without one is given one of these terms. Raises NotFound."""
        await self._restack(member, lambda stack: stack.changed(now_ms(), **terms))

    async def _restack(
        self,
        member: str,
        change: Callable[[Stack], Stack],
        *,
        once: str = "",
        given: str = "",
        taken: str = "",
    ) -> None:
        """Change a member's stack; anew when somebody else changed it meanwhile.

        Raises NotFound, Unavailable.
        """
        keys = [*self._account_keys(member), self._keys.member(member)]
        for _ in range(RESTACKS):
            fields = await self._redis.hmget(self._keys.hotspot(member), STACK_FIELDS)
            kept = dict(zip(STACK_FIELDS, fields, strict=True))
            after = change(Stack.read(kept))
            given_row = next((asdict(one) for one in after.purchases if one.id == given), {})
            verdict = await self._stack(
                keys,
                [
                    member,
                    now_ms(),
                    str(kept["stack"] or ""),
                    after.text(),
                    once,
                    json.dumps(given_row) if given else "",
                    taken,
                ],
            )
            if verdict == "written":
                await self.wish(member)
            if verdict != "changed":
                return
        raise Unavailable()

    async def days(self, member: str, most: int = 14) -> list[tuple[str, int]]:
        """Return the bytes of each of the last days, today's last; a day without any is 0."""
        kept = await self._redis.hgetall(self._keys.hotspot_days(member))
        today = date.fromisoformat(self._today())
        names = [str(today - timedelta(days=back)) for back in reversed(range(most))]
        return [(name, int(kept.get(name, 0))) for name in names]

    def _today(self) -> str:
        return today(self._settings.timezone)

    # Devices

    async def bind(
        self,
        member: str,
        mac: str,
        ip: str,
        *,
        name: str = "",
        browser: str = "",
        replace: str = "",
        told: bool = False,
        may_move: bool = False,
    ) -> tuple[str, str]:
        """Take a device into the member's slots; returns the verdict and the slot's id. In the
        same step it waits no more, and every router has yet to agree with the devices there are.

        `told` says that only the browser named it, which proves nothing. With `may_move` such a
        device leaves another member who was only told of it as well; what a router or a trusted
        address showed to be somebody's is never moved.

        Verdicts: `known`, `turned` (the same browser with another random MAC), `added`,
        `replaced`, `full` (a choice has to be made), `taken` (another member's device). Raises
        Conflict when it changes hands again and again.
        """
        keys = self._keys
        for _ in range(TRIES):
            owner = await self.owner_of(mac)
            other = owner if owner and owner != member else ""
            more = [keys.hotspot_slots(other), keys.hotspot(other)] if other else []
            verdict, slot, _former = await self._bind(
                [
                    keys.hotspot_slots(member),
                    keys.hotspot_macs(),
                    keys.events(),
                    keys.hotspot(member),
                    keys.hotspot_waiting(),
                    *more,
                ],
                [
                    member,
                    now_ms(),
                    new_id()[:8],
                    mac,
                    ip,
                    name,
                    browser,
                    int(is_random(mac)),
                    SLOTS,
                    replace,
                    int(told),
                    int(may_move),
                    other,
                ],
            )
            if verdict != "moved":
                break
        else:
            raise Conflict()
        if other and verdict not in ("full", "taken"):
            await self.wish(other)
        return str(verdict), str(slot)

    async def owner_of(self, mac: str) -> str | None:
        """Return the id of the member whose device has this MAC, None for nobody's."""
        place = await self._redis.hget(self._keys.hotspot_macs(), mac)
        return str(place).partition(":")[0] if place else None

    async def unbind(self, member: str, slot: str) -> None:
        """Take a device out of the member's slots. Raises NotFound."""
        await self._unbind(
            [
                self._keys.hotspot_slots(member),
                self._keys.hotspot_macs(),
                self._keys.events(),
                self._keys.hotspot(member),
            ],
            [member, now_ms(), slot],
        )
        await self.wish(member)

    # The routers

    async def wish(self, member: str) -> None:
        """Have the routers agree with this member soon. A wish that is lost is made up for by the
        next run over everybody."""
        if not self.has_router:
            return
        try:
            await self._queue.enqueue(
                "jobs.hotspot.sync_member",
                member,
                queue="urgent",
                unique=f"hotspot-{member}",
                seconds=60,
            )
        except Unavailable:
            log.warning("queue away: the router hears of %s at the next run", member)

    async def wish_all(self) -> None:
        """Have a run made over everybody at every router. Raises Unavailable."""
        await self._queue.enqueue("jobs.hotspot.run", queue="hotspot", unique="sync")

    def password(self, member: str) -> str:
        """Return the password of a member's hotspot user: known to the router and to us alone."""
        key = self._settings.secret_key.encode()
        return hmac.new(key, f"hotspot|{member}".encode(), hashlib.sha256).hexdigest()[:24]

    # Devices that wait for a router that is away

    async def keep_waiting(self, member: str, wish: Mapping[str, Any]) -> None:
        """Keep a device that could not be confirmed yet; the newest wish of a member counts."""
        kept = json.dumps({**wish, "asked_at": now_ms()})
        await self._redis.hset(self._keys.hotspot_waiting(), member, kept)

    async def waiting(self, member: str = "") -> list[dict[str, Any]]:
        """Return the devices that wait, of everybody or of one member; those of yesterday are
        dropped, their owner asks again."""
        name = self._keys.hotspot_waiting()
        kept = [await self._redis.hget(name, member)] if member else await self._redis.hvals(name)
        wishes = [json.loads(text) for text in kept if text]
        for wish in wishes:
            if wish["asked_at"] < now_ms() - DAY_MS:
                await self.served(wish["member"])
        return [wish for wish in wishes if wish["asked_at"] >= now_ms() - DAY_MS]

    async def served(self, member: str) -> None:
        """Forget a wish: it was granted, or cannot be."""
        await self._redis.hdel(self._keys.hotspot_waiting(), member)

    # Questions that a job answers, for web processes never talk to a router

    async def ask(self, function: str, *args: Any, queue: str = "visitors") -> str:
        """Have a job find something out; returns where its answer will be. Raises Unavailable, also
        when too many questions wait already."""
        question = new_id()
        await self._queue.enqueue(
            f"jobs.hotspot.{function}", question, *args, queue=queue, seconds=ASK_SECONDS
        )
        return question

    async def answer(self, question: str, answer: Mapping[str, Any]) -> None:
        """Give an answer."""
        key = self._keys.hotspot_answer(question)
        await self._redis.set(key, json.dumps(answer), ex=ANSWER_SECONDS)

    async def answer_to(self, question: str) -> dict[str, Any] | None:
        """Return the answer, None while there is none."""
        text = await self._redis.get(self._keys.hotspot_answer(question))
        return dict(json.loads(text)) if text else None

    # Leaving

    async def begin_leaving(self, member: str) -> bool:
        """Note that a member is to be deleted once the router has no trace of them; returns False
        for a member the router knows nothing of."""
        keys = self._keys
        if not await self._redis.sismember(keys.hotspot_accounts(), member):
            return False
        await self._redis.hset(keys.hotspot_leaving(), member, str(now_ms()))
        await self.wish(member)
        return self.has_router

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

    async def _write(self, member: str, fields: Mapping[str, str]) -> None:
        flat = [word for pair in fields.items() for word in pair]
        await self._change(self._account_keys(member), [member, now_ms(), *flat])
        await self.wish(member)

    def _read_keys(self, member: str) -> list[str]:
        keys = self._keys
        return [keys.member(member), keys.hotspot(member), keys.hotspot_slots(member)]

    def _account_keys(self, member: str) -> list[str]:
        keys = self._keys
        return [keys.hotspot(member), keys.hotspot_accounts(), keys.events()]


def today(timezone: str) -> str:
    """Return the day it is there, `YYYY-MM-DD`."""
    return str(datetime.now(ZoneInfo(timezone)).date())


def is_random(mac: str) -> bool:
    """Whether a MAC is locally administered: made up by the device, and soon another."""
    return bool(int(mac[:2], 16) & 2)


def require_phone(value: object) -> str:
    """Return a phone as `628…`. Raises InvalidRequest."""
    number = normal_phone(value) if isinstance(value, str) else None
    if number is None:
        raise InvalidRequest("phone_number", EXAMPLE)
    return number
