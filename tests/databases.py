"""One migrated database, lent to one test after another and found clean by each.

A copy of the template takes Postgres 30 to 60 ms and its drop as much again; emptying what a test
wrote takes a few. So a test's rows are deleted, and only where it changed the schema, or a row
that the migrations wrote, is the database dropped and the next test given a new copy.
"""

from __future__ import annotations

import secrets

import psycopg
from psycopg import sql

from scripts.embedded.postgres_server import PostgresServer
from scripts.migrate import migrate

TEMPLATE = "migrated"

LEAVE_MS = 5_000
"""How long whoever is still connected after a test may take to be gone."""

SMALL_BYTES = 64 * 1024
"""A table above this is truncated: dead rows would be read again by every later test. Below it,
deleting is several times faster than the new files that truncating makes."""

# Everything a test could have changed about the schema: objects made by hand have numbers from
# 16384 on, which a copy shares with its template.
SCHEMA = b"""
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, atthasdef, attisdropped)
        FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0 AND attrelid IN
            (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL SELECT concat_ws(' ', 'class', oid, relname, relkind)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'function', oid, xmin) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgenabled) FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'constraint', oid) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'schema', nspname) FROM pg_namespace
        WHERE oid >= 16384 AND nspname !~ '^pg_'
    UNION ALL SELECT concat_ws(' ', 'setting', setconfig) FROM pg_db_role_setting
) AS lines(line)
"""

ALONE = b"""
SELECT count(pg_terminate_backend(pid, %s)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

MOVED = b"SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE last_value > 0"


class Databases:
    """The databases of one worker's tests. `made` counts the copies."""

    def __init__(self, server: PostgresServer) -> None:
        """Make the template: an empty database with every migration applied."""
        self._server = server
        self._name = ""
        self._connection: psycopg.Connection | None = None
        self.made = 0
        server.create(TEMPLATE)
        migrate(server.url_of(TEMPLATE))
        with psycopg.connect(server.url_of(TEMPLATE), autocommit=True) as connection:
            self._schema = _one(connection, SCHEMA)
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace ORDER BY relname"
            ).fetchall()
            tables = [str(name) for (name,) in names]
            full = {table for table in tables if _has_rows(connection, table)}
            self._written = _all_rows(sorted(full))
            self._rows = _one(connection, self._written)
        self._touched = _touched([table for table in tables if table not in full])

    def lend(self) -> str:
        """Return the address of a database that is as the migrations left it."""
        if not self._name:
            self._name = f"test_{secrets.token_hex(6)}"
            self._server.create(self._name, template=TEMPLATE)
            self.made += 1
        return self._server.url_of(self._name)

    def take_back(self) -> None:
        """Clean the database for the next test, or drop it where that is not enough."""
        if not (self._is_as_migrated() and self._is_emptied()):
            self.close()

    def close(self) -> None:
        """Drop the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._name:
            self._server.drop(self._name)
            self._name = ""

    def _is_as_migrated(self) -> bool:
        try:
            connection = self._connected()
            connection.execute(ALONE, [LEAVE_MS])
            schema, rows = _one(connection, SCHEMA), _one(connection, self._written)
        except psycopg.Error:  # a test renamed what is looked at, or ended every connection
            return False
        return (schema, rows) == (self._schema, self._rows)

    def _is_emptied(self) -> bool:
        connection = self._connected()
        try:
            with connection.transaction():
                # so that rows may be deleted in any order, whoever refers to them
                connection.execute("SET LOCAL session_replication_role = replica")
                for table, size in connection.execute(self._touched).fetchall():
                    how = "DELETE FROM {}" if size < SMALL_BYTES else "TRUNCATE {} CASCADE"
                    connection.execute(sql.SQL(how).format(sql.Identifier(table)))
                for (sequence,) in connection.execute(MOVED).fetchall():
                    connection.execute(f"ALTER SEQUENCE {sequence} RESTART".encode())
        except psycopg.Error:
            return False
        return True

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            url = self._server.url_of(self._name)
            self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
        return self._connection


def _one(connection: psycopg.Connection, query: bytes | sql.Composed) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _has_rows(connection: psycopg.Connection, table: str) -> object:
    return _one(connection, sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table)))


def _all_rows(tables: list[str]) -> sql.Composed:
    """A query for one text with every row of these tables."""
    parts = [
        sql.SQL("SELECT {} || {}::text AS line FROM {}").format(
            sql.Literal(table), sql.Identifier(table), sql.Identifier(table)
        )
        for table in tables
    ]
    return sql.SQL("SELECT md5(string_agg(line, '' ORDER BY line)) FROM ({}) AS rows").format(
        sql.SQL(" UNION ALL ").join(parts)
    )


def _touched(tables: list[str]) -> sql.Composed:
    """A query for the names of those of these tables that have rows, and their sizes in bytes."""
    parts = [
        sql.SQL(
            "SELECT {} AS name, pg_relation_size({}) AS size WHERE EXISTS (SELECT FROM {})"
        ).format(sql.Literal(table), sql.Literal(table), sql.Identifier(table))
        for table in tables
    ]
    return sql.SQL(" UNION ALL ").join(parts)
