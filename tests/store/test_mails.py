"""The outbox as callers see it: owed once, sent anew under another name, listed and counted."""

from __future__ import annotations

from typing import Any

import pytest

from store.database import statement
from store.errors import NotFound
from store.mails import owe, send_anew
from store.opening import Store

ORDER = "a" * 32


async def owed(store: Store, key: str = "k", **more: Any) -> None:
    known: dict[str, Any] = {
        "template": "license",
        "recipient": "sti@example.com",
        "payload": {"email": "sti@example.com", "id_order": "KEI-1"},
        "ref_id": ORDER,
    }
    async with store.database.connection() as connection:
        await owe(connection, key=key, **(known | more))


async def claim(store: Store, lease: float = 60) -> dict[str, Any] | None:
    return await store.database.fetch_one(statement("mail", "claim"), {"lease": lease})


async def test_what_is_owed_twice_is_one_mail(store: Store) -> None:
    await owed(store)
    await owed(store, recipient="other@example.com")
    (mail,) = await store.mails.list()
    assert (mail["state"], mail["to"], mail["order"]) == ("queued", "sti@example.com", ORDER)
    assert (mail["attempts"], mail["last_error"], mail["id_order"]) == (0, "", "KEI-1")


async def test_an_order_is_sent_anew_to_the_right_address(store: Store) -> None:
    await owed(store)
    await owed(store, "k2", template="pendaftaran_member")
    await owed(store, "other", ref_id="b" * 32)
    first = await claim(store)
    assert first is not None
    done = {"id": first["id"], "turn": first["turn"]}
    async with store.database.connection() as connection:
        rows = await send_anew(connection, ref_id=ORDER, recipient="siti@example.com")
        # the worker that still had it comes back: its turn is over
        await connection.execute(statement("mail", "sent"), done)
    assert len(rows) == 2
    mails = await store.mails.list(ref_id=ORDER)
    assert {(mail["to"], mail["state"], mail["turn"]) for mail in mails} == {
        ("siti@example.com", "queued", 1)
    }
    again = await claim(store)
    assert again is not None and again["id"] == first["id"]
    assert again["payload"]["email"] == "siti@example.com"
    assert [mail["order"] for mail in await store.mails.list(recipient="STI@example.com")] == [
        "b" * 32
    ]


async def test_one_that_waits_is_only_hurried_and_a_dead_one_begins_anew(store: Store) -> None:
    await owed(store)
    row = await claim(store)
    assert row is not None
    failed = {"id": row["id"], "turn": 0, "error": "451 later", "dead": False, "seconds": 900}
    async with store.database.connection() as connection:
        await connection.execute(statement("mail", "failed"), failed)
    assert await claim(store) is None
    await store.mails.resend(row["id"])
    (waiting,) = await store.mails.list(state="queued")
    assert (waiting["turn"], waiting["attempts"]) == (0, 0)
    async with store.database.connection() as connection:
        await connection.execute(statement("mail", "failed"), failed | {"dead": True})
    assert await store.mails.counts() == {"queued": 0, "sent": 0, "dead": 1}
    assert await store.mails.resend_dead() == 1
    (waiting,) = await store.mails.list(search=ORDER)
    assert (waiting["state"], waiting["turn"]) == ("queued", 1)
    with pytest.raises(NotFound):
        await store.mails.resend(row["id"] + 1)
