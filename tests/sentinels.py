"""A Redis, its replica and the Sentinel that watches them, as a site of several machines has them.

The redis-server of the tests speaks no TLS, so where a test wants it `Tunnel`s stand before the
ports: each takes TLS and plain connections alike, for the Sentinel itself speaks plainly to what
its clients reach by TLS.
"""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from scripts.embedded.redis_server import RedisServer, redis_binary
from scripts.embedded.server import Server
from scripts.embedded.supervisor import Supervisor
from tests.serving import until

NAME = "jaga"

DOWN_MS = 800
"""How long a master must be silent to be down: real ones take seconds, which tests would wait."""


class Sentinel(Server):
    """One Sentinel, whose word alone is enough."""

    name = "sentinel"

    def __init__(
        self, directory: Path, supervisor: Supervisor, watched: int, more: str = ""
    ) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._watched = watched
        self._more = more
        super().__init__(supervisor, directory / "sentinel.log")

    def prepare(self) -> None:
        text = f"""
            port {self.port}
            bind 127.0.0.1
            sentinel monitor {NAME} 127.0.0.1 {self._watched} 1
            sentinel down-after-milliseconds {NAME} {DOWN_MS}
            sentinel failover-timeout {NAME} 3000
            {self._more}
        """
        (self._directory / "sentinel.conf").write_text(text)

    def command(self) -> Sequence[str | Path]:
        return [redis_binary(), self._directory / "sentinel.conf", "--sentinel"]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@dataclass
class Watched:
    """Two servers, of which `master` is one now, and who watches them."""

    master: RedisServer
    replica: RedisServer
    sentinel: Sentinel

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.sentinel.port}/{NAME}/0"

    async def end_master(self, how: str) -> None:
        """Have another master: this one is "killed", or "replaced" by Sentinel's own act."""
        if how == "killed":
            self.master.kill()
        else:
            async with Redis(port=self.sentinel.port) as redis:
                await redis.execute_command("SENTINEL", "FAILOVER", NAME)


async def follow(replica: RedisServer, master: RedisServer) -> None:
    """Have `replica` copy `master`, and wait until it does.

    A Sentinel that is started later knows of both at once, one that runs already only looks every
    ten seconds.
    """
    async with Redis(port=replica.port) as redis:
        await redis.execute_command("REPLICAOF", "127.0.0.1", master.port)

        async def is_up() -> bool:
            return bool((await redis.info("replication"))["master_link_status"] == "up")

        await until(is_up, 20, "the replica has copied the master")


class Tunnel(socketserver.ThreadingTCPServer):
    """A port of its own before a server's, for TLS and plain connections alike; `with` it."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, to: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.to = to
        self.context = context
        self.encrypted = 0
        """How many connections came by TLS."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Passage(socketserver.BaseRequestHandler):
    """One connection, in a thread of its own."""

    server: Tunnel

    def handle(self) -> None:
        client: socket.socket = self.request
        try:
            if client.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS handshake
                client = self.server.context.wrap_socket(client, server_side=True)
                self.server.encrypted += 1
            with client, socket.create_connection(("127.0.0.1", self.server.to)) as server:
                _pass(client, server)
        except OSError:
            return  # one of them hung up, or would not believe us


def _pass(client: socket.socket, server: socket.socket) -> None:
    while True:
        held = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if held else select.select([client, server], [], [])[0]
        for one in ready:
            data = one.recv(65_536)
            if not data:
                return
            (server if one is client else client).sendall(data)
