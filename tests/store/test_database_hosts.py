"""Several hosts in DATABASE_URL: the one that answers and may be written is meant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from scripts.embedded.ports import free_port
from store.database import Database
from store.errors import Unavailable
from store.settings import Settings


@asynccontextmanager
async def opened(environment: dict[str, str], url: str) -> AsyncIterator[Database]:
    database = Database(Settings.from_environment(environment | {"DATABASE_URL": url}))
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize(
    "hosts",
    [
        lambda here: f"127.0.0.1:{free_port()},{here}",
        lambda here: f"{here},127.0.0.1:{free_port()}",
    ],
)
async def test_a_host_that_is_away_is_passed_over(
    environment: dict[str, str], hosts: Callable[[str], str]
) -> None:
    parts = urlsplit(environment["DATABASE_URL"])
    login, _, here = parts.netloc.rpartition("@")
    url = f"postgresql://{login}@{hosts(here)}{parts.path}"
    async with opened(environment, url) as database:
        await database.ping()


async def test_a_connection_to_what_became_a_standby_is_closed(
    environment: dict[str, str],
) -> None:
    async with opened(environment, environment["DATABASE_URL"]) as database:
        pids = []
        for demote in (b"SET default_transaction_read_only = on", b"SELECT 1"):
            async with database.connection() as connection:
                pids.append(connection.info.backend_pid)
                await connection.execute(demote)
            if demote.startswith(b"SET"):
                with pytest.raises(Unavailable):
                    await database.fetch(
                        b"INSERT INTO event_cursor VALUES ('one', '0-0') RETURNING 1"
                    )
        assert pids[0] != pids[1]
