"""Socket.IO on Node.js: `socketio_server.cjs` beside this. WebSocket only, as fast as it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.benchmark.client import Plan
from scripts.benchmark.machine import Cores
from scripts.benchmark.peers.installed import node
from scripts.benchmark.peers.peer import Peer
from scripts.benchmark.subject import Transport
from scripts.embedded.supervisor import Supervisor

SCRIPT = Path(__file__).parent / "socketio_server.cjs"

CONNECT = b"\x81\x82\x00\x00\x00\x0040"
"""The packet that joins the main namespace, as a masked frame."""


class SocketIO(Peer):
    """Raises NotInstalled when it is made without Node.js or its packages."""

    name = "socketio"
    transports: tuple[Transport, ...] = ("ws",)

    def __init__(self, supervisor: Supervisor, redis_url: str, cores: Cores, home: Path) -> None:
        super().__init__(supervisor, redis_url, cores, home)
        self._node, self._modules = node()

    def command(self) -> Sequence[str | Path]:
        return [self._node, SCRIPT, str(self.port), self.redis_url, self.channel, self.prefix]

    def environment(self) -> Mapping[str, str]:
        return {**os.environ, "NODE_PATH": str(self._modules), "NODE_ENV": "production"}

    def path(self, transport: Transport, device: int) -> str:
        return "/socket.io/?EIO=4&transport=websocket"

    def plan(self, transport: Transport, device: int, tab: int) -> Plan:
        plan = super().plan(transport, device, tab)
        return replace(plan, dialect="socketio", then=CONNECT, ready=b"40{")
