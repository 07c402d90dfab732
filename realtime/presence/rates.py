"""How often one address may open a connection: a token bucket each, in this process's memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict

from store.errors import RateLimited
from store.limits import source_of

BURST = 2_000
PER_SECOND = 100.0
"""A school behind one address may come back all at once after a restart. Who goes on at a hundred
a second for longer is no school."""

MOST_ADDRESSES = 20_000
"""Buckets kept: two megabytes. Beyond it the least recently used is dropped; that address starts
again with a full bucket."""


class HandshakeRate:
    """Token buckets by address."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Take one handshake of an address. Raises RateLimited when its bucket is empty.

        This machine's own addresses are a proxy in front of us, or a test: they are not limited.
        """
        if _is_own(address):
            return
        source = source_of(address)
        now = time.monotonic()
        left, at = self._buckets.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[source] = (left - 1 if allowed else left, now)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(1 / self._per_second)


def _is_own(address: str) -> bool:
    if address.startswith("127."):
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
