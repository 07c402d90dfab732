"""Deliveries of Lynk.id for tests: its samples by shape, signed as it signs them."""

from __future__ import annotations

import copy
import json
import secrets
from typing import Any

from store.payments.delivery import sign
from tests.client import Answer, Browser

KEY = "kei-test-merchant-key-NOT-REAL"

EBOOK = {
    "addons": [],
    "appointment_data": {},
    "pafId": "",
    "price": 99000,
    "public_affiliate_content": {},
    "qty": 1,
    "questions": "{}",
    "stock": "unlimited",
    "title": "E-Book Panduan Ekspor Pemula",
    "uuid": "65aa0c11f00d4e0001abcd01-7001-3333333333-1774100000001",
}

MEMBERSHIP = EBOOK | {
    "price": 250000,
    "stock": 47,
    "title": "Daftar Member KEI",
    "uuid": "65aa0c11f00d4e0001abcd01-7001-2222222222-1774100000003",
}


def payment(
    ref: str = "",
    *,
    items: list[dict[str, Any]] | None = None,
    email: str = "siti.rahma@example.com",
    name: str = "Siti Rahma",
    phone: str = "081234567890",
    action: str = "SUCCESS",
    total: Any = 96000,
    message_id: str = "API_CALL_1774145761204417_590011",
) -> dict[str, Any]:
    """A body as Lynk.id sends it; a new order unless `ref` names one."""
    return {
        "event": "payment.received",
        "data": {
            "message_action": action,
            "message_code": "0",
            "message_data": {
                "createdAt": "2026-03-22T09:15:20",
                "customer": {"email": email, "name": name, "phone": phone},
                "items": copy.deepcopy(items or [EBOOK]),
                "refId": ref or secrets.token_hex(16),
                "shippingAddress": "",
                "shippingInfo": "",
                "totals": {
                    "convenienceFee": -3000,
                    "customerPay": 100500,
                    "grandTotal": total,
                    "totalItem": 1,
                    "totalPrice": 99000,
                },
                "voucherCode": "",
            },
            "message_desc": "",
            "message_id": message_id,
            "message_title": "",
        },
    }


def encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def signature_of(body: dict[str, Any], key: str = KEY) -> str:
    """The signature over the parts as they stand in the body."""
    data = body["data"]
    message = data["message_data"]
    amount = json.dumps(message["totals"]["grandTotal"])
    return sign(amount, message["refId"], data["message_id"], key)


async def deliver(
    browser: Browser, body: dict[str, Any] | bytes, signature: str | None = None
) -> Answer:
    """POST it to the webhook; signed unless another signature ("" for none) is given."""
    if isinstance(body, dict):
        signature = signature_of(body) if signature is None else signature
        body = encode(body)
    headers = {"Content-Type": "application/json"}
    if signature:
        headers["X-Lynk-Signature"] = signature
    return await browser.send("POST", "/webhook/lynk", body, headers)
