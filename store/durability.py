"""Acknowledged means kept: what must never come back is answered when DURABILITY is met.

A change that is declared lasting (`Changes.script`) has appended to the event log. It is kept when
Redis confirms it, on its disk (`appendfsync always` says so by its answer, else WAITAOF) and at a
replica (WAIT), or when Postgres has it, whichever comes first; else the caller hears NotKept.

Waits are grouped. WAIT speaks of what its own connection has written, so a group writes a tick on
a connection of ours, behind all its changes, and one WAIT serves them. That this connection leads
to the server that took a change, and not to one that was promoted meanwhile without it, is proved
by the change's own place in the log.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from store.errors import NotKept
from store.events import BEGINNING, place_of
from store.keys import Keys

NONE, AUTO, DISK, REPLICA, BOTH = "none", "auto", "disk", "replica", "both"

ASKED = {DISK: {DISK}, REPLICA: {REPLICA}, BOTH: {DISK, REPLICA}}
"""What must be confirmed; on `auto` it is what the server can confirm."""

KEPT_SECONDS = 2.0
"""How long an answer waits. A Redis that syncs once a second says so within 1.1 s, Postgres has the
log after a tenth."""

REPLICA_MS = 200
"""How long one WAIT waits; a replica on the same network answers within a millisecond."""

DISK_MS = 1_500
"""How long one WAITAOF waits: the second between two syncs, and a slow disk's time."""

GROUPS = 8
"""WAITs for the disk on their way at once, each on a connection of its own; for a replica it is one
after the other, in which all gather who came meanwhile."""

GATHER_SECONDS = 0.15
"""How long a group for the disk gathers. It waits for the sync that is next after its own write, up
to a second; with so many groups, so far apart, whoever comes meanwhile need not wait for the sync
after that."""

MOST_IN_GROUP = 256
MOST_WAITING = 2_048
"""Answers that wait at once in one process; then the next is refused: where nothing confirms
anything, each waits its two seconds for nothing."""

PAUSE_SECONDS = 0.05
"""Before Redis is asked again for what it did not confirm, and before Postgres is looked at."""

LOOK_SECONDS = 0.025
"""How often it is looked whether Postgres has what waits."""

SURE_SECONDS = 1.0
"""How long it is believed what a server can confirm."""

WAITAOF = ((7, 2), (8, 0))
"""The versions of Redis whose WAITAOF is believed: 7.2, which brought it, and from 8.0 on. That of
7.4 said yes before the sync (redis/redis#13793), and Valkey's does."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a server can confirm."""

    version: str
    """Of Redis; "" for another server, as Valkey."""
    has_aof: bool
    fsync: str
    """`appendfsync`, "" where it does not tell; "always" only without exceptions."""
    replicas: int

    @property
    def name(self) -> str:
        """What it is called to whoever runs it."""
        return f"Redis {self.version}" if self.version else "this server"

    @property
    def is_always_on_disk(self) -> bool:
        return self.has_aof and self.fsync == "always"

    @property
    def confirmed(self) -> set[str]:
        """What may be asked for."""
        first, later = WAITAOF
        version = tuple(int(part) for part in self.version.split(".") if part)[:2]
        has_waitaof = version == first or version >= later
        disk = self.is_always_on_disk or (self.has_aof and has_waitaof)
        return ({DISK} if disk else set()) | ({REPLICA} if self.replicas else set())

    def lacks(self, asked: str) -> list[str]:
        """Return a line for each part of a DURABILITY that this server never confirms."""
        missing = ASKED.get(asked, set()) - self.confirmed
        why = {
            DISK: f"{self.name} with {self.fsync or 'an unknown'} appendfsync cannot say what is "
            "on its disk (appendfsync always, or Redis 8)"
            if self.has_aof
            else "Redis has no append-only file (appendonly yes)",
            REPLICA: "no replica is connected",
        }
        return [
            f"DURABILITY={asked}: {why[part]}; what must last waits for Postgres"
            for part in sorted(missing)
        ]

    def weaknesses(self, asked: str) -> list[str]:
        """Return a line for what `auto` does without, because this server's disk cannot say it."""
        if asked != AUTO or not self.has_aof or DISK in self.confirmed:
            return []
        return [
            f"{self.name} cannot say what is on its disk: its last second goes with the machine's "
            "power (appendfsync always, Redis 8, or DURABILITY=disk)"
        ]


@dataclass(eq=False, slots=True)
class _Waiting:
    place: str
    kept: asyncio.Future[None]


