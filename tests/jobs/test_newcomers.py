"""What becomes of newcomers without anybody's doing, and what a worker writes of their codes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import retention
from jobs.persist.reader import LogReader
from store.errors import NotFound
from store.opening import Store
from tests.client import Browser
from tests.jobs.log import rows
from tests.parts import Product
from tests.serving import HASH, until

PHONE = "6281200000005"


async def test_a_newcomer_whom_nobody_approves_is_forgotten_after_a_week(store: Store) -> None:
    rina = await store.members.register(PHONE, "Rina")
    approved = await store.members.register("6281200000006", "Tono")
    await store.members.approve(approved, True, by="admin")
    paid = await store.members.register("6281200000007", "Siti")
    package = await store.hotspot.packages.make("Harian", 100, 30, False, None)
    await store.hotspot.quota.give(paid, package.id)
    await store.members.create(email="x@jaga.test", password_hash=HASH, phone="081200000008")
    await LogReader(store).run()
    now = datetime.now(UTC)
    assert await retention.forget_newcomers(store, now + timedelta(days=6, hours=23)) == 0
    assert await retention.forget_newcomers(store, now + timedelta(days=7, hours=1)) == 1
    with pytest.raises(NotFound):
        await store.members.get(rina)
    assert await store.hotspot.accounts.member_of(PHONE) is None
    assert (
        rina not in await store.hotspot.accounts.members()
        and len(await store.hotspot.accounts.members()) == 3
    )
    await LogReader(store).run()
    for query in ("SELECT id FROM member", "SELECT member_id AS id FROM hotspot_account"):
        kept = {row["id"] for row in await rows(store, query)}
        assert rina not in kept and {approved, paid} <= kept
    again = await store.members.register(PHONE, "Rina")
    assert again != rina and await store.hotspot.accounts.member_of(PHONE) == again


async def test_a_merge_is_in_the_audit_and_in_the_lasting_copy(store: Store) -> None:
    rina = await store.members.register(PHONE, "Rina")
    await LogReader(store).run()
    added = await store.members.add(email="r@jaga.test", password_hash=HASH, phone=PHONE)
    await LogReader(store).run()
    (entry,) = await rows(store, "SELECT * FROM audit WHERE act = 'member.merge'")
    assert (entry["actor"], entry["subject"]) == ("system", added.member.id)
    assert entry["detail"] | {"registered_at": 0} == {
        "newcomer": rina,
        "name": "Rina",
        "phone": PHONE,
        "registered_at": 0,
    }
    members = await rows(store, "SELECT id FROM member")
    accounts = await rows(store, "SELECT member_id AS id, phone, approved FROM hotspot_account")
    assert members == [{"id": added.member.id}]
    assert accounts == [{"id": added.member.id, "phone": PHONE, "approved": True}]


def said(log: Path, words: str) -> bool:
    return words in log.read_text()


async def test_no_log_holds_a_code_in_production(
    product: Callable[..., Awaitable[Product]], store: Store
) -> None:
    await store.members.create(email="x@jaga.test", password_hash=HASH, phone=PHONE)
    production = {"JAGA_ENV": "production", "SECRET_KEY": store.settings.secret_key}
    web = await product(worker=True, **production)
    asked = await Browser(web.settings.port).post(
        "/api/auth/request-otp", {"phone_number": "081200000005"}
    )
    assert asked.status == 200
    await until(lambda: asyncio.to_thread(said, web.worker_log, "was made and not sent"), 20)
    codes = (f"{number:06d}" for number in range(1_000_000))
    ticket = asked.json["ticket"]
    code = next(code for code in codes if store.hotspot.otp._ticket(PHONE, code) == ticket)
    assert code not in web.worker_log.read_text() + web.web_log.read_text()
