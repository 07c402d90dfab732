"""Strangers by the hundred: how soon a block and a login code get through meanwhile.

250 posts a second, each from an address of its own, at the addresses that are for everybody. The
web process trusts one proxy here, as which this client speaks; so no limit by address helps it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.measures.hotspot import block, one_pass, settle_in
from scripts.benchmark.run import Run
from scripts.embedded.ports import free_port
from scripts.simulator.part import RouterPart
from store.opening import Store, open_store

PREFIX = "bench-flood"
PER_SECOND = 250
MEMBERS = 200
BLOCKS = 50
CODES = 20
AHEAD_SECONDS = 3.0
"""How long the flood has been on before anything is measured."""

ANSWER_SECONDS = 20.0
SENT_SECONDS = 20.0
STOP_SECONDS = 10.0
ASK_AGAIN_SECONDS = 0.2

POSTS: tuple[tuple[str, Callable[[int], dict[str, object]]], ...] = (
    ("/api/hotspot/proof", lambda n: {"token": f"junk{n:020d}"}),
    ("/api/auth/request-otp", lambda n: {"phone_number": f"0857{n:08d}"}),
    ("/api/auth/verify-otp", lambda n: {"phone_number": f"0857{n:08d}", "otp": "123456"}),
    ("/api/auth/register", lambda n: {"phone_number": f"0856{n:08d}", "name": f"Tamu {n}"}),
    ("/api/license/validate", lambda n: {"license_key": f"KEI-ABCD-{n:08X}"}),
    ("/api/auth/qr/generate", lambda n: {"browser_id": f"b{n}", "fingerprint": f"f{n}"}),
)


async def measure(run: Run) -> None:
    """Blocks one after the other, then codes, in a flood that goes on through both."""
    await run.empty()
    router = run.product.start_router()
    more = {"REDIS_PREFIX": PREFIX, "MIKROTIK_HOST": "127.0.0.1", "PROXYFIX_X_FOR": "1"}
    more |= router.settings
    gateway = Gateway()
    try:
        async with gateway.listening() as url, open_store(run.product.settings_with(more)) as store:
            more |= {"OTP_SENDER": "http", "OTP_HTTP_URL": url, "OTP_HTTP_TOKEN": "bench"}
            ids = await _house(store, router)
            web = await run.product.start_another(more)
            worker = run.product.start_worker(more)
            try:
                async with _flood(web.settings.port) as flood:
                    await asyncio.sleep(AHEAD_SECONDS)
                    await _measure(run, store, router, ids, web.settings.port, gateway)
                flood.put(run)
            finally:
                await asyncio.to_thread(worker.end, STOP_SECONDS)
                await web.stop()
                await _leave(store)
    finally:
        router.stop()


async def _house(store: Store, router: RouterPart) -> list[str]:
    """Members with a device on the router, and a phone to which a code can be sent."""
    await store.redis.set(store.keys.built(), "1")
    ids = await settle_in(store, MEMBERS)
    phones = {phone(number): member for number, member in enumerate(ids)}
    await store.redis.hset(
        store.keys.hotspot_phones(), items=[word for pair in phones.items() for word in pair]
    )
    await one_pass(store)
    router.control("crowd", count=len(ids))
    await one_pass(store)
    return ids


async def _leave(store: Store) -> None:
    names = [name async for name in store.redis.scan_iter(f"{PREFIX}:*", count=1_000)]
    for at in range(0, len(names), 1_000):
        await store.redis.unlink(*names[at : at + 1_000])


async def _measure(
    run: Run, store: Store, router: RouterPart, ids: list[str], port: int, gateway: Gateway
) -> None:
    put = run.figures.put
    blocks = min(run.rounds(BLOCKS), len(ids) // 2)
    times = []
    for number in range(blocks):
        times.append(await block(store, router, ids[number]))
        run.screen.progress("blocks in a flood", number + 1, blocks)
    put("jaga", "flood.block.p50", percentile(times, 0.5))
    put("jaga", "flood.block.p99", percentile(times, 0.99))
    codes = min(run.rounds(CODES), len(ids) // 2)
    times = []
    for number in range(codes):
        times.append(await _code(port, gateway, phone(len(ids) - 1 - number), number))
        run.screen.progress("codes in a flood", number + 1, codes)
    put("jaga", "flood.otp.p50", percentile(times, 0.5))
    put("jaga", "flood.otp.max", max(times))


def phone(number: int) -> str:
    """A member's phone, as `settle_in` writes it."""
    return f"62812{number:08d}"


async def _code(port: int, gateway: Gateway, number: str, asked: int) -> float:
    """Milliseconds from asking for a code until the gateway has it."""
    began = time.monotonic()
    taken = gateway.expect(number)
    # a page asks again where the server had no time for it
    body: dict[str, object] = {"phone_number": number}
    source = f"10.9.{asked}.1"
    while (status := await _post(port, "/api/auth/request-otp", body, source)) in (0, 503):
        if time.monotonic() - began > SENT_SECONDS:
            break
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    if status != 200:
        raise ClientsFailed(f"a code was answered with {status}")
    try:
        return (await asyncio.wait_for(taken, SENT_SECONDS) - began) * 1000
    except TimeoutError:
        raise ClientsFailed("a code was not sent") from None


class Gateway:
    """A gateway for messages, as the worker of the product reaches one: over HTTP."""

    def __init__(self) -> None:
        self._expected: dict[str, asyncio.Future[float]] = {}

    def expect(self, number: str) -> asyncio.Future[float]:
        """Return when, by the monotonic clock, a message for this phone is here."""
        return self._expected.setdefault(number, asyncio.get_running_loop().create_future())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen, and say where."""
        server = await asyncio.start_server(self._take, "127.0.0.1", free_port())
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/send"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        for number, taken in self._expected.items():
            if number.encode() in body and not taken.done():
                taken.set_result(time.monotonic())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"status":true}')
        await writer.drain()
        writer.close()


class Flood:
    """What became of the posts, by status; 0 for no answer."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.began = time.monotonic()

    def put(self, run: Run) -> None:
        """Note the figures."""
        seconds = time.monotonic() - self.began
        failed = sum(self.answers[status] for status in (0, 500, 502))
        answered = self.answers.total() - self.answers[0]
        by_status = {str(status): count for status, count in sorted(self.answers.items())}
        run.figures.put("jaga", "flood.rate", answered / seconds, by_status)
        run.figures.put("jaga", "flood.failed", failed)


@asynccontextmanager
async def _flood(port: int) -> AsyncIterator[Flood]:
    """Post on and on, whether or not the answers come."""
    flood = Flood()
    under_way: set[asyncio.Task[None]] = set()
    numbers = itertools.count(1)

    async def one(number: int) -> None:
        path, body = POSTS[number % len(POSTS)]
        source = f"2001:db8:{random.randrange(1 << 16):x}:{number & 0xFFFF:x}::1"  # noqa: S311
        flood.answers[await _post(port, path, body(number), source)] += 1

    async def pour() -> None:
        due = time.monotonic()
        while True:
            task = asyncio.create_task(one(next(numbers)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    pouring = asyncio.create_task(pour())
    try:
        yield flood
    finally:
        pouring.cancel()
        await asyncio.gather(pouring, *under_way, return_exceptions=True)


async def _post(port: int, path: str, body: dict[str, object], source: str) -> int:
    """Post JSON as a proxy for `source`; the status, 0 when none came."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-Forwarded-For: {source}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(head.encode() + data)
                line = await reader.readline()
                return int(line.split()[1]) if line else 0
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return 0
