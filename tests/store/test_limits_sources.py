"""Where a request comes from, as the limits count it."""

from __future__ import annotations

import pytest

from store.limits import source_of


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_a_whole_network_of_ipv6_is_one_source(address: str, subject: str) -> None:
    assert source_of(address) == subject
