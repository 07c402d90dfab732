"""Older copies of Redis and of Postgres, made beforehand and put back later, as after a failure."""

from __future__ import annotations

from typing import Any

import psycopg
import redis
from psycopg import sql


class RedisCopy:
    """All that one numbered database of Redis holds, with its times to live."""

    def __init__(self, url: str) -> None:
        self._url = url
        with redis.Redis.from_url(url) as connection:
            keys: Any = connection.keys()
            values: Any
            values = [(key, connection.pttl(key), connection.dump(key)) for key in keys]
        # what ran out between two of these is not in it
        self._values = [(key, max(0, int(left)), value) for key, left, value in values if value]

    def put_back(self) -> None:
        """Make the database what it was then, and nothing else."""
        with redis.Redis.from_url(self._url) as connection:
            pipe = connection.pipeline(transaction=True)
            pipe.flushdb()
            for key, left, value in self._values:
                pipe.restore(key, left, value)
            pipe.execute()


class PostgresCopy:
    """All rows of a database, and where its sequences were."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            self._tables = {str(name): self._read(connection, str(name)) for (name,) in names}
            self._sequences = connection.execute(
                "SELECT sequencename, last_value FROM pg_sequences WHERE last_value > 0"
            ).fetchall()

    def _read(self, connection: psycopg.Connection, table: str) -> bytes:
        query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with connection.cursor().copy(query) as copy:
            return b"".join(bytes(part) for part in copy)

    def put_back(self) -> None:
        """Make the database what it was then."""
        with psycopg.connect(self._url) as connection:
            connection.execute("SET session_replication_role = replica")
            names = sql.SQL(", ").join(map(sql.Identifier, self._tables))
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
            for table, rows in self._tables.items():
                query = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with connection.cursor().copy(query) as copy:
                    copy.write(rows)
            for name, value in self._sequences:
                connection.execute("SELECT setval(%s, %s)", (name, value))
