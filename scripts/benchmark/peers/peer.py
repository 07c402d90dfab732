"""What all peers share: a process pinned to the servers' core, plans, and pushes through Redis."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from redis.asyncio import Redis

from scripts.benchmark.client import Plan
from scripts.benchmark.machine import Cores, pin
from scripts.benchmark.subject import (
    TRANSPORTS,
    Publisher,
    Push,
    Transport,
    address_of,
    command,
)
from scripts.embedded.ports import answers_at, free_port
from scripts.embedded.supervisor import Child, StartError, Supervisor, last_lines

START_SECONDS = 30.0
STOP_SECONDS = 5.0


class Peer:
    """A server of somebody else's; subclasses say how it is started and asked."""

    name = ""
    transports: tuple[Transport, ...] = TRANSPORTS
    remark = ""

    def __init__(self, supervisor: Supervisor, redis_url: str, cores: Cores, home: Path) -> None:
        self.port = free_port()
        self.redis_url = redis_url
        self.home = home
        self._cores = cores
        self._supervisor = supervisor
        self._child: Child | None = None
        self._secrets: dict[int, str] = {}

    @property
    def prefix(self) -> str:
        """The first part of its names in Redis."""
        return f"bench-{self.name}"

    @property
    def channel(self) -> str:
        """Where it listens for what to push."""
        return f"{self.prefix}:push"

    # The process

    def command(self) -> Sequence[str | Path]:
        """The command line that serves on `port`."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str] | None:
        """Its environment, None for ours."""
        return None

    async def start(self) -> None:
        log = self.home / f"{self.name}.log"
        child = self._supervisor.start(
            self.name, self.command(), env=self.environment(), cwd=self.home, log=log
        )
        pin(child.pid, self._cores.servers)
        self._child = child
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if child.returncode is not None or time.monotonic() > deadline:
                raise StartError(f"{self.name} did not start{last_lines(log)}")
            await asyncio.sleep(0.05)
        for pid in self.pids():
            pin(pid, self._cores.servers)
        await self._until_it_publishes()

    async def _until_it_publishes(self) -> None:
        """Wait until a message gets through: some connect to Redis after they listen."""
        for _ in range(int(START_SECONDS / 0.05)):
            publisher = self.publisher()
            publisher.send(await self.announcement())
            publisher.close()
            if self._is_taken(publisher.reply):
                return
            await asyncio.sleep(0.05)
        raise StartError(f"{self.name} does not publish")

    def _is_taken(self, reply: bytes) -> bool:
        """Whether the reply to a publication says that somebody took it."""
        return reply.startswith(b":") and not reply.startswith(b":0")

    def _listens(self) -> bool:
        return answers_at(self.port)

    async def stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(child.end, STOP_SECONDS)

    def pids(self) -> list[int]:
        return [self._child.pid] if self._child else []

    async def settle(self) -> None:
        await asyncio.sleep(0)

    # Sessions

    def secret(self, device: int) -> str:
        """The cookie's value of a device."""
        return self._secrets.setdefault(device, f"{device}.{secrets.token_hex(16)}")

    async def populate(self, devices: int, progress: Callable[[int, int], None]) -> None:
        redis = Redis.from_url(self.redis_url)
        names = {f"{self.prefix}:session:{n}": self.secret(n) for n in range(devices)}
        await redis.mset(names)
        await redis.aclose()
        progress(devices, devices)

    # Tabs

    def path(self, transport: Transport, device: int) -> str:
        """Where a tab of a device connects."""
        return f"/{transport}"

    def plan(self, transport: Transport, device: int, tab: int) -> Plan:
        head = (
            f"GET {self.path(transport, device)} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari\r\n"
            "Accept-Language: id-ID,id;q=0.9\r\n"
            f"Cookie: session={self.secret(device)}\r\n"
        )
        if transport == "sse":
            head += "Accept: text/event-stream\r\n"
        else:
            head += (
                f"Origin: http://127.0.0.1:{self.port}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            )
        return Plan(
            key=0,
            device=device,
            address=("127.0.0.1", self.port),
            source=address_of(device),
            request=(head + "\r\n").encode(),
            ready=b"\r\n\r\n",
            dialect=transport,
        )

    # Messages

    async def push(self, device: int) -> Push:
        return self._published(str(device))

    async def announcement(self) -> Push:
        return self._published("")

    def _published(self, device: str) -> Push:
        """A PUBLISH of `{device, text}`; an empty device is everybody."""
        text = f"force_logout {secrets.token_hex(8)}"
        data = json.dumps({"device": device, "text": text})
        return Push(command("PUBLISH", self.channel, data), text.encode())

    def publisher(self) -> Publisher:
        return Publisher.to_redis(self.redis_url)
