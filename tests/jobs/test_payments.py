"""The inbox in Postgres: one receipt counts once, whichever way it comes, and how often."""

from __future__ import annotations

from typing import Any

from jobs.persist.reader import LogReader
from store.database import statement
from store.opening import Store
from store.payments.delivery import read
from store.payments.intake import _record, row_of
from tests.jobs.log import write
from tests.lynk import encode, payment


def record_of(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    delivery = read(encode(body))
    return _record(delivery, store.payments.intake.judge(delivery), "203.0.113.7")


async def inbox(store: Store) -> list[dict[str, Any]]:
    return await store.database.fetch(b"SELECT * FROM lynk_inbox ORDER BY place")


async def receive(store: Store, record: dict[str, Any]) -> None:
    async with store.database.connection() as connection:
        await connection.execute(statement("payments", "receive"), row_of(record))


async def test_what_two_tiers_kept_is_one_row_and_counted_once(store: Store) -> None:
    record = record_of(store, payment())
    await receive(store, record)
    await write(store, "payment.received", **record)
    await write(store, "payment.received", **record)
    await LogReader(store).run()
    (row,) = await inbox(store)
    assert (row["deliveries"], row["receipts"]) == (1, [record["receipt"]])


async def test_a_repetition_counts_once_however_often_its_event_is_read(store: Store) -> None:
    record = record_of(store, payment())
    await receive(store, record)
    again = {"id": record["id"], "receipt": "another", "at": record["at"] + 1000}
    for _ in range(3):
        await write(store, "payment.repeated", **again)
    await LogReader(store).run()
    (row,) = await inbox(store)
    assert row["deliveries"] == 2
    assert (row["last_at"] - row["received_at"]).total_seconds() == 1


async def test_only_the_last_receipts_are_kept(store: Store) -> None:
    record = record_of(store, payment())
    for number in range(50):
        await receive(store, record | {"receipt": str(number)})
    (row,) = await inbox(store)
    assert row["deliveries"] == 50
    assert row["receipts"] == [str(number) for number in range(30, 50)]


async def test_a_broken_delivery_is_put_aside_and_the_log_goes_on(store: Store) -> None:
    await write(store, "payment.received", id="x")
    await write(store, "payment.received", **record_of(store, payment()) | {"body": "no base64!"})
    await write(store, "payment.repeated", id=5)
    await write(store, "licence.activated", id="no number", instance="i", version=1, at=1)
    await write(store, "payment.received", **record_of(store, payment()))
    await LogReader(store).run()
    assert len(await inbox(store)) == 1
    (rejected,) = await store.database.fetch(b"SELECT count(*) AS n FROM event_rejected")
    assert rejected["n"] == 4


async def test_the_quarantine_keeps_the_newest_thousand(store: Store) -> None:
    for _ in range(3):
        record = record_of(store, payment()) | {"state": "quarantined"}
        await receive(store, record)
    async with store.database.connection() as connection:
        await connection.execute(
            b"INSERT INTO lynk_inbox (id, body, header, address, tier, ref_id, verified,"
            b" signed_with, state, receipts, received_at, last_at)"
            b" SELECT 'q' || n, '', '', '', 'redis', '', false, '', 'quarantined', '{}', now(),"
            b" now() FROM generate_series(1, 999) AS n"
        )
    genuine = record_of(store, payment())
    await receive(store, genuine)
    assert len(await inbox(store)) == 1003
    await receive(store, record_of(store, payment()) | {"state": "quarantined"})
    states = [row["state"] for row in await inbox(store)]
    assert 1000 <= states.count("quarantined") <= 1001
    assert states.count("received") == 1
