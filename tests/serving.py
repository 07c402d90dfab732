"""A server inside the test's own process: real sockets and a real Redis, and its parts at hand.

It starts and stops within some 20 ms, a process takes a second of a core. Where a process has to
die, or two have to agree, `product` of conftest.py is the one to take.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from realtime.presence.hub import Hub
from realtime.server import Server
from store.members import Member
from store.opening import Store, open_store
from store.sessions import Carrier, Device, Method, Opened, new_id
from store.settings import Settings
from tests.client import Browser
from tests.parts import status_of

PASSWORD = "rahasia sekali"

HASH = "jaga1$2b$04$pzSBeo6.ELKpmG.WsYAmTugbbm2FszipyJlJ1ml3kugNwu8LNrfXO"
"""PASSWORD under today's scheme at the tests' own cost, made already."""

READY_SECONDS = 10.0
CANCEL_SECONDS = 5.0


@dataclass(frozen=True)
class Serving:
    """A running server, its store, and its parts."""

    server: Server
    store: Store

    @property
    def settings(self) -> Settings:
        return self.store.settings

    @property
    def port(self) -> int:
        return self.settings.port

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def hub(self) -> Hub:
        return self.server._hub

    def browser(self) -> Browser:
        return Browser(self.port)

    async def member(self, login: str = "", **more: Any) -> Member:
        """A member whose password is PASSWORD, made without hashing."""
        email = f"{login or new_id()}@jaga.test"
        return await self.store.members.create(email=email, password_hash=HASH, **more)

    async def logged_in(self, member: Member, **how: Any) -> Browser:
        """A browser of a device of its own, logged in without the password's cost."""
        browser = self.browser()
        opened = await open_session(self.store, member, carrier="cookie", **how)
        browser.cookies["jaga_session"] = opened.credential
        return browser


async def open_session(
    store: Store,
    member: Member,
    *,
    method: Method = "password",
    device: str = "",
    remember: bool = False,
    keep: bool = True,
    fp: str = "",
    known: bool = True,
    carrier: Carrier | None = None,
) -> Opened:
    """Open a session in the store, as a login does after the password was checked."""
    whose = Device(id=device or new_id(), name="Chrome - Linux", fp=fp, ip="127.0.0.1", known=known)
    return await store.sessions.open(
        member.id, whose, method=method, keep=keep, remember=remember, carrier=carrier
    )


_opened: list[Store] = []


@asynccontextmanager
async def serving(environment: Mapping[str, str], **changes: str) -> AsyncIterator[Serving]:
    """Run a server on the test's settings, with some of them changed."""
    settings = Settings.from_environment({**environment, **changes})
    async with open_store(settings) as store:
        _opened.append(store)
        await store.redis.set(store.keys.built(), "1")
        server = Server(store)
        async with server.running():
            await until(lambda: _is_ready(settings.port), READY_SECONDS, "/readyz 200")
            yield Serving(server, store)


async def end(tasks: set[asyncio.Task[Any]]) -> None:
    """End what a test left running, and the connections that it opened anew.

    Requests and lines whose server has stopped run on for a moment here, and may ask a store that
    is closed already; a process would be gone.
    """
    await _cancel(tasks)
    while _opened:
        await _opened.pop().redis.aclose()


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have heard it."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_SECONDS)


async def _is_ready(port: int) -> bool:
    return await status_of(port, "/readyz") == 200


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 5.0, what: str = "") -> None:
    """Wait until something is so; raises AssertionError, with `what` it was, when it does not come.

    Without `what` it is where `true` was written.
    """
    deadline = time.monotonic() + seconds
    while not await true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or _place(true)}")
        await asyncio.sleep(0.01)


def _place(function: Callable[..., object]) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
