"""The product under measurement: real processes, real members, real sessions, real Redis.

Members are created through the store with one ready hash, sessions opened through it as after a
checked password: bcrypt would take minutes and is not what is measured. No worker runs, so that
the processor is the servers' and the clients'.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from scripts.benchmark.client import Plan
from scripts.benchmark.machine import Cores, pin
from scripts.benchmark.subject import (
    TRANSPORTS,
    Publisher,
    Push,
    Transport,
    address_of,
    command,
    key_of,
)
from scripts.embedded.ports import free_port
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Child, StartError, Supervisor, last_lines
from scripts.migrate import migrate
from scripts.simulator.part import RouterPart
from store.changes import Changes
from store.opening import Store, open_store
from store.passwords import hash_password
from store.sessions import Device, Opened, Sessions
from store.settings import SETTING_NAMES, Settings

ROOT = Path(__file__).resolve().parents[2]

PASSWORD = "a password that opens nothing"  # noqa: S105
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
REPORT_SECONDS = 60.0
"""A snapshot of traced memory takes seconds."""

AT_ONCE = 24
"""Calls to the store under way together: fewer than its pool has connections."""

Item = TypeVar("Item")


class Web:
    """One web process, alone on the servers' core."""

    def __init__(self, child: Child, settings: Settings, report: Path) -> None:
        self.child = child
        self.settings = settings
        self._report = report
        self._reports = 0

    @classmethod
    async def start(
        cls, supervisor: Supervisor, env: Mapping[str, str], cores: Cores, home: Path, name: str
    ) -> Web:
        """Start it and wait until it is ready. Raises StartError."""
        report = home / f"{name}.report.json"
        report.unlink(missing_ok=True)
        log = home / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES}
        child = supervisor.start(
            name,
            [sys.executable, "-m", "scripts.benchmark.observed"],
            env={**clean, **env, "BENCH_REPORT": str(report)},
            cwd=ROOT,
            log=log,
        )
        pin(child.pid, cores.servers)
        web = cls(child, Settings.from_environment(env), report)
        await web.until_ready(log)
        return web

    async def until_ready(self, log: Path) -> None:
        """Wait for /readyz. Raises StartError."""
        deadline = time.monotonic() + READY_SECONDS
        while await status_of(self.settings.port, "/readyz") != 200:
            if self.child.returncode is not None or time.monotonic() > deadline:
                raise StartError(f"the web process did not get ready{last_lines(log)}")
            await asyncio.sleep(0.02)

    async def report(self) -> dict[str, Any]:
        """Have it collect its garbage and say what it holds."""
        self._reports += 1
        self.child.send(signal.SIGUSR1)
        deadline = time.monotonic() + REPORT_SECONDS
        while time.monotonic() < deadline:
            if self._report.exists():
                facts: dict[str, Any] = json.loads(self._report.read_text())
                if facts["number"] == self._reports:
                    return facts
            await asyncio.sleep(0.02)
        raise StartError("the web process does not answer the signal")

    async def stop(self) -> None:
        """End it as a deploy does."""
        await asyncio.to_thread(self.child.end, STOP_SECONDS)


