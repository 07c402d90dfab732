"""Webhooks that a proxy has packed: unpacked within the bound, or refused by name."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from store.payments.encoding import LARGEST_BODY
from tests.client import Answer
from tests.lynk import encode, payment, signature_of
from tests.orders import SUCCESS, settle, signed, states
from tests.serving import Serving


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


async def post(site: Serving, body: bytes, encoding: str, signature: str = "") -> Answer:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    if signature:
        headers["X-Lynk-Signature"] = signature
    return await site.browser().send("POST", "/webhook/lynk", body, headers)


async def test_a_packed_payment_is_the_payment(environment) -> None:
    async with signed(environment) as site:
        packings: dict[str, Callable[[bytes], bytes]] = {
            "gzip": gzip.compress,
            "X-GZIP": gzip.compress,
            "deflate": zlib.compress,
            "Deflate ": bare,
            "identity": bytes,
        }
        for name, pack in packings.items():
            body = payment()
            answer = await post(site, pack(encode(body)), name, signature_of(body))
            assert (answer.status, answer.body) == (200, SUCCESS), name
        again = payment("3f" * 16)
        await post(site, encode(again), "", signature_of(again))
        await post(site, gzip.compress(encode(again)), "gzip", signature_of(again))
        await settle(site.store)
        assert await states(site.store) == [("done", "")] * 6, "the same one packed is no other"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("br", b"x", 415),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}")), 415),
        ("gzip", gzip.compress(b"0" * (LARGEST_BODY + 1)), 413),
        ("gzip", gzip.compress(b"0" * (20 << 20)), 413),
        ("deflate", zlib.compress(b"0" * (LARGEST_BODY + 1)), 413),
        ("gzip", b"{}", 400),
        ("gzip", gzip.compress(b"{}")[:-4], 400),
        ("gzip", gzip.compress(b"{}") * 2, 400),
        ("deflate", b"\xff\xff", 400),
        ("gzip", b"", 400),
    ],
    ids=lambda value: "body" if isinstance(value, bytes) else str(value),
)
async def test_what_cannot_be_unpacked_is_refused_by_name(
    environment, name: str, body: bytes, status: int
) -> None:
    async with signed(environment) as site:
        answer = await post(site, body, name)
        assert answer.status == status
        assert answer.json["success"] is False and answer.json["type"]
        assert await states(site.store) == []
