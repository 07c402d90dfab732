"""Advisory locks: one at a time, for each prefix and kind; let go of whatever happens inside."""

from __future__ import annotations

import psycopg
import pytest

from store.database import Connection
from store.errors import Unavailable
from store.locks import Lock, locked
from store.opening import Store
from tests.serving import until


async def test_one_has_it_and_the_other_hears_so(store: Store) -> None:
    async with locked(store.database, Lock.RESTORE, "a") as ours:
        assert ours is not None
        async with locked(store.database, Lock.RESTORE, "a") as theirs:
            assert theirs is None
        async with locked(store.database, Lock.RESTORE, "b") as another:
            assert another is not None
        async with locked(store.database, Lock.PAYMENTS, "a") as another:
            assert another is not None
    async with locked(store.database, Lock.RESTORE, "a") as again:
        assert again is not None


async def test_it_is_let_go_of_after_a_failure(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with locked(store.database, Lock.RESTORE, "a"):
            raise RuntimeError
    async with locked(store.database, Lock.RESTORE, "a") as again:
        assert again is not None


async def test_it_goes_with_its_connection(store: Store) -> None:
    with pytest.raises(Unavailable):
        async with locked(store.database, Lock.RESTORE, "a") as ours:
            assert ours is not None
            await ours.execute(b"SELECT pg_terminate_backend(pg_backend_pid())")
    async with locked(store.database, Lock.RESTORE, "a") as again:
        assert again is not None


async def test_who_loses_it_alone_writes_nothing_more(store: Store) -> None:
    """Another run may have it by then: two runs of payments would judge side by side."""
    with pytest.raises(Unavailable):
        async with locked(store.database, Lock.PAYMENTS, "a") as ours:
            assert ours is not None
            await ours.execute(b"SELECT 1")
            await store.database.fetch(
                b"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                b" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            await until(lambda: _is_cut(ours), what="the work is cut off")
            async with locked(store.database, Lock.PAYMENTS, "a") as theirs:
                assert theirs is not None
            await ours.execute(b"SELECT 1")


async def _is_cut(connection: Connection) -> bool:
    try:
        await connection.execute(b"SELECT 1")
    except psycopg.OperationalError:
        return True
    return False
