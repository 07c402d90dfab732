"""Production without a key: what is held is bounded, and the desk says why it is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from store.payments import intake
from tests.lynk import encode, payment
from tests.serving import Serving, serving


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, JAGA_ENV="production", PROXYFIX_X_FOR="1") as site:
        yield site


async def deliver(site: Serving, body: bytes, address: str = "203.0.113.7") -> int:
    headers = {"X-Forwarded-For": address, "Content-Type": "application/json"}
    return (await site.browser().send("POST", "/webhook/lynk", body, headers)).status


async def test_it_is_bounded_in_all_whoever_sends(
    site: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "HELD_IN_ALL", replace(intake.HELD_IN_ALL, most=4))
    statuses = [await deliver(site, encode(payment()), f"203.0.113.{n}") for n in range(7)]
    assert statuses == [200] * 4 + [503] * 3
    assert site.store.payments.intake.taken == {"held:redis": 4, "held:dropped": 3}


async def test_it_is_bounded_in_bytes(site: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    of_one = replace(intake.HELD_BYTES_PER_ADDRESS, most=100_000)
    monkeypatch.setattr(intake, "HELD_BYTES_PER_ADDRESS", of_one)
    for number in range(4):
        body = b'{"pad": "%d%s"}' % (number, b"x" * 40_000)
        address = f"2001:db8::{number}:{number}"
        assert await deliver(site, body, address) == (200 if number < 2 else 503)
    monkeypatch.setattr(
        intake, "HELD_BYTES_IN_ALL", replace(intake.HELD_BYTES_IN_ALL, most=100_000)
    )
    assert await deliver(site, b'{"pad": "%s"}' % (b"x" * 40_000), "203.0.113.9") == 503


async def test_what_is_no_object_is_bounded_alike(
    site: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(intake.HELD_PER_ADDRESS, most=2)
    monkeypatch.setattr(intake, "HELD_PER_ADDRESS", few)
    assert [await deliver(site, b"[%d]" % number) for number in range(4)] == [200, 200, 503, 503]


async def test_the_desk_says_that_a_key_is_missing(environment: dict[str, str]) -> None:
    for key, says in (("", True), ("a merchant key", False)):
        keys = {"LYNK_MERCHANT_KEYS": key} if key else {}
        async with serving(environment, JAGA_ENV="production", **keys) as site:
            admin = await site.member(role="admin")
            browser = await site.logged_in(admin)
            page = await browser.get("/admin/webhooks")
            assert page.status == 200 and (b"LYNK_MERCHANT_KEYS" in page.body) is says
            warnings = (await browser.get("/readyz")).json["warnings"]
            assert any(line.startswith("LYNK_MERCHANT_KEYS") for line in warnings) is says
