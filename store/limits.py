"""Limits: how often something may be tried, counted in Redis so that every process counts alike.

A limit has a name, and counts each subject of its own: a phone, an account, where a request comes
from. There are two ways to count. A *turn* is simply taken. A *try* is counted before anything is
looked up and given back when it was right, so that four hundred at once are no more than four
hundred in a row.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from store.changes import Changes, Part
from store.clock import now_ms
from store.errors import RateLimited
from store.scripts import Script

FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 900
"""A locked subject waits one minute, then twice as long each time, up to a quarter of an hour:
long enough to make guessing hopeless, short enough for a person who forgot a password."""

UNDER_WAY_SECONDS = 30
"""Longer than any request takes: a try that nobody has ended by then was begun by a process that
is dead, and counts no more."""

LOOK_AGAIN_SECONDS = 0.05
"""How long, on average, a try that waits for others to end waits before it asks again."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` in `seconds`, of each subject under this name."""

    name: str
    most: int
    seconds: int

    def of(self, *who: str) -> Bound:
        """Return the limit of one subject, of none where it counts everybody together."""
        return Bound(":".join((self.name, *who)), self.most, self.seconds)


@dataclass(frozen=True, slots=True)
class AddressLimit(Limit):
    """A limit that counts where requests come from. `of` takes the client's address first.

    Every limit by address is one of these: whole networks are counted here and nowhere else.
    """

    def of(self, *who: str) -> Bound:
        address, *more = who
        return Limit.of(self, source_of(address), *more)


@dataclass(frozen=True, slots=True)
class Bound:
    """One subject's limit."""

    subject: str
    most: int
    seconds: int


def source_of(address: str) -> str:
    """Return what stands for where a request comes from, of a client's address.

    A household or a server has a whole /64 of IPv6 addresses, so that the network is counted.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


@dataclass(slots=True)
class Attempt:
    """What becomes of a try: whatever is not called wrong is given back."""

    wrong: set[Bound] = field(default_factory=set)
    right: set[Bound] = field(default_factory=set)

    def fail(self, *bounds: Bound) -> None:
        """It was wrong, and counts there."""
        self.wrong.update(bounds)

    def forgive(self, *bounds: Bound) -> None:
        """It was right: earlier failures there are forgotten."""
        self.right.update(bounds)


class TurnsHere:
    """Limits counted by this process alone, for requests that must be taken while Redis is away.
    All of them share one window; memory is bounded by the number of turns it lets through."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._ends = 0.0
        self._taken: dict[str, int] = {}

    def take(self, *bounds: Bound, amount: int = 1) -> None:
        """Take a turn of each, or an amount; of all of them or of none. Raises RateLimited."""
        now = time.monotonic()
        if now >= self._ends:
            self._taken, self._ends = {}, now + self._seconds
        if any(self._taken.get(bound.subject, 0) + amount > bound.most for bound in bounds):
            raise RateLimited(self._ends - now)
        for bound in bounds:
            self._taken[bound.subject] = self._taken.get(bound.subject, 0) + amount


class Limits(Part):
    """Counters of turns and of tries."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._take = Script(changes.redis, "limit_take")
        self._give_back = Script(changes.redis, "limit_give_back")
        self._begin = Script(changes.redis, "limit_begin")
        self._settle = Script(changes.redis, "limit_settle")

    # Turns

    async def take(self, *bounds: Bound, amount: int = 1) -> None:
        """Take a turn of each, or an amount of what they count. Raises RateLimited when one's
        window has not so much left."""
        for bound in bounds:
            wait_ms = await self._take(
                [self._keys.turns(bound.subject)], [bound.most, bound.seconds, amount]
            )
            if wait_ms:
                raise RateLimited(int(wait_ms) / 1000)

    async def give_back(self, *bounds: Bound) -> None:
        """Give a turn of each back: what it was taken for did not happen."""
        for bound in bounds:
            await self._give_back([self._keys.turns(bound.subject)], [])

    # Tries

    async def require_open(self, *bounds: Bound) -> None:
        """Raise RateLimited while one of them has to wait. Counts nothing."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for bound in bounds:
                pipe.pttl(self._keys.locked(bound.subject))
            waits = await pipe.execute()
        if max(waits) > 0:
            raise RateLimited(max(waits) / 1000)

    @asynccontextmanager
    async def attempt(self, *bounds: Bound, patience: float = 0.0) -> AsyncIterator[Attempt]:
        """Count a try before what it asks is looked at; inside, say what became of it.

        When as many are under way as may still be wrong, wait up to `patience` seconds for them.
        Raises RateLimited.
        """
        begun: list[Bound] = []
        attempt, name = Attempt(), secrets.token_hex(8)
        deadline = time.monotonic() + patience
        try:
            for bound in bounds:
                await self._admit(bound, name, deadline)
                begun.append(bound)
            yield attempt
        finally:
            for bound in begun:
                await self._end(bound, name, attempt)

    async def _admit(self, bound: Bound, name: str, deadline: float) -> None:
        while wait_ms := await self._begun(bound, name):
            if wait_ms > 0 or time.monotonic() >= deadline:
                raise RateLimited(max(0, wait_ms) / 1000)
            # apart from each other, for all of a class would ask in the same moment
            await asyncio.sleep(LOOK_AGAIN_SECONDS * random.uniform(0.2, 1.8))  # noqa: S311

    async def _begun(self, bound: Bound, name: str) -> int:
        answer = await self._begin(
            [self._keys.tries(bound.subject), self._keys.locked(bound.subject)],
            [bound.most, bound.seconds, name, now_ms(), UNDER_WAY_SECONDS * 1000],
        )
        return int(answer)

    async def _end(self, bound: Bound, name: str, attempt: Attempt) -> None:
        keys = self._keys
        outcome = "right" if bound in attempt.right else "nothing"
        await self._settle(
            [keys.tries(bound.subject), keys.locked(bound.subject), keys.strikes(bound.subject)],
            [
                "wrong" if bound in attempt.wrong else outcome,
                bound.most,
                bound.seconds,
                FIRST_WAIT_SECONDS,
                LONGEST_WAIT_SECONDS,
                name,
            ],
        )
