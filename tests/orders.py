"""What tests of orders share: a server that takes deliveries, and what became of them."""

from __future__ import annotations

from typing import Any

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from store.opening import Store
from tests.client import Browser
from tests.lynk import KEY, payment
from tests.serving import Serving, serving

SUCCESS = b'{"status":"success"}'


async def settle(store: Store) -> None:
    """Apply the log and work off what is due, as the workers do."""
    await LogReader(store).run()
    await Processing(store).run()


async def rows(store: Store, query: str) -> list[dict[str, Any]]:
    return await store.database.fetch(query.encode())


async def states(store: Store) -> list[tuple[str, str]]:
    found = await rows(store, "SELECT state, reason FROM lynk_inbox ORDER BY place")
    return [(row["state"], row["reason"]) for row in found]


async def count(store: Store, table: str) -> int:
    return int((await rows(store, f"SELECT count(*) AS n FROM {table}"))[0]["n"])  # noqa: S608


def signed(environment: dict[str, str], **changes: str):
    return serving(environment, LYNK_MERCHANT_KEYS=KEY, **changes)


async def admin_of(site: Serving) -> Browser:
    return await site.logged_in(await site.member("admin", role="admin"))


REF = "3f" * 16


WRONG, RIGHT = "siti@gmial.com", "siti@gmail.com"


def refund(ref: str = REF, **changes: Any) -> dict[str, Any]:
    body = payment(ref, message_id="API_CALL_1774145761204417_700000", **changes)
    body["event"] = "payment.refunded"
    body["data"]["message_action"] = "REFUND"
    return body
