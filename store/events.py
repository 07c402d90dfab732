"""The event log: one Redis Stream that every change of state also writes to (DESIGN §1).

Lua scripts append to it in the step that changes the state. Here it is read: by the relay of each
server process (`tail`), and by the persist job (`read`), each with a cursor of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from store.changes import Changes, Part
from store.clock import redis_ms

KEEP_MS = 10 * 60 * 1000
"""How much of the log stays behind the persist cursor, for relays that were cut off: longer than
any restart of Redis or of a network; a relay away for longer is made whole by the sweep."""


BEGINNING = "0-0"
"""The id before every other."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry: `id` as Redis gave it (`<ms>-<n>`), `type`, and `data` (`{}` when unreadable);
    `raw` is the data as it stands in the log."""

    id: str
    type: str
    data: dict[str, Any]
    raw: str = field(default="", compare=False)

    @property
    def mark(self) -> str:
        """A digest of the entry, by which it is known again."""
        entry = f"{self.type}\n{self.raw}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(entry).hexdigest()[:32]

    @property
    def at(self) -> int:
        """When it was written, by Redis's clock (unix ms)."""
        return place_of(self.id)[0]


class EventLog(Part):
    """The log as its readers see it."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._changes = changes

    async def append(self, type: str, data: Mapping[str, Any]) -> str:
        """Write an event that changes no state; returns its id."""
        return await self._changes.announce(type, data)

    async def last_id(self) -> str:
        """Return the id of the newest entry, `0-0` for an empty log."""
        newest = await self._redis.xrevrange(self._keys.events(), count=1)
        return str(newest[0][0]) if newest else BEGINNING

    async def read(self, after: str, count: int) -> list[Event]:
        """Return up to `count` entries that follow the id `after`, oldest first."""
        rows = await self._redis.xrange(self._keys.events(), min=f"({after}", count=count)
        return [event_of(row) for row in rows or []]

    async def tail(self, redis: Redis, after: str, block_ms: int, count: int) -> list[Event]:
        """Wait up to `block_ms` for entries after `after`.

        Takes the connection to wait on: a blocking read must not occupy one of the pool's.
        Returns an empty list when nothing came.
        """
        key = self._keys.events()
        reply = await redis.xread({key: after}, count=count, block=block_ms)
        return [event_of(row) for row in _rows_of(reply)]

    async def trim(self, cursor: str) -> int:
        """Drop what Postgres holds and no relay still needs; returns how many went.

        Never passes `cursor`, and keeps the last KEEP_MS by Redis's clock, which its entries have:
        a clock of ours that is ahead would trim what relays still need.
        """
        newest_to_go = min(place_of(cursor)[0], await redis_ms(self._redis) - KEEP_MS)
        if newest_to_go <= 0:
            return 0
        return int(
            await self._redis.xtrim(
                self._keys.events(), minid=f"{newest_to_go}-0", approximate=False
            )
        )

    async def persisted(self) -> str:
        """Return the id of the last entry that Postgres has, as its reader told last."""
        return str(await self._redis.get(self._keys.persisted()) or BEGINNING)

    async def note_persisted(self, cursor: str) -> None:
        """Take what Postgres has from its reader, and drop what nobody needs any more.

        Not for a log without the cursor's own entry, which trimming leaves: another Redis came in
        the place of the one that was read, and told so it would look like one that was trimmed.
        """
        if await self._note_where_it_is(cursor):
            await self.trim(cursor)

    async def _note_where_it_is(self, cursor: str) -> bool:
        keys = self._keys
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(keys.epoch(), keys.persisted(), keys.built())
            is_here = await pipe.xrange(keys.events(), cursor, cursor)
            if not is_here and cursor != BEGINNING:
                return False
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.set(keys.persisted(), cursor)
            try:
                await pipe.execute()
            except WatchError:  # put back between the look and the note; the next batch finds it
                return False
            return True

    async def waiting(self) -> Event | None:
        """Return the oldest entry that Postgres lacks, None when it has all of them."""
        found = await self.read(await self.persisted(), 1)
        return found[0] if found else None

    async def lag_seconds(self) -> float:
        """Return how far Postgres is behind: age of the oldest entry it lacks, 0 when none."""
        if (waiting := await self.waiting()) is None:
            return 0.0
        return max(0.0, (await redis_ms(self._redis) - waiting.at) / 1000)


def place_of(entry_id: str) -> tuple[int, int]:
    """Return where an id `<ms>-<n>` stands in the log, in the order of the log."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def moment_of(text: str) -> int | None:
    """Return when the entry with this id was written (unix ms), None for text that is no id. For
    ids that clients send."""
    milliseconds = text.partition("-")[0]
    is_one = milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) <= 15
    return int(milliseconds) if is_one else None


def event_of(row: Any) -> Event:
    """Turn a stream entry into an Event; data that is no JSON object becomes `{}`."""
    entry_id, fields = row
    raw = fields.get("data", "")
    try:
        data = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        data = {}
    return Event(entry_id, fields.get("type", ""), data if isinstance(data, dict) else {}, raw)


def _rows_of(reply: Any) -> list[Any]:
    """XREAD answers a list of streams under RESP2 and a mapping under RESP3."""
    if not reply:
        return []
    if isinstance(reply, dict):
        found = next(iter(reply.values()))
        return list(found[0]) if found and isinstance(found[0], list) else list(found)
    return list(reply[0][1])