class Product:
    """The product as a subject."""

    name = "jaga"
    transports = TRANSPORTS
    remark = ""
    is_ours = True
    """Whether its process was started here, and so may be ended and asked what it holds."""

    def __init__(
        self, supervisor: Supervisor, env: Mapping[str, str], cores: Cores, home: Path
    ) -> None:
        """`env` holds every setting the web process needs."""
        self._supervisor = supervisor
        self._env = env
        self._cores = cores
        self._home = home
        self._stack = AsyncExitStack()
        self._recorder = Recorder()
        self._number = 0
        self.settings = Settings.from_environment(self._env)
        self.more_env: dict[str, str] = {}
        self.members: list[str] = []
        self._emails: list[str] = []
        self.opened: list[Opened] = []
        self.store: Store
        self.web: Web
        self._runs = False

    async def open(self) -> None:
        """Open the store; the product's Redis and Postgres must be up and migrated."""
        self.store = await self._stack.enter_async_context(open_store(self.settings))
        await self.store.redis.set(self.store.keys.built(), "1")

    async def close(self) -> None:
        """Close it again."""
        await self._stack.aclose()

    # Members and sessions

    async def populate(self, devices: int, progress: Callable[[int, int], None]) -> None:
        """Have at least so many members, each logged in on a device of its own."""
        password = await asyncio.to_thread(hash_password, PASSWORD)
        first = len(self.members)

        async def add(number: int) -> None:
            email = f"bench-{number}-{secrets.token_hex(4)}@example.org"
            member = await self.store.members.create(email=email, password_hash=password)
            self.members[number] = member.id
            self._emails[number] = email
            self.opened[number] = await self.login(number)

        missing = range(first, devices)
        self.members += [""] * len(missing)
        self._emails += [""] * len(missing)
        self.opened += [None] * len(missing)  # type: ignore[list-item]
        await each(missing, add, lambda done: progress(first + done, devices))

    def email(self, number: int) -> str:
        """By what a member logs in; the password is PASSWORD."""
        return self._emails[number]

    async def login(self, number: int, *, elsewhere: bool = False) -> Opened:
        """Open a member's web session, on its device or on one never seen before."""
        device = secrets.token_hex(8) if elsewhere else f"{number:016x}"
        return await self.store.sessions.open(
            self.members[number],
            Device(device, "Bench - Linux", user_agent="Mozilla/5.0 (X11; Linux) bench"),
            method="password",
            keep=True,
        )

    async def restore(self, devices: list[int]) -> None:
        """Log devices in again after they were logged out."""

        async def again(number: int) -> None:
            self.opened[number] = await self.login(number)

        await each(devices, again)

    # The process

    async def start(self) -> None:
        self.web = await self.start_web("web", self._env)
        self._runs = True

    async def start_web(self, name: str, env: Mapping[str, str]) -> Web:
        """Start a web process beside whatever runs."""
        return await Web.start(
            self._supervisor, {**env, **self.more_env}, self._cores, self._home, name
        )

    async def start_another(
        self, more: Mapping[str, str] | None = None, name: str = "web-2"
    ) -> Web:
        """Start a second web process on a port of its own: on the same state, unless `more`
        settings say otherwise."""
        port = str(free_port())
        env = {**self._env, "PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        return await self.start_web(name, env | dict(more or {}))

    def settings_with(self, more: Mapping[str, str]) -> Settings:
        """Return the product's settings with some changed."""
        return Settings.from_environment({**self._env, **more})

    def start_worker(self, more: Mapping[str, str]) -> Child:
        """Start a worker with some settings changed; the caller ends it."""
        clean = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES}
        return self._supervisor.start(
            "worker",
            [sys.executable, "-m", "jobs"],
            env={**clean, **self._env, **more},
            cwd=ROOT,
            log=self._home / "worker.log",
        )

    def start_redis(self, name: str) -> RedisServer:
        """Start a Redis of its own; the caller stops it."""
        server = RedisServer(self._home / name, self._supervisor)
        server.start()
        return server

    @asynccontextmanager
    async def own_postgres(self) -> AsyncIterator[str]:
        """The address of a Postgres of its own, migrated, which syncs what it commits."""
        server = PostgresServer(self._home / "postgres-synced", self._supervisor)
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(migrate, server.url)
            yield server.url
        finally:
            await asyncio.to_thread(server.stop)

    def start_router(self) -> RouterPart:
        """Start a RouterOS simulator on the servers' core; the caller stops it."""
        router = RouterPart(self._supervisor, self._home / "router.log")
        router.start()
        if router.child is not None:
            pin(router.child.pid, self._cores.servers)
        return router

    async def stop(self) -> None:
        if self._runs:
            self._runs = False
            await self.web.stop()

    def pids(self) -> list[int]:
        return [self.web.child.pid]

    async def settle(self) -> None:
        await self.web.report()

    # Tabs

    def plan(self, transport: Transport, device: int, tab: int) -> Plan:
        return plan_of(self.opened[device], transport, device, tab, self.settings.port)

    # Messages

    async def push(self, device: int) -> Push:
        """An event of one session that changes nothing: a login elsewhere was answered."""
        attempt = secrets.token_hex(8)
        session = self.opened[device].session
        data = {"member": session.member, "sid": session.sid, "attempt": attempt, "allowed": True}
        return Push(self._event("login.answered", data), attempt.encode())

    async def logout(self, device: int, by: str = "bench") -> Push:
        """A logout of one device's session, whole: the script that ends it and writes the log."""
        session = self.opened[device].session
        store, recorder = self.store, self._recorder
        changes = Changes(recorder, store.keys, store.database, store.queue)  # type: ignore[arg-type]
        logout = await Sessions(changes, self.settings).end(
            session.member, session.sid, reason="admin", by=by
        )
        await self.load_scripts()
        return Push(command("EVALSHA", *self._recorder.words), logout.id.encode())

    async def load_scripts(self) -> None:
        """Have Redis know the script that `logout` calls by its digest."""
        if not self._recorder.is_loaded:
            self._recorder.is_loaded = True
            one = secrets.token_hex(8)
            await self.store.sessions.end(one, one, reason="admin", by="bench")

    async def announcement(self) -> Push:
        self._number += 1
        text = f"announcement {self._number} {secrets.token_hex(4)}"
        return Push(self._event("announced", {"text": text}), text.encode())

    def _event(self, type: str, data: dict[str, Any]) -> bytes:
        """The command by which the store appends an event to the log."""
        name = self.store.keys.events()
        return command("XADD", name, "*", "type", type, "data", json.dumps(data))

    def publisher(self) -> Publisher:
        return Publisher.to_redis(self.settings.redis_url)


