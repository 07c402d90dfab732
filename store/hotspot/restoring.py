"""Putting hotspot accounts, devices and packages back after Redis was emptied, or was found to be
an older copy of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from redis.asyncio import Redis

from store.database import Connection, Row, statement
from store.hotspot.account import settled_field
from store.hotspot.accounts import BATCH
from store.hotspot.devices import is_random
from store.hotspot.stack import Stack
from store.keys import Keys


async def restore_hotspot(
    redis: Redis, keys: Keys, connection: Connection, since: int | None = None
) -> None:
    """Put back what Redis lacks.

    What it has is newer, and stays, but for what changed in Postgres after `since` (unix ms), when
    an older copy was made.

    Counters begin with a new look: what passed meanwhile is not counted.
    """
    for row in await _rows(connection, "all_accounts"):
        await _put_account(redis, keys, row, since)
    for row in await _rows(connection, "all_devices"):
        await _put_device(redis, keys, row)
    for row in await _rows(connection, "all_packages"):
        kept = {name: value for name, value in row.items() if name != "updated_at"}
        put = redis.hset if _is_newer(row, since) else redis.hsetnx
        await put(keys.hotspot_packages(), row["id"], json.dumps(kept))
    for row in await _rows(connection, "removed_packages"):
        await redis.hdel(keys.hotspot_packages(), row["id"])
    # an order that is worked off again gives nothing twice
    await _put_fields(
        redis,
        [
            (keys.hotspot(row["member_id"]), f"bought:{row['once']}", str(row["given_at"]))
            for row in await _rows(connection, "all_purchases")
        ],
    )
    await _put_fields(
        redis,
        [
            (keys.hotspot(row["member_id"]), settled_field(row["router"]), row["status"])
            for row in await _rows(connection, "all_settled")
        ],
    )
    await _put_fields(
        redis,
        [
            (keys.hotspot_days(row["member_id"]), row["day"], str(row["bytes"]))
            for row in await _rows(connection, "all_days")
        ],
    )


async def _rows(connection: Connection, name: str) -> list[Row]:
    return await (await connection.execute(statement("hotspot", name))).fetchall()


async def _put_fields(redis: Redis, fields: Sequence[tuple[str, str, str]]) -> None:
    """Put fields of hashes back, where there is none: key, field, value."""
    for at in range(0, len(fields), BATCH):
        async with redis.pipeline(transaction=False) as pipe:
            for key, field, value in fields[at : at + BATCH]:
                pipe.hsetnx(key, field, value)
            await pipe.execute()


def _is_newer(row: Row, since: int | None) -> bool:
    return since is not None and row["updated_at"] >= since


async def _put_account(redis: Redis, keys: Keys, row: Row, since: int | None) -> None:
    member = row["member_id"]
    here = await redis.hgetall(keys.hotspot(member))
    if here and not _is_newer(row, since):
        return
    stack = Stack.of(row["stack"])
    if here and since is not None:
        stack = stack.joined(Stack.read({str(k): v for k, v in here.items()}), since)
    fields: dict[str, str] = {
        "phone": row["phone"],
        "approved": "1" if row["approved"] else "0",
        "stack": stack.text(),
        "settled": row["settled"],
    }
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(keys.hotspot(member), items=[word for pair in fields.items() for word in pair])
        pipe.sadd(keys.hotspot_accounts(), member)
        if row["phone"]:
            pipe.hsetnx(keys.hotspot_phones(), row["phone"], member)
        await pipe.execute()


async def _put_device(redis: Redis, keys: Keys, row: Row) -> None:
    member, slot, mac = row["member_id"], row["slot"], row["mac"]
    kept = {
        "mac": mac,
        "ip": row["ip"],
        "name": row["name"],
        "seen_at": row["seen_at"],
        "added_at": row["seen_at"],
        "browser": "",
        "random": is_random(mac),
    }
    if row["told"]:
        kept["told"] = True
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(keys.hotspot_slots(member), slot, json.dumps(kept))
        pipe.hsetnx(keys.hotspot_macs(), mac, f"{member}:{slot}")
        await pipe.execute()
