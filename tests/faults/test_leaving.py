"""A web process that is asked to go: it says so, serves on, answers what is in hand, is gone."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlencode

import pytest

from realtime.transport import reception
from store.passwords import Passwords
from tests.parts import status_of
from tests.serving import HASH, PASSWORD, Serving, serving, until

IN_HAND = 50


class Leaving:
    """A server that is asked to go by `ask`; `gone` is done when it has."""

    def __init__(self, site: Serving, stack: AsyncExitStack) -> None:
        self.site = site
        self._stack = stack

    def ask(self) -> None:
        self.gone = asyncio.create_task(self._stack.aclose())


@asynccontextmanager
async def about_to_leave(environment, **changes: str) -> AsyncIterator[Leaving]:
    async with AsyncExitStack() as stack:
        yield Leaving(await stack.enter_async_context(serving(environment, **changes)), stack)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Passwords are checked when this is set."""
    check, let_go = Passwords.check, asyncio.Event()

    async def later(self, *args):
        await let_go.wait()
        return await check(self, *args)

    monkeypatch.setattr(Passwords, "check", later)
    return let_go


async def kept_alive(port: int, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a browser would ask again, after it said this."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    return reader, writer


ALIVE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def test_every_request_in_hand_is_answered(environment, held: asyncio.Event) -> None:
    async with about_to_leave(environment) as leaving:
        site = leaving.site
        members = [await site.member() for _ in range(IN_HAND)]
        asks = [
            asyncio.create_task(site.browser().login(member.email, PASSWORD)) for member in members
        ]
        front = site.server._reception
        await until(lambda: _is(front.count - len(front._waiting) == IN_HAND))
        leaving.ask()
        await until(lambda: _refuses(site.port))
        held.set()
        answers = await asyncio.gather(*asks)
        await leaving.gone
    assert {answer.status for answer in answers} == {200}


async def _is(true: bool) -> bool:
    return true


async def _refuses(port: int) -> bool:
    return await status_of(port, "/healthz") is None


async def test_it_says_that_it_goes_and_serves_on_for_the_grace(environment) -> None:
    async with about_to_leave(environment, SHUTDOWN_GRACE_SECONDS="0.5") as leaving:
        site = leaving.site
        browser = await site.logged_in(await site.member())
        async with browser.tab() as tab:
            await tab.event()
            leaving.ask()
            await asyncio.sleep(0)
            assert await status_of(site.port, "/readyz") == 503
            assert await status_of(site.port, "/healthz") == 200
            reader, writer = await kept_alive(site.port, ALIVE)
            assert b"\r\nConnection: close\r\n" in await reader.read()
            assert (await browser.get("/api/session")).status == 200
            assert (await browser.get("/api/realtime/attendance-stream")).status == 503
            assert not leaving.gone.done()
            assert await tab.event() == {"event": "close", "code": 4001}
        await leaving.gone
        writer.close()


async def test_a_request_that_is_on_its_way_is_answered_and_who_is_idle_is_let_go(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "ARRIVE_SECONDS", 1.0)
    body = b"username=nobody&password=nothing"
    head = b"POST /auth/authenticate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body)
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    async with about_to_leave(environment) as leaving:
        port = leaving.site.port
        idle, _idle = await kept_alive(port, ALIVE)
        await idle.readuntil(b"\r\n\r\n")
        unread, late = await kept_alive(port, ALIVE[:20])
        half, sending = await kept_alive(port, head)
        never, _never = await kept_alive(port, head)
        await asyncio.sleep(2 * reception.HEARD_SECONDS)
        began = time.monotonic()
        leaving.ask()
        await idle.read()
        assert time.monotonic() - began < 0.8
        late.write(ALIVE[20:])
        sending.write(body)
        assert (await unread.read()).startswith(b"HTTP/1.1 200")
        assert (await half.read()).startswith(b"HTTP/1.1 401")
        assert await never.read() == b""
        await leaving.gone
        assert time.monotonic() - began < 2.5
        for writer in (_idle, late, sending, _never):
            writer.close()


def login_of(email: str) -> bytes:
    body = urlencode({"username": email, "password": PASSWORD, "action": "keep"}).encode()
    head = f"POST /auth/authenticate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    return (head + kind).encode() + body


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_deploys_with_fifty_requests_in_hand_cut_none(product, store) -> None:
    emails = [f"m{number}@jaga.test" for number in range(IN_HAND // 5)]
    for email in emails:
        await store.members.create(email=email, password_hash=HASH)
    asks = [login_of(email) for email in emails]
    asks += [b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"] * (IN_HAND - len(asks))
    for _ in range(10):
        web = await product()
        lines = [
            await asyncio.open_connection("127.0.0.1", web.settings.port) for _ in range(IN_HAND)
        ]
        for (_reader, writer), ask in zip(lines, asks, strict=True):
            writer.write(ask)
        web.web.send(signal.SIGTERM)
        began = time.monotonic()
        said = await asyncio.gather(*(reader.read() for reader, _ in lines))
        await asyncio.to_thread(web.web.wait, 25)
        for _reader, writer in lines:
            writer.close()
        assert [text[:12] for text in said] == [b"HTTP/1.1 200"] * IN_HAND
        assert web.web.returncode == 0 and time.monotonic() - began < 25
