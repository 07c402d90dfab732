"""Handshakes per address."""

from __future__ import annotations

import pytest

from realtime.presence.rates import MOST_ADDRESSES, HandshakeRate
from store.errors import RateLimited


def test_an_address_that_knocks_too_often_has_to_wait() -> None:
    rate = HandshakeRate(burst=3, per_second=0.001)
    for _ in range(3):
        rate.take("10.0.0.1")
    with pytest.raises(RateLimited) as refused:
        rate.take("10.0.0.1")
    assert refused.value.retry_after and refused.value.retry_after >= 1
    rate.take("10.0.0.2")


def test_this_machines_own_addresses_are_not_limited() -> None:
    rate = HandshakeRate(burst=1, per_second=0.001)
    for address in ("127.0.0.1", "127.3.2.1", "::1"):
        for _ in range(5):
            rate.take(address)


def test_the_buckets_are_bounded() -> None:
    rate = HandshakeRate(burst=1, per_second=0.001)
    for number in range(MOST_ADDRESSES + 10):
        rate.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(rate._buckets) == MOST_ADDRESSES


def test_a_network_of_ipv6_knocks_as_one() -> None:
    rate = HandshakeRate(burst=2, per_second=0.001)
    for address in ("2001:db8:0:7::1", "2001:db8:0:7:ffff::2"):
        rate.take(address)
    with pytest.raises(RateLimited):
        rate.take("2001:db8:0:7::3")
    rate.take("2001:db8:0:8::1")
