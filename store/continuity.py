"""Whether Redis and Postgres still tell one history: epochs, and the proof of the cursor.

Redis has an *epoch* beside the log, `<turn>-<random>`, made at the first start and anew whenever
Redis was rebuilt or reconciled. Postgres has the same epoch in the cursor's row, with the id of
the last entry it applied and a digest of that entry, its *mark*. Trimming always leaves that entry
in the log, so that before each batch the log can prove by it that it continues the one that
Postgres knows. Where it cannot, nothing is applied and nothing trimmed; `Break` says what happened.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum

from store.changes import Part
from store.database import Connection, Row, statement
from store.events import BEGINNING, event_of, place_of


class Break(StrEnum):
    """How the two histories part."""

    EMPTIED = "emptied"
    REDIS_OLDER = "redis older"
    POSTGRES_OLDER = "postgres older"
    TRIMMED = "trimmed"
    DIFFERENT = "different"

    @property
    def heals(self) -> bool:
        """Whether it is clear what is newer, so that it is mended without anybody being asked.
        Until then nobody is let in."""
        return self in (Break.EMPTIED, Break.REDIS_OLDER)

    @property
    def words(self) -> str:
        """What an operator reads."""
        return _WORDS[self]


_WORDS = {
    Break.EMPTIED: "Redis was emptied; it is being rebuilt from Postgres",
    Break.REDIS_OLDER: "Redis is an older copy of itself; what Postgres knows newer is put into it",
    Break.POSTGRES_OLDER: (
        "Postgres is an older copy of itself, and the log no longer has all since then; "
        "nothing is applied until python -m scripts.restore --to-postgres"
    ),
    Break.TRIMMED: (
        "the log was trimmed beyond what Postgres has; "
        "nothing is applied until python -m scripts.restore --to-postgres"
    ),
    Break.DIFFERENT: (
        "Redis and Postgres are of different histories; nothing is applied until python -m "
        "scripts.restore --to-postgres (Redis is right) or --to-redis (Postgres is right)"
    ),
}


class HistoryBroken(Exception):
    """The log does not continue the one that Postgres knows."""

    def __init__(self, kind: Break) -> None:
        super().__init__(kind.words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Cursor:
    """What Postgres knows: the epoch ("" before there was any), the last id, its entry's mark."""

    epoch: str
    last_id: str
    mark: str

    @classmethod
    def of(cls, row: Row | None) -> Cursor:
        """Read the row; one that is not there is where every log begins."""
        return cls(row["epoch"], row["last_id"], row["mark"]) if row else cls("", BEGINNING, "")


@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis shows: its epoch ("" for none), the mark of its entry at the cursor ("" for no
    such entry), and the last id of which it was told that Postgres has it."""

    epoch: str
    mark: str
    persisted: str


def judge(cursor: Cursor, seen: Seen) -> Break | None:
    """Return how the histories part, None when Redis continues what Postgres knows. Pure."""
    here, told = place_of(cursor.last_id), place_of(seen.persisted)
    if not cursor.epoch:
        # a first start, a version before there were epochs, or an empty Postgres beside all that
        return Break.POSTGRES_OLDER if told > here else None
    if not seen.epoch:
        return Break.EMPTIED
    if seen.epoch != cursor.epoch:
        turn, known = turn_of(seen.epoch), turn_of(cursor.epoch)
        if turn == known:
            return Break.DIFFERENT
        return Break.REDIS_OLDER if turn < known else Break.POSTGRES_OLDER
    if seen.mark == cursor.mark and (seen.mark or told <= here):
        return None  # also where Postgres is older, but the log still has all since then
    if told > here:
        return Break.POSTGRES_OLDER
    if seen.mark:
        return Break.DIFFERENT
    return Break.TRIMMED if told == here else Break.REDIS_OLDER


def turn_of(epoch: str) -> int:
    """Return how many epochs there were with this one; 0 for none."""
    return int(epoch.partition("-")[0] or 0)


class Continuity(Part):
    """The epoch of this Redis, and the proof."""

    async def prove(self, cursor: Cursor) -> str:
        """Return the epoch under which the log continues from the cursor. Raises HistoryBroken."""
        if kind := judge(cursor, await self._seen(cursor.last_id)):
            raise HistoryBroken(kind)
        if not cursor.epoch:
            await self._redis.set(self._keys.epoch(), _epoch(1), nx=True)
        return str(await self._redis.get(self._keys.epoch()) or "")

    async def kind(self, connection: Connection) -> Break | None:
        """Return how the histories part as of now, None for not at all."""
        async with connection.transaction():
            cursor = await self._cursor(connection)
        return judge(cursor, await self._seen(cursor.last_id))

    async def lacks(self, entry_id: str) -> bool:
        """Whether the log has lost an entry that was read from it: it is not there, and Postgres is
        not known to have it, behind which entries are trimmed."""
        seen = await self._seen(entry_id)
        return not seen.mark and place_of(entry_id) > place_of(seen.persisted)

    async def note(self, kind: Break) -> None:
        """Keep that the histories part, for `/readyz`. Where that heals, nobody is let in until it
        has: what was ended or blocked may be open again in this Redis."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.broken(), kind)
            if kind.heals:
                pipe.delete(self._keys.built())
            await pipe.execute()

    async def broken(self) -> Break | None:
        """Return what was noted last and is not mended yet."""
        found = await self._redis.get(self._keys.broken())
        return Break(str(found)) if found else None

    async def common_ms(self) -> int:
        """Return until when (ms) this Redis knows for certain what Postgres knows."""
        return place_of(str(await self._redis.get(self._keys.persisted()) or BEGINNING))[0]

    async def is_emptied(self) -> bool:
        """Whether this Redis has no history at all."""
        return not await self._redis.exists(self._keys.epoch())

    async def turn(self, connection: Connection) -> None:
        """Begin a new epoch: both sides agree. The log is read again from its start, which is
        harmless, because nothing in it undoes what is newer."""
        known = await self._redis.get(self._keys.epoch())
        name = self._keys.events()
        async with connection.transaction():
            epoch = _epoch(
                1 + max(turn_of(str(known or "")), turn_of((await self._cursor(connection)).epoch))
            )
            await connection.execute(
                statement("events", "turn_epoch"), {"name": name, "epoch": epoch}
            )
        # Postgres first: cut off in between, Redis is the older one, which is mended by itself
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.epoch(), epoch)
            pipe.delete(self._keys.persisted(), self._keys.broken())
            pipe.set(self._keys.built(), "1")
            await pipe.execute()

    async def _cursor(self, connection: Connection) -> Cursor:
        found = await connection.execute(
            statement("events", "read_cursor"), {"name": self._keys.events()}
        )
        return Cursor.of(await found.fetchone())

    async def _seen(self, entry_id: str) -> Seen:
        keys = self._keys
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.mget(keys.epoch(), keys.persisted())
            pipe.xrange(keys.events(), entry_id, entry_id)
            (epoch, persisted), rows = await pipe.execute()
        mark = event_of(rows[0]).mark if rows else ""
        return Seen(str(epoch or ""), mark, str(persisted or BEGINNING))


def _epoch(turn: int) -> str:
    return f"{turn}-{secrets.token_hex(8)}"
