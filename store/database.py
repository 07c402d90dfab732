"""The door to Postgres: a small pool that may be opened while Postgres is away, and SQL by name.

No request that a member waits for comes through here (DESIGN §1): Postgres is the lasting copy,
the source of reports, and what Redis is rebuilt from.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from store.errors import Unavailable
from store.settings import Settings

POOL_CONNECTIONS = 4
"""Per process. Only reports, admin lists and jobs ask Postgres, a few at a time; a small managed
Postgres allows twenty connections in all."""

ACQUIRE_SECONDS = 2.0
"""How long a caller waits for a connection; a report that cannot begin by then is a 503."""

CONNECT_SECONDS = 2
"""How long one attempt to connect may take; libpq counts in whole seconds, and no less than two."""

STATEMENT_SECONDS = 10
"""The longest a statement may run: far above any of ours, below what a person waits for a page."""

SILENCE_SECONDS = STATEMENT_SECONDS + 2.0
"""When a statement is given up from our side: a Postgres that hangs does not keep its own limit."""

RECONNECT_SECONDS = 4.0
"""After a failed attempt the pool tries again by itself this long, at 1 s and at 3 s. Later
attempts are made when somebody asks, so a Postgres that is back is found at once."""

# The pool warns of each attempt that fails, several lines at a time; who asks hears Unavailable.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

SQL = Path(__file__).parent / "sql"
_HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)

Params = Mapping[str, Any] | Sequence[Any]
Row = DictRow
Connection = AsyncConnection[DictRow]

log = logging.getLogger("jaga.database")


class _Connection(AsyncConnection[DictRow]):
    """One that a pooler may stand before, which takes no `options` at the start."""

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        try:
            return await super().connect(conninfo, **kwargs)
        except psycopg.OperationalError as error:
            if not is_of_pooler(error):
                raise
        _say_once()
        return await super().connect(conninfo, **kwargs | {"options": ""})


def is_of_pooler(error: psycopg.OperationalError) -> bool:
    """Return whether a pooler (pgbouncer) refuses our limits, which are no part of its own."""
    return "unsupported startup parameter" in str(error)


@cache
def _say_once() -> None:
    log.warning(
        "a pooler before Postgres takes no limits from us: set statement_timeout and "
        "idle_in_transaction_session_timeout for the user (docs/operating.md)"
    )


class Database:
    """A bounded pool of connections; rows are dicts."""

    def __init__(self, settings: Settings) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            settings.database_url,
            connection_class=_Connection,
            kwargs=connection_options() | {"row_factory": dict_row},
            min_size=0,
            max_size=POOL_CONNECTIONS,
            max_waiting=32,  # the 33rd that waits would not be served in time anyway
            timeout=ACQUIRE_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            # a connection that died with Postgres is found before it is lent, not by its borrower
            check=_answers,
            open=False,
        )

    async def open(self) -> None:
        """Start the pool; contacts nobody."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection; waits up to two seconds for those that are lent."""
        await self._pool.close(timeout=2.0)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; commits at the end, rolls back on an exception.

        Raises Unavailable when Postgres cannot be reached, goes away meanwhile or takes too long.
        """
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                except psycopg.errors.ReadOnlySqlTransaction:
                    # it leads to what has become a standby: the next one looks for the primary
                    await connection.close()
                    raise
        except OUTAGES as error:
            raise Unavailable() from error

    async def fetch(self, query: bytes, params: Params | None = None) -> list[Row]:
        """Return the rows of a query. Raises Unavailable."""
        async with self.connection() as connection, _cut_after(SILENCE_SECONDS, connection):
            cursor = await connection.execute(query, params)
            return await cursor.fetchall()

    async def fetch_one(self, query: bytes, params: Params | None = None) -> Row | None:
        """Return the first row of a query, None when there is none. Raises Unavailable."""
        async with self.connection() as connection, _cut_after(SILENCE_SECONDS, connection):
            cursor = await connection.execute(query, params)
            return await cursor.fetchone()

    async def ping(self) -> None:
        """Ask Postgres for an answer. Raises Unavailable."""
        await self.fetch(b"SELECT 1")


async def _answers(connection: Connection) -> None:
    """Raise OperationalError unless Postgres answers on this connection in time."""
    async with _cut_after(ACQUIRE_SECONDS, connection):
        await AsyncConnectionPool.check_connection(connection)


@asynccontextmanager
async def _cut_after(seconds: float, connection: Connection) -> AsyncIterator[None]:
    """Shut the connection's socket should the block take longer: who waits on it hears of an
    outage at once, where a cancellation would first ask the same silent server to stop."""
    cutting = asyncio.get_running_loop().call_later(seconds, cut, connection)
    try:
        yield
    finally:
        cutting.cancel()


def cut(connection: Connection) -> None:
    """Shut a connection's socket: whoever waits on it, or asks next, hears of an outage."""
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as line, suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


OUTAGES = (
    psycopg.OperationalError,  # unreachable, closed, cancelled by a timeout, deadlocked, disk full
    psycopg.errors.ReadOnlySqlTransaction,  # a standby, in the middle of a failover
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""What says "not now" about Postgres, and nothing about what was asked of it."""


def connection_options() -> dict[str, Any]:
    """Return what every connection of ours is opened with; all waits are bounded on both ends."""
    limits = {
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": "60s",
        # a machine that vanished gives its locks back after 15 s, not after two hours
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "2",
    }
    return {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "jaga",
        # of several hosts in DATABASE_URL the one that may be written
        "target_session_attrs": "read-write",
        # a pooler lends another server with each transaction, which knows nothing of them
        "prepare_threshold": None,
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 15_000,
    }


def statement(capability: str, name: str) -> bytes:
    """Return the SQL under the heading `-- name --` of `store/sql/<capability>.sql`.

    Raises KeyError for a name that is not there.
    """
    return _statements(capability)[name]


@cache
def _statements(capability: str) -> dict[str, bytes]:
    parts = _HEADING.split((SQL / f"{capability}.sql").read_text())
    names, texts = parts[1::2], parts[2::2]
    return {name: text.strip().encode() for name, text in zip(names, texts, strict=True)}
