"""Who may see how the server is: its figures, and each part's state (CONTRACT §10)."""

from __future__ import annotations

import secrets
from ipaddress import ip_address, ip_network

from tornado.httputil import HTTPHeaders

from store.door import Door
from store.settings import Settings

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")
"""What a proxy adds. A request that has one of these came through somebody; unless the trusted hop
wrote down for whom, their own address says nothing of who asks."""


class Inspectors:
    """This machine, who knows METRICS_TOKEN, and the networks of METRICS_CIDRS."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self._token = settings.metrics_token.encode()
        self._networks = [ip_network(word, strict=False) for word in settings.metrics_cidrs]
        self._door = door

    def include(self, headers: HTTPHeaders, peer: str) -> bool:
        """Whether the sender of this request is one of them; `peer` is the socket's other end."""
        return self._knows_token(headers) or self._is_near(headers, peer)

    def _knows_token(self, headers: HTTPHeaders) -> bool:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        is_bearer = bool(self._token) and scheme.lower() == "bearer"
        return is_bearer and secrets.compare_digest(given, self._token)

    def _is_near(self, headers: HTTPHeaders, peer: str) -> bool:
        if any(name in headers for name in FORWARDED) and not self._door.forwarded(headers):
            return False  # whoever it was, it was not the proxy itself
        try:
            address = ip_address(self._door.address(headers, peer))
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._networks)
