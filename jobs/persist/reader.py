"""Reader 2 of the event log: from the cursor in Postgres onward, batch by batch, each event once.

A batch's effects and the cursor are one transaction, so that whatever is killed, an event has
taken effect exactly when the cursor has passed it. The cursor's row, locked for the length of the
transaction, is what keeps two readers apart. Before each batch the log has to prove that it
continues the one that Postgres knows (store/continuity.py).

An event that cannot be applied for what it contains, whose type nobody here knows, or which is
about a row that is not here, is set aside in `event_rejected` and tried again later: a newer worker
may know it, the row may come. `/readyz` counts them. Anything else that fails says nothing about
the event, so the batch stays where it is and is tried again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

import psycopg
import redis

from jobs.persist import attendance, audit, hotspot, letters, members, payments, qr, sessions
from jobs.persist.effects import Effect, EffectOf
from store.continuity import Break, Cursor, HistoryBroken
from store.database import Connection, statement
from store.errors import Unavailable
from store.events import Event, event_of
from store.opening import Store
from store.restoring import restore_if_needed

BATCH = 500
"""Events per transaction: enough that its commit costs nothing per event, few enough that it is
over in a fraction of a second and holds little in memory."""

RUN_SECONDS = 30.0
"""A run goes on while there is work, so that RQ's cost is paid once per burst; then other jobs of
the queue have their turn. Cut off at any point it leaves a whole number of batches."""

MENDS = 3
"""How often a run brings the histories together, where one Redis after another comes in the place
of the last; then the next run goes on."""

CONTENT = (psycopg.DataError, psycopg.IntegrityError, ValueError)
"""Failures that are the event's own: a value no column takes, a field that is missing. A table
that is missing is not among them: a deploy in the wrong order must not empty the log."""

EFFECTS: Mapping[str, EffectOf] = {
    "member.changed": members.changed,
    "member.deleted": members.deleted,
    "session.opened": sessions.opened,
    "session.ended": sessions.ended,
    "login.attempted": sessions.passing,
    "login.answered": sessions.passing,
    "audit": audit.written,
    "letter.owed": letters.owed,
    **attendance.EFFECTS,
    **qr.EFFECTS,
    **payments.EFFECTS,
    **hotspot.EFFECTS,
}
"""What each type of event does. One whose type is not here is set aside."""

AGAIN = 100
"""Events that were set aside and are tried again by one run."""

log = logging.getLogger("jaga.persist")

Step = tuple[Event, Effect]
Fault = tuple[Event, Exception]
Run = Callable[[Connection, Sequence[Step]], Awaitable[list[Fault]]]


class UnknownType(ValueError):
    """An event of a type that this version does not know: a newer one wrote it."""


class CursorTaken(Exception):
    """Another run is in the middle of a batch."""


class LogReader:
    """Applies the log of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = store.keys.events()

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Apply the log until nothing is left, `seconds` are over or an urgent job waits.

        Returns how many events the cursor passed. Returns early when another run is at work, when
        Redis or Postgres is away (then what is left is found by the next run), or when the log does
        not continue the one that Postgres knows and somebody has to say which is right.
        """
        deadline = time.monotonic() + seconds
        try:
            for _ in range(MENDS):
                try:
                    return await self._run(deadline)
                except HistoryBroken as error:
                    if not await self._mend(error.kind):
                        break
        except (Unavailable, redis.RedisError, OSError) as error:
            log.warning("log not applied further: %s", _line(error.__cause__ or error))
        return 0

    async def _run(self, deadline: float) -> int:
        passed = 0
        try:
            await self._try_again()
            while (count := await self._turn(deadline)) is not None:
                passed += count
                if await self._must_yield(deadline):
                    self._store.queue.wake_persist()
                    break
                # an event that came after the last look, and whose wake-up found the cursor taken
                if await self._store.events.waiting() is None:
                    break
        except (Unavailable, redis.RedisError, OSError) as error:
            log.warning("log not applied further: %s", _line(error.__cause__ or error))
        if passed:
            log.debug("applied events=%d", passed)
        return passed

    async def _mend(self, kind: Break) -> bool:
        """Say that the histories part, and bring them together where it is clear which is newer;
        returns whether they are together."""
        log.error("the log is not applied: %s", kind.words)
        await self._store.continuity.note(kind)
        if kind.heals:
            await restore_if_needed(self._store)
        return kind.heals

    async def _turn(self, deadline: float) -> int | None:
        """Apply batches; None when another run has the cursor."""
        async with self._store.database.connection() as connection:
            passed = 0
            try:
                while count := await self._batch(connection):
                    passed += count
                    if await self._must_yield(deadline):
                        break
            except CursorTaken:
                return passed or None
            return passed

    async def _must_yield(self, deadline: float) -> bool:
        """An urgent job (a login code, a block) may have no other worker than ours."""
        return time.monotonic() >= deadline or await self._store.queue.is_waiting("urgent")

    async def _batch(self, connection: Connection) -> int:
        """Apply the next batch; returns how many events it held."""
        try:
            cursor, count = await self._apply(connection, _run_together)
        except CONTENT as error:
            log.warning("one by one, for an event in this batch fails: %s", _line(error))
            cursor, count = await self._apply_apart(connection)
        await self._store.events.note_persisted(cursor)
        return count

    async def _apply_apart(self, connection: Connection) -> tuple[str, int]:
        try:
            return await self._apply(connection, _run_apart)
        except CONTENT:
            # each statement ran, and still the commit failed: a login name is held twice
            return await self._apply(connection, _run_apart_at_once)

    async def _apply(self, connection: Connection, run: Run) -> tuple[str, int]:
        async with connection.transaction():
            cursor = await self._take_cursor(connection)
            epoch = await self._store.continuity.prove(cursor)
            events = await self._store.events.read(cursor.last_id, BATCH)
            if not events:
                return cursor.last_id, 0
            steps, faults = await self._steps_of(events)
            faults += await run(connection, steps)
            await self._reject(connection, faults)
            last = events[-1]
            await connection.execute(
                statement("events", "move_cursor"),
                {"name": self._name, "epoch": epoch, "last_id": last.id, "mark": last.mark},
            )
        return last.id, len(events)

    async def _steps_of(self, events: Sequence[Event]) -> tuple[list[Step], list[Fault]]:
        """What the events do, in order; members first, as Redis has them now."""
        steps: list[Step] = []
        faults: list[Fault] = []
        rows = await self._rows_of(events)
        for event, effect_of in _wishes(events, rows):
            try:
                if effect_of is None:
                    raise UnknownType(event.type)
                if effect := effect_of(event):
                    steps.append((event, effect))
            except CONTENT as error:
                faults.append((event, error))
        return steps, faults

    async def _rows_of(self, events: Sequence[Event]) -> dict[str, dict[str, str]]:
        """The members' hashes, in one round trip. An empty one says nothing: Redis may have been
        emptied this moment, and a copy is not deleted for that."""
        ids = [member_id for _, member_id in _first_touches(events)]
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for member_id in ids:
                pipe.hgetall(self._store.keys.member(member_id))
            return dict(zip(ids, await pipe.execute(), strict=True))

    async def _reject(self, connection: Connection, faults: Sequence[Fault]) -> None:
        for event, error in faults:
            log.error("rejected event=%s type=%s: %s", event.id, event.type, _line(error))
            params = {
                "event_id": event.id,
                "type": _storable(event.type),
                "data": _storable(event.raw),
                "error": _storable(_line(error)),
            }
            await connection.execute(statement("events", "reject_event"), params)

    async def _try_again(self) -> None:
        """Apply what was set aside, as far as it can be applied now."""
        async with self._store.database.connection() as connection, connection.transaction():
            found = await connection.execute(statement("events", "rejected_due"), {"count": AGAIN})
            due = [
                event_of((row["event_id"], {"type": row["type"], "data": row["data"]}))
                for row in await found.fetchall()
            ]
            if not due:
                return
            steps, faults = await self._steps_of(due)
            faults += await _run_apart(connection, steps)
            left = {event.id: _storable(_line(error)) for event, error in faults}
            applied = [event.id for event in due if event.id not in left]
            await connection.execute(statement("events", "mark_applied"), {"ids": applied})
            for event_id, error in left.items():
                params = {"event_id": event_id, "error": error}
                await connection.execute(statement("events", "try_rejected_later"), params)
        log.info("events that were set aside: %d applied, %d wait on", len(applied), len(left))

    async def _take_cursor(self, connection: Connection) -> Cursor:
        for _ in range(2):
            found = await connection.execute(
                statement("events", "take_cursor"), {"name": self._name}
            )
            if row := await found.fetchone():
                return Cursor.of(row)
            await connection.execute(statement("events", "add_cursor"), {"name": self._name})
        raise CursorTaken()


async def _run_together(connection: Connection, steps: Sequence[Step]) -> list[Fault]:
    """All at once: nobody waits for an answer before the last statement is sent."""
    async with connection.pipeline():
        for _, effect in steps:
            await connection.execute(effect.statement, effect.params)
    return []


async def _run_apart(connection: Connection, steps: Sequence[Step]) -> list[Fault]:
    """One by one, each in a savepoint; returns the events whose own content failed."""
    faults: list[Fault] = []
    for event, effect in steps:
        try:
            async with connection.transaction():
                await connection.execute(effect.statement, effect.params)
        except CONTENT as error:
            faults.append((event, error))
    return faults


async def _run_apart_at_once(connection: Connection, steps: Sequence[Step]) -> list[Fault]:
    """As `_run_apart`, and what is otherwise checked at the commit is checked with each step."""
    await connection.execute(b"SET CONSTRAINTS ALL IMMEDIATE")
    return await _run_apart(connection, steps)


def _wishes(
    events: Sequence[Event], rows: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[Event, EffectOf | None]]:
    """Each event with what it asks for, None for a type we do not know.

    Members that were deleted go first, because their names may have been given to others; then
    rows are saved once each; then every event in its order.
    """
    for event in events:
        if event.type == "member.deleted":
            yield event, members.deleted
    for event, member_id in _first_touches(events):
        if row := rows[member_id]:
            yield event, partial(members.saved, row)
    for event in events:
        yield event, EFFECTS.get(event.type)


def _first_touches(events: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    """Each member the events touch, with the first event that does."""
    seen = set()
    for event in events:
        member_id = event.data.get("member")
        if event.type in members.TOUCHING and isinstance(member_id, str) and member_id not in seen:
            seen.add(member_id)
            yield event, member_id


def _storable(value: str) -> str:
    """Text as Postgres takes it, without NUL."""
    return value.replace("\0", "\\0")


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
