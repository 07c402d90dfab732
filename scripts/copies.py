"""What a backup consists of: a folder with every row of Postgres and every key of Redis.

Redis is copied first, so that of the two Postgres is never the older one: what is put back is then
brought together without anybody being asked. Neither server's files are needed, nor its tools.

    manifest.json        when, of which schema, which tables with which columns
    redis.jsonl.gz       a key a line: its name without the prefix, when it runs out (ms), its value
    <table>.copy.gz      as Postgres' COPY writes it
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from redis.asyncio import Redis

MIGRATIONS = "schema_migration"
"""The table that `scripts.migrate` keeps; it says of which schema a backup is, and stays."""

PAGE = 500

Say = Callable[[str], object]


class CopyError(Exception):
    """What keeps a backup from being made or put back, in a line for the operator."""


async def write(folder: Path, redis: Redis, prefix: str, postgres: str, say: Say) -> None:
    """Make a backup in a new folder that only its owner may read. Raises CopyError, RedisError and
    psycopg's errors."""
    _make(folder)
    say(f"backup: {await _write_redis(folder, redis, prefix)} keys of Redis")
    with psycopg.connect(postgres) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        tables = {name: _columns(connection, name) for name in _tables(connection)}
        for name, columns in tables.items():
            _write_table(connection, folder, name, columns)
        manifest = {
            "at": int(time.time() * 1000),
            "schema": _schema(connection),
            "tables": tables,
            "sequences": _sequences(connection),
        }
    _keep(folder, manifest)
    say(f"backup: {len(tables)} tables of Postgres; done, in {folder}")


def put_back_postgres(folder: Path, postgres: str, say: Say) -> None:
    """Make the database what it was, in one transaction. Raises CopyError and psycopg's errors."""
    manifest = _manifest(folder)
    with psycopg.connect(postgres) as connection:
        if _schema(connection) != manifest["schema"]:
            raise CopyError(
                "the backup is of another schema: run the release that made it, put it back, "
                "then upgrade"
            )
        names = sql.SQL(", ").join(map(sql.Identifier, manifest["tables"]))
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
        for name in _in_order(connection, manifest["tables"]):
            _read_table(connection, folder, name, manifest["tables"][name])
        for name, value in manifest["sequences"]:
            connection.execute("SELECT setval(%s, %s)", (name, value))
    say(f"restore: {len(manifest['tables'])} tables of Postgres are as they were")


async def put_back_redis(folder: Path, redis: Redis, prefix: str, say: Say) -> None:
    """Make the site's keys what they were, but for the mark that says that people may be let in.
    Raises CopyError and RedisError."""
    _manifest(folder)
    await redis.delete(f"{prefix}:built")  # nobody is let in from here on
    async for names in _pages(redis, prefix):
        await redis.delete(*names)
    count = 0
    with gzip.open(folder / "redis.jsonl.gz", "rt") as lines:
        for line in lines:
            kept = json.loads(line)
            left = kept["until"] and max(1, kept["until"] - int(time.time() * 1000))
            if kept["name"] != "built":
                value = base64.b64decode(kept["value"])
                await redis.restore(f"{prefix}:{kept['name']}", left, value, replace=True)
                count += 1
    say(f"restore: {count} keys of Redis are as they were")


async def _write_redis(folder: Path, redis: Redis, prefix: str) -> int:
    count = 0
    with _private(folder / "redis.jsonl.gz") as lines:
        async for names in _pages(redis, prefix):
            async with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.pttl(name)
                    pipe.execute_command("DUMP", name, NEVER_DECODE=True)
                replies = await pipe.execute()
            now = int(time.time() * 1000)
            for name, left, value in zip(names, replies[::2], replies[1::2], strict=True):
                if value is None:  # it ran out
                    continue
                kept = {
                    "name": name.removeprefix(f"{prefix}:"),
                    "until": now + left if left > 0 else 0,
                    "value": base64.b64encode(value).decode(),
                }
                lines.write(f"{json.dumps(kept)}\n".encode())
                count += 1
    return count


async def _pages(redis: Redis, prefix: str) -> AsyncIterator[list[str]]:
    names: list[str] = []
    async for name in redis.scan_iter(match=f"{prefix}:*", count=PAGE):
        names.append(str(name))
        if len(names) == PAGE:
            yield names
            names = []
    if names:
        yield names


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname <> %s"
        " AND relnamespace = 'public'::regnamespace ORDER BY relname",
        (MIGRATIONS,),
    )
    return [str(name) for (name,) in rows]


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (table,),
    )
    return [str(name) for (name,) in rows]


def _in_order(connection: psycopg.Connection, tables: dict[str, Any]) -> Iterator[str]:
    """Each table after those that it refers to."""
    rows = connection.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f'"
    ).fetchall()
    refers: dict[str, set[str]] = {name: set() for name in tables}
    for name, other in rows:
        if name != other:
            refers.setdefault(str(name), set()).add(str(other))
    return iter(TopologicalSorter(refers).static_order())


def _schema(connection: psycopg.Connection) -> list[str]:
    query = sql.SQL("SELECT name FROM {} ORDER BY name").format(sql.Identifier(MIGRATIONS))
    return [str(name) for (name,) in connection.execute(query)]


def _sequences(connection: psycopg.Connection) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences"
        " WHERE last_value IS NOT NULL"
    ).fetchall()


def _copy(table: str, columns: list[str], direction: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) {}").format(sql.Identifier(table), names, sql.SQL(direction))


def _write_table(
    connection: psycopg.Connection, folder: Path, table: str, columns: list[str]
) -> None:
    query = _copy(table, columns, "TO STDOUT")
    with _private(folder / f"{table}.copy.gz") as file, connection.cursor().copy(query) as rows:
        for part in rows:
            file.write(bytes(part))


def _read_table(
    connection: psycopg.Connection, folder: Path, table: str, columns: list[str]
) -> None:
    query = _copy(table, columns, "FROM STDIN")
    with gzip.open(folder / f"{table}.copy.gz") as file, connection.cursor().copy(query) as rows:
        while part := file.read(1 << 16):
            rows.write(part)


def _private(path: Path) -> gzip.GzipFile:
    """A file for its owner alone: hashes of passwords are in it."""
    return gzip.GzipFile(fileobj=os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb"))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise CopyError(f"{folder} is there already") from None


def _keep(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Last of all: a folder without it is no whole backup."""
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        raise CopyError(f"{folder} holds no whole backup") from None
    return manifest
