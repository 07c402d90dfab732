"""Lynk.id delivers: 200 payments a second, each a new order on a connection of its own.

Each comes at its moment whether the one before was answered or not. What is measured is the time
until "success", which is said when the delivery is kept.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter

from scripts.benchmark.figures import percentile
from scripts.benchmark.requests import JSON, request
from scripts.benchmark.run import Run
from store.payments.delivery import sign

DELIVERIES = 2_000
PER_SECOND = 200

ANSWER_SECONDS = 10.0
ITEM = {
    "title": "E-Book Panduan Ekspor Pemula",
    "uuid": "65aa0c11f00d4e0001abcd01-7001-3333333333-1774100000001",
    "price": 99000,
    "qty": 1,
    "questions": "{}",
    "stock": "unlimited",
}


async def measure(run: Run) -> None:
    """Deliver, and look how long each answer took."""
    await run.empty()
    settings = run.product.settings
    key = next(iter(settings.lynk_merchant_keys), "")
    # made beforehand, so that making them delays none
    payments = [payment(key) for _ in range(run.rounds(DELIVERIES))]
    answers = await asyncio.gather(
        *(
            _deliver(settings.port, number, body, signature)
            for number, (body, signature) in enumerate(payments)
        )
    )
    statuses = Counter(status for status, _ in answers)
    times = [took for _, took in answers]
    detail = {"deliveries": len(answers), "statuses": dict(statuses)}
    run.figures.put("jaga", "payments.p50", percentile(times, 0.5), detail)
    run.figures.put("jaga", "payments.p99", percentile(times, 0.99))
    run.figures.put("jaga", "payments.refused", len(answers) - statuses[200])


async def _deliver(port: int, number: int, body: bytes, signature: str) -> tuple[int, float]:
    """Deliver at this payment's moment; returns the status and how long it took (ms)."""
    await asyncio.sleep(number / PER_SECOND)
    began = time.perf_counter_ns()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            status = await post(port, body, signature)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        status = 0
    return status, (time.perf_counter_ns() - began) / 1e6


def payment(key: str) -> tuple[bytes, str]:
    """A new order's delivery and its signature."""
    ref, message_id = secrets.token_hex(16), f"API_CALL_{time.time_ns()}_590011"
    customer = {"email": "bench@example.org", "name": "Bench", "phone": "081234567890"}
    message = {
        "createdAt": "2026-03-22T09:15:20",
        "customer": customer,
        "items": [ITEM],
        "refId": ref,
        "totals": {"grandTotal": 96000, "customerPay": 100500},
    }
    data = {"message_action": "SUCCESS", "message_id": message_id, "message_data": message}
    body = json.dumps({"event": "payment.received", "data": data}).encode()
    return body, sign("96000", ref, message_id, key)


async def post(port: int, body: bytes, signature: str) -> int:
    """Deliver it on a connection of its own; returns the status."""
    return await request(
        port, "POST /webhook/lynk", body, Content_Type=JSON, X_Lynk_Signature=signature
    )
