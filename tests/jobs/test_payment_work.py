"""A delivery in hand is read once, however many steps a run takes it through."""

from __future__ import annotations

import pytest

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from store.payments import orders
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, payment
from tests.orders import rows
from tests.serving import serving


async def test_one_run_reads_what_is_due_once(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    order_of = orders.order_of

    def counted(delivery, *words):
        read.append(delivery.ref)
        return order_of(delivery, *words)

    monkeypatch.setattr(orders, "order_of", counted)
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        refs = ["a" * 32, "b" * 32]
        for ref in refs:
            await deliver(site.browser(), payment(ref, items=[EBOOK, MEMBERSHIP]))
        await LogReader(site.store).run()
        assert await Processing(site.store).run() == 2
        assert [row["state"] for row in await rows(site.store, "SELECT state FROM lynk_inbox")] == [
            "done",
            "done",
        ]
        assert sorted(read) == refs
