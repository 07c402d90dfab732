"""What every outbox does in the same way: its waits, its leases, its marks, its rests."""

from __future__ import annotations

import pytest

from store.mails import owe
from store.opening import Store
from store.outboxes import Backoff


def test_each_wait_is_near_its_own_and_then_there_is_none() -> None:
    backoff = Backoff((10, 100))
    for attempts, seconds in enumerate(backoff.seconds):
        waits = [backoff.after(attempts) or 0 for _ in range(200)]
        assert 0.8 * seconds <= min(waits) < 0.9 * seconds
        assert 1.1 * seconds < max(waits) <= 1.2 * seconds
    assert backoff.after(2) is None


def test_without_a_spread_it_waits_exactly() -> None:
    assert Backoff((30.0,), spread=0).after(0) == 30.0


async def test_a_claimed_row_is_nobody_elses_until_its_lease_is_over(store: Store) -> None:
    await _owe(store, "one")
    row = await store.mails.claim(60)
    assert row is not None and row["dedupe_key"] == "one"
    assert await store.mails.claim(60) is None
    await store.mails.mark("held", row, error="busy")
    again = await store.mails.claim(0)
    assert again is not None and again["holds"] == 1
    assert await store.mails.claim(60) is not None  # a lease of no length is over


async def test_a_mark_of_a_turn_that_is_over_is_not_heard(store: Store) -> None:
    await _owe(store, "one")
    row = await store.mails.claim(60)
    assert row is not None
    await store.mails.mark("sent", row | {"turn": row["turn"] - 1})
    assert (await store.mails.counts())["queued"] == 1


async def test_what_fails_waits_and_is_dead_in_the_end_or_at_once(store: Store) -> None:
    await _owe(store, "one")
    await _owe(store, "two")
    backoff = Backoff((0.0,), spread=0)
    for is_dead in (False, True):
        row = await store.mails.claim(60)
        assert row is not None and row["dedupe_key"] == "one"
        assert await store.mails.fail(row, "not now", backoff) is is_dead
    row = await store.mails.claim(60)
    assert row is not None and row["dedupe_key"] == "two"
    assert await store.mails.fail(row, "nobody of this name", None)
    assert (await store.mails.counts())["dead"] == 2


@pytest.mark.parametrize("name", ["mails", "messages"])
async def test_a_rest_is_told_until_something_is_taken(store: Store, name: str) -> None:
    outbox = getattr(store, name)
    assert await outbox.trouble() is None
    await outbox.rest("554 no more today")
    trouble = await outbox.trouble()
    assert trouble["words"] == "554 no more today" and trouble["failures"] == 1
    other = store.messages if name == "mails" else store.mails
    assert await other.trouble() is None
    await outbox.end_rest()
    assert await outbox.trouble() is None


async def _owe(store: Store, key: str) -> None:
    async with store.database.connection() as connection:
        await owe(connection, key=key, template="license", recipient="a@b.id", payload={})
