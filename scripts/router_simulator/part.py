"""The simulator as a process of `scripts/run` and of the tests."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from scripts.embedded.supervisor import Child, Supervisor, free_port, wait_until
from scripts.router_simulator.hotspot import DNS_NAME

START_SECONDS = 20.0
"""Mostly Python's own start, on a busy core."""

STOP_SECONDS = 3.0
ANSWER_SECONDS = 20.0
"""A state of 10,000 devices is some megabytes."""


@dataclass(frozen=True)
class Certificate:
    """What the TLS port shows: PEM files of a certificate, with its chain, and of its key."""

    chain: Path
    key: Path


class RouterPart:
    """The simulator on free loopback ports, one more for TLS when it has a certificate."""

    name = "router"
    username = "jaga"
    password = "jaga-simulator"  # noqa: S105 (of a router that exists on this machine only)

    def __init__(
        self,
        supervisor: Supervisor,
        log: Path,
        portal: str = "",
        certificate: Certificate | None = None,
    ) -> None:
        self.port = free_port()
        self.control_port = free_port()
        self.ssl_port = free_port() if certificate else 0
        self.child: Child | None = None
        self._supervisor = supervisor
        self._log = log
        self._portal = portal
        self._certificate = certificate

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

    def start(self) -> None:
        """Start it and wait until it answers; raises StartError."""
        self.child = self._supervisor.start(
            self.name,
            [
                *(sys.executable, "-m", "scripts.router_simulator"),
                *("--port", str(self.port), "--control-port", str(self.control_port)),
                *("--username", self.username, "--password", self.password),
                *("--portal", self._portal),
                *self._tls(),
            ],
            cwd=Path(__file__).parents[2],
            log=self._log,
        )
        wait_until(self._answers, self.child, START_SECONDS, log=self._log)

    def _tls(self) -> list[str]:
        if self._certificate is None:
            return []
        chain, key = str(self._certificate.chain), str(self._certificate.key)
        return ["--ssl-port", str(self.ssl_port), "--certificate", chain, "--key", key]

    def stop(self) -> None:
        """End it."""
        if self.child is not None:
            self.child.end(STOP_SECONDS)
            self.child = None

    def control(self, path: str, /, **body: Any) -> Any:
        """POST to the control API; returns its answer, a refusal's `error` included."""
        return self._ask("POST", path, json.dumps(body).encode())

    def read(self, path: str) -> Any:
        """GET from the control API."""
        return self._ask("GET", path, None)

    def forget_calls(self) -> None:
        """Begin to count the commands anew."""
        self._ask("DELETE", "calls", None)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        request = Request(f"{self.control_url}/{path}", body, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as refusal:
            return json.load(refusal)

    def _answers(self) -> bool:
        try:
            self.read("calls")
        except OSError:
            return False
        return True
