"""The simulator as a process of `scripts/run` and of the tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from scripts.embedded.server import Server
from scripts.embedded.supervisor import Supervisor
from scripts.simulator.hotspot import DNS_NAME

START_SECONDS = 20.0
"""Mostly Python's own start, on a busy core."""

STOP_SECONDS = 3.0
ANSWER_SECONDS = 20.0
"""A state of 10,000 devices is some megabytes."""

LOOK_SECONDS = 1.0
"""Whoever does not answer within this has just been started, or is not ours."""


@dataclass(frozen=True)
class Certificate:
    """What the TLS port shows: PEM files of a certificate, with its chain, and of its key."""

    chain: Path
    key: Path


class RouterPart(Server):
    """The simulator: a port for the API, one for control, one more for TLS with a certificate."""

    name = "router"
    start_seconds = START_SECONDS
    stop_seconds = STOP_SECONDS
    username = "jaga"
    password = "jaga-simulator"  # noqa: S105 (of a router that exists on this machine only)

    def __init__(
        self,
        supervisor: Supervisor,
        log: Path,
        portal: str = "",
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(supervisor, log, ports=3 if certificate else 2)
        self._portal = portal
        self._certificate = certificate

    @property
    def control_port(self) -> int:
        """Where its control API and its page are."""
        return self.ports[1]

    @property
    def ssl_port(self) -> int:
        """Where the API is spoken over TLS; 0 without a certificate."""
        return self.ports[2] if self._certificate else 0

    @property
    def url(self) -> str:
        """Its host, as MIKROTIK_HOST takes it."""
        return "127.0.0.1"

    @property
    def control_url(self) -> str:
        """Where its control API and its page are."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def settings(self) -> dict[str, str]:
        """What the product must be told besides the host."""
        return {
            "MIKROTIK_PORT": str(self.port),
            "MIKROTIK_USERNAME": self.username,
            "MIKROTIK_PASSWORD": self.password,
            # its login pages are on this machine too
            "HOTSPOT_LOGIN_HOSTS": f"{DNS_NAME},{self.url}",
        }

    @property
    def facts(self) -> dict[str, object]:
        """The `router` of run.json."""
        return {
            "router": {
                "host": self.url,
                "port": self.port,
                "username": self.username,
                "password": self.password,
                "control_url": self.control_url,
            }
        }

    def command(self) -> Sequence[str | Path]:
        return [
            *(sys.executable, "-m", "scripts.simulator"),
            *("--port", str(self.port), "--control-port", str(self.control_port)),
            *("--username", self.username, "--password", self.password),
            *("--portal", self._portal),
            *self._tls(),
        ]

    def _tls(self) -> list[str]:
        if self._certificate is None:
            return []
        chain, key = str(self._certificate.chain), str(self._certificate.key)
        return ["--ssl-port", str(self.ssl_port), "--certificate", chain, "--key", key]

    def control(self, path: str, /, **body: Any) -> Any:
        """POST to the control API; returns its answer, a refusal's `error` included."""
        return self._ask("POST", path, json.dumps(body).encode())

    def read(self, path: str) -> Any:
        """GET from the control API."""
        return self._ask("GET", path, None)

    def forget_calls(self) -> None:
        """Begin to count the commands anew."""
        self._ask("DELETE", "calls", None)

    def reset(self) -> None:
        """Have it as when it was started."""
        self.control("reset")

    def _ask(
        self, method: str, path: str, body: bytes | None, seconds: float = ANSWER_SECONDS
    ) -> Any:
        request = Request(f"{self.control_url}/{path}", body, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=seconds) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as refusal:
            return json.load(refusal)

    def answers(self) -> bool:
        try:
            self._ask("GET", "calls", None, LOOK_SECONDS)
        except (OSError, HTTPException, ValueError):
            return False
        return True