def plan_of(opened: Opened, transport: Transport, device: int, tab: int, port: int) -> Plan:
    """How to open a tab of a session at the web process on `port`."""
    head = (
        f"Host: 127.0.0.1:{port}\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari\r\n"
        "Accept-Language: id-ID,id;q=0.9\r\n"
        f"Cookie: jaga_session={opened.credential}\r\n"
    )
    if transport == "sse":
        start = f"GET /api/realtime/attendance-stream?tab_id=tab_{tab} HTTP/1.1\r\n"
        head += "Accept: text/event-stream\r\n"
        ready = b"event: connected"
    else:
        device_id = opened.session.device
        start = f"GET /api/devices/ws/{device_id}?tab_id=tab_{tab} HTTP/1.1\r\n"
        head += (
            f"Origin: http://127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        ready = b'"event":"connected"'
    return Plan(
        key=key_of(0, device, tab),
        device=device,
        address=("127.0.0.1", port),
        source=address_of(device),
        request=(start + head + "\r\n").encode(),
        ready=ready,
        dialect=transport,
    )


class Recorder:
    """Stands in for Redis to learn the words of a call instead of making it."""

    def __init__(self) -> None:
        self.words: tuple[str | int, ...] = ()
        self.is_loaded = False

    async def evalsha(self, digest: str, count: int, *words: str) -> list[str]:
        """Remember the call; answer as when there was nothing to end."""
        self.words = (digest, count, *words)
        return []


async def each(
    items: Iterable[Item],
    act: Callable[[Item], Awaitable[None]],
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Do something for each item, AT_ONCE at a time."""
    waiting = iter(items)
    done = 0

    async def work() -> None:
        nonlocal done
        for item in waiting:
            await act(item)
            done += 1
            if done % 100 == 0:
                progress(done)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    progress(done)


async def status_of(port: int, path: str) -> int | None:
    """Return the HTTP status of `GET path`, None when nobody answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return None
    return int(line.split()[1]) if line else None