class Durability:
    """Waits for what must last."""

    def __init__(self, asked: str, redis: Redis, line: Redis, keys: Keys) -> None:
        """`line` is for the groups alone: GROUPS connections, whose answers may take as long as a
        WAIT."""
        self.asked = asked
        self.line = line
        self._redis = redis
        self._keys = keys
        self._waiting: set[_Waiting] = set()
        self._unasked: deque[_Waiting] = deque()
        self._means: Means | None = None
        self._seen = 0.0
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups = 0
        self._is_next_held = False
        self._is_looking = False

    @property
    def is_asked(self) -> bool:
        """Whether anything is waited for."""
        return self.asked != NONE

    async def kept(self, place: str) -> None:
        """Wait until everything in the log up to this id is kept; "" is an empty log.

        Raises NotKept when nothing says so in time.
        """
        if not place:
            return
        means = await self._sure()
        if means is not None and not self._outstanding(means):
            return
        if len(self._waiting) >= MOST_WAITING:
            raise NotKept()
        one = _Waiting(place, asyncio.get_running_loop().create_future())
        self._waiting.add(one)
        self._unasked.append(one)
        self._begin()
        try:
            async with asyncio.timeout(KEPT_SECONDS):
                await one.kept
        except TimeoutError:
            raise NotKept() from None
        finally:
            self._waiting.discard(one)

    async def means(self) -> Means:
        """Return what this Redis can confirm. Raises RedisError."""
        async with self.line.pipeline(transaction=False) as pipe:
            for section in ("server", "persistence", "replication"):
                pipe.info(section)
            pipe.config_get("*appendfsync*")
            replies = await pipe.execute(raise_on_error=False)
        return _means(replies)

    async def _sure(self) -> Means | None:
        """What was seen within the last second, or last; None when Redis has never said."""
        if not self._is_sure():
            async with self._reading:
                if not self._is_sure():
                    await self._read_means()
        return self._means

    def _is_sure(self) -> bool:
        return time.monotonic() - self._seen <= SURE_SECONDS

    async def _read_means(self) -> None:
        try:
            self._means = await self.means()
        except (RedisError, OSError):
            if self._means is None:
                return
        self._seen = time.monotonic()

    def _outstanding(self, means: Means) -> set[str]:
        """What has to be asked of the server: its disk does not where its answer says it."""
        wanted = ASKED.get(self.asked, means.confirmed)
        return wanted - {DISK} if means.is_always_on_disk else wanted

    # Redis' word

    def _begin(self) -> None:
        if self._unasked and self._groups < GROUPS and not self._is_next_held:
            self._groups += 1
            self._is_next_held = True
            self._run(self._ask())
        if self._waiting and not self._is_looking:
            self._is_looking = True
            self._run(self._look())

    async def _ask(self) -> None:
        """Ask once for those who have come; whom Redis does not confirm comes again."""
        holds = True
        try:
            means = await self._sure()
            if means is not None and DISK in self._outstanding(means):
                await asyncio.sleep(GATHER_SECONDS)
                holds = self._is_next_held = False
            size = min(MOST_IN_GROUP, len(self._unasked))
            group = [self._unasked.popleft() for _ in range(size)]
            self._begin()
            await self._ask_for(group)
        finally:
            if holds:
                self._is_next_held = False
            self._groups -= 1
        self._begin()

    async def _ask_for(self, group: Sequence[_Waiting]) -> None:
        _tell(group, await self._confirmed({one.place for one in group}))
        left = [one for one in group if one in self._waiting and not one.kept.done()]
        if left:
            await asyncio.sleep(PAUSE_SECONDS)
            self._unasked.extend(left)

    async def _confirmed(self, places: Iterable[str]) -> set[str]:
        """Those of the places that Redis confirms."""
        means = await self._sure()
        if means is None or not (wanted := self._outstanding(means)) <= means.confirmed:
            return set()
        asked = sorted(places)
        async with self.line.pipeline(transaction=False) as pipe:
            pipe.set(self._keys.tick(), "1")
            for place in asked:
                pipe.xrange(self._keys.events(), place, place)
            if REPLICA in wanted:
                pipe.execute_command("WAIT", 1, REPLICA_MS)
            if DISK in wanted:
                pipe.execute_command("WAITAOF", 1, 0, DISK_MS)
            try:
                _, *replies = await pipe.execute()
            except (RedisError, OSError):
                self._seen = 0.0
                return set()
        said = replies[len(asked) :]
        if not all(int(one[0] if isinstance(one, list) else one) for one in said):
            self._seen = 0.0
            return set()
        return {place for place, found in zip(asked, replies, strict=False) if found}

    # Postgres' word

    async def _look(self) -> None:
        """As long as anybody waits, look whether Postgres has it."""
        try:
            await asyncio.sleep(PAUSE_SECONDS)
            while self._waiting:
                try:
                    _tell(self._waiting, await self._in_postgres())
                except (RedisError, OSError):
                    self._seen = 0.0
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._is_looking = False

    async def _in_postgres(self) -> set[str]:
        """Those places that the persist job has passed. It says so where it has read the log, so
        the word counts only where the log has them too."""
        name = self._keys.persisted()
        persisted = place_of(str(await self._redis.get(name) or BEGINNING))
        behind = [one.place for one in self._waiting if place_of(one.place) <= persisted]
        if not behind:
            return set()
        async with self._redis.pipeline() as pipe:
            pipe.get(name)
            for place in behind[:MOST_IN_GROUP]:
                pipe.xrange(self._keys.events(), place, place)
            cursor, *found = await pipe.execute()
        persisted = place_of(str(cursor or BEGINNING))
        return {
            place
            for place, there in zip(behind, found, strict=False)
            if there and place_of(place) <= persisted
        }

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        # not as the stranger whose request began it
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _tell(waiting: Iterable[_Waiting], confirmed: set[str]) -> None:
    for one in waiting:
        if one.place in confirmed and not one.kept.done():
            one.kept.set_result(None)


def _means(replies: Sequence[Any]) -> Means:
    *sections, config = replies
    for section in sections:
        if isinstance(section, Exception):
            raise section
    server, persistence, replication = sections
    if isinstance(config, ResponseError):  # many a managed Redis, and users without +config
        config = {}
    if isinstance(config, Exception):
        raise config
    fsync = str(config.get("appendfsync", ""))
    if fsync == "always" and config.get("no-appendfsync-on-rewrite") != "no":
        fsync = "not quite always"
    return Means(
        version=_version(server),
        has_aof=bool(persistence.get("aof_enabled")),
        fsync=fsync,
        replicas=sum(
            1
            for name, one in replication.items()
            if re.fullmatch(r"slave\d+", name) and one.get("state") == "online"
        ),
    )


def _version(server: dict[str, Any]) -> str:
    text = str(server.get("redis_version", ""))
    is_redis = server.get("server_name", "redis") == "redis"
    return text if is_redis and re.fullmatch(r"\d+(\.\d+)+", text) else ""
