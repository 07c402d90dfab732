"""Advisory locks: one at a time, for each prefix and kind; let go of whatever happens inside."""

from __future__ import annotations

import pytest

from store.errors import Unavailable
from store.locks import Lock, locked
from store.opening import Store


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
