"""What an older copy of Redis does not know of: what ended, was deleted, taken back or used up.

`store.restoring` has put newer rows in before; here what must not come back is taken out, by the
same acts as at first, so that open pages hear of it and the log has it again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from store.attendance.meetings import By
from store.database import Connection, Row, statement
from store.errors import MeetingNotFound, NotFound
from store.opening import Store

AT_ONCE = 100
"""Scripts on their way together."""

SERVER = "server"


async def reconcile(
    store: Store, connection: Connection, since: int, say: Callable[[str], object]
) -> None:
    """Take out of an older copy, made at `since` (unix ms), what is over since then.

    Takes a function that is told what was done in a line. May be run again. Raises
    redis.RedisError and psycopg's errors.
    """
    ended = await _end_sessions(store, connection, since)
    lost = await _note_lost(store, connection, since)
    deleted = await _delete_members(store, connection, since)
    await _delete_meetings(store, connection, since)
    await _forget_requests(store, connection, since)
    unbound = await _unbind(store, connection, since)
    told = {"sessions": ended, "lost": lost, "members": deleted, "devices": unbound}
    await store.audit.note(SERVER, "history.reconciled", "", ip="", detail=told)
    say(
        f"reconciling: {ended} sessions ended again, {lost} were lost, {deleted} members deleted "
        f"again, {unbound} hotspot devices let go again"
    )


async def _end_sessions(store: Store, connection: Connection, since: int) -> int:
    """End again what ended; sessions that Redis does not have are passed over by the script."""
    rows = await _rows(connection, "ended_since", since)
    count = 0
    for at in range(0, len(rows), AT_ONCE):
        logouts = await asyncio.gather(
            *(
                store.sessions.end(
                    row["member_id"],
                    row["sid"],
                    reason=row["reason"] or "logged_out",
                    by=row["ended_by"] or SERVER,
                )
                for row in rows[at : at + AT_ONCE]
            )
        )
        count += sum(len(logout.ended) for logout in logouts)
    return count


async def _note_lost(store: Store, connection: Connection, since: int) -> int:
    """Say in the history which sessions are gone: those that the older copy never had."""
    rows = await _rows(connection, "opened_since", since)
    async with store.redis.pipeline(transaction=False) as pipe:
        for row in rows:
            pipe.hexists(store.keys.sessions(row["member_id"]), row["sid"])
        here = await pipe.execute()
    lost = [row["sid"] for row, is_here in zip(rows, here, strict=True) if not is_here]
    async with connection.transaction():
        await connection.execute(statement("restoring", "end_these"), {"sids": lost})
    return len(lost)


async def _delete_members(store: Store, connection: Connection, since: int) -> int:
    count = 0
    for row in await _rows(connection, "gone_since", since):
        try:
            await store.members.delete(row["id"], by=SERVER)
        except NotFound:
            continue
        count += 1
    return count


async def _delete_meetings(store: Store, connection: Connection, since: int) -> None:
    for row in await _rows(connection, "meetings_gone_since", since):
        try:
            meeting = await store.attendance.meetings.get(row["id"])
        except MeetingNotFound:
            continue
        await store.attendance.meetings.delete(meeting, By(SERVER, ""))


async def _forget_requests(store: Store, connection: Connection, since: int) -> None:
    """A QR request that was redeemed is not redeemed again."""
    rows = await _rows(connection, "requests_over_since", since)
    if rows:
        await store.redis.delete(*(store.keys.qr(row["id"]) for row in rows))


async def _unbind(store: Store, connection: Connection, since: int) -> int:
    """Let go again of hotspot devices that Postgres lacks and that were there before `since`."""
    known = {(row["member_id"], row["slot"]) for row in await _rows(connection, "bound", since)}
    members = sorted(map(str, await store.redis.smembers(store.keys.hotspot_accounts())))
    count = 0
    for at in range(0, len(members), AT_ONCE):
        some = members[at : at + AT_ONCE]
        for member, slots in zip(some, await _slots(store, some), strict=True):
            for slot, text in slots.items():
                if (member, slot) not in known and json.loads(text)["seen_at"] < since:
                    await store.hotspot.devices.unbind(member, slot)
                    count += 1
    return count


async def _slots(store: Store, members: Sequence[str]) -> list[dict[str, Any]]:
    async with store.redis.pipeline(transaction=False) as pipe:
        for member in members:
            pipe.hgetall(store.keys.hotspot_slots(member))
        return list(await pipe.execute())


async def _rows(connection: Connection, name: str, since: int) -> list[Row]:
    async with connection.transaction():
        found = await connection.execute(statement("restoring", name), {"since": since})
        return await found.fetchall()
