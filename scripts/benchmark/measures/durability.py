"""What it costs to acknowledge only what is kept: a logout, a delivery and an attendance, under
each DURABILITY.

A web process for each, on a Redis of its own, with a replica where one is asked for; they are asked
in turn, so that whatever else the machine does meets all of them alike. A Postgres that syncs its
commits, as a site has it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.measures.attendance import post as fill_in
from scripts.benchmark.measures.payments import payment
from scripts.benchmark.measures.payments import post as deliver
from scripts.benchmark.product import Web
from scripts.benchmark.requests import request
from scripts.benchmark.run import Run
from scripts.embedded.redis_server import RedisServer
from store.attendance.meetings import By
from store.durability import DISK, NONE
from store.errors import NotKept
from store.opening import Store, open_store
from store.sessions import Device

TIMES = 300
"""How often each is done under each setting: the p99 is the fourth from the end."""

AT_ONCE = 64
"""Logouts in one moment, to see how many WAITs serve them."""

ANSWER_SECONDS = 10.0
READY_SECONDS = 20.0
STOP_SECONDS = 10.0
KEY = "a key of the bench's"

POSTGRES = "postgres"
"""`disk` where Redis cannot say what is on its disk, so that Postgres is waited for."""

SETTINGS = {
    NONE: ("everysec", False),
    DISK: ("always", False),
    "replica": ("everysec", True),
    "both": ("always", True),
    POSTGRES: ("everysec", False),
}
"""Each with Redis' appendfsync, and whether there is a replica."""


@dataclass
class Site:
    """One product, and how long each act took there (ms)."""

    name: str
    store: Store
    web: Web
    meeting: str
    member: str
    refused: int = 0
    took: dict[str, list[float]] = field(default_factory=lambda: {act: [] for act in ACTS})

    @property
    def port(self) -> int:
        return self.web.settings.port

    async def time(self, act: str, number: int) -> None:
        """Do it once. Raises ClientsFailed when it is not answered as it should be."""
        prepare, expected = ACTS[act]
        send = await prepare(self, number)
        began = time.perf_counter_ns()
        async with asyncio.timeout(ANSWER_SECONDS):
            status = await send()
        self.took[act].append((time.perf_counter_ns() - began) / 1e6)
        if status == NotKept.status:
            self.refused += 1  # it took too long to be confirmed, and said so
        elif status != expected:
            raise ClientsFailed(f"{act} under {self.name} was answered with {status}")


Send = Callable[[], Awaitable[int]]


async def _logout(site: Site, number: int) -> Send:
    device = Device(f"bench-{number}", "Bench")
    opened = await site.store.sessions.open(site.member, device, method="password", keep=True)
    cookie = f"jaga_session={opened.credential}"
    return lambda: request(site.port, "POST /logout", Cookie=cookie)


async def _delivery(site: Site, number: int) -> Send:
    body, signature = payment(KEY)
    return lambda: deliver(site.port, body, signature)


async def _attendance(site: Site, number: int) -> Send:
    return lambda: fill_in(site.port, site.meeting, number)


ACTS: Mapping[str, tuple[Callable[[Site, int], Awaitable[Send]], int]] = {
    "logout": (_logout, 302),
    "webhook": (_delivery, 200),
    "attendance": (_attendance, 201),
}
"""How each is made ready, and what it is answered with."""


async def measure(run: Run) -> None:
    """Each act in turn at each site, then many logouts at once at the one with a replica."""
    await run.empty()
    async with AsyncExitStack() as stack:
        durable = await stack.enter_async_context(run.product.own_postgres())
        sites = [await stack.enter_async_context(_site(run, name, durable)) for name in SETTINGS]
        rounds = run.rounds(TIMES)
        for number in range(rounds):
            for act in ACTS:
                for site in sites:
                    await site.time(act, number)
            run.screen.progress("acts under each DURABILITY", number + 1, rounds)
        for site in sites:
            for act, times in site.took.items():
                for name, share in (("p50", 0.5), ("p99", 0.99)):
                    key = f"durability.{site.name}.{act}.{name}"
                    run.figures.put("jaga", key, percentile(times, share))
        run.figures.put("jaga", "durability.refused", sum(site.refused for site in sites))
        together = next(site for site in sites if site.name == "replica")
        run.figures.put("jaga", "durability.waits", await _waits(together))


@asynccontextmanager
async def _site(run: Run, name: str, database: str) -> AsyncIterator[Site]:
    fsync, has_replica = SETTINGS[name]
    async with AsyncExitStack() as stack:
        server = run.product.start_redis(f"redis-{name}")
        stack.callback(server.stop)
        more = {
            "REDIS_URL": server.url,
            "QUEUE_REDIS_URL": server.url,
            "REDIS_PREFIX": f"bench-{name}",
            "DATABASE_URL": database,
            "DURABILITY": DISK if name == POSTGRES else name,
            "LYNK_MERCHANT_KEYS": KEY,
        }
        store = await stack.enter_async_context(open_store(run.product.settings_with(more)))
        await store.redis.set(store.keys.built(), "1")
        await store.redis.config_set("appendfsync", fsync)
        if has_replica:
            replica = run.product.start_redis(f"replica-{name}")
            stack.callback(replica.kill)
            await _follow(replica, server, store)
        web = await run.product.start_another(more, name=f"web-{name}")
        stack.push_async_callback(web.stop)
        if name == POSTGRES:
            worker = run.product.start_worker(more)
            stack.push_async_callback(asyncio.to_thread, worker.end, STOP_SECONDS)
            await _is_at_work(store)
        member = await store.members.create(email=f"{name}@example.org", password_hash="x")  # noqa: S106
        wish = {"title": "Bench", **_now()}
        meeting = await store.attendance.meetings.create(wish, By("bench", ""))
        yield Site(name, store, web, meeting.id, member.id)


async def _is_at_work(store: Store) -> None:
    """Wait until the worker brings what is written to Postgres."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            return await store.durability.kept(await store.events.append("audit", {}))
        except NotKept:
            continue
    raise ClientsFailed("the worker does not bring the log to Postgres")


def _now() -> dict[str, str]:
    """A meeting's hours, in which it goes on."""
    moment = time.time()
    form = "%Y-%m-%dT%H:%M:%S+00:00"
    hours = {"starts_at": moment - 3_600, "ends_at": moment + 86_400}
    return {name: time.strftime(form, time.gmtime(at)) for name, at in hours.items()}


async def _follow(replica: RedisServer, master: RedisServer, store: Store) -> None:
    async with Redis(port=replica.port) as redis:
        await redis.replicaof("127.0.0.1", str(master.port))
    deadline = time.monotonic() + READY_SECONDS
    while not (await store.durability.means()).replicas:
        if time.monotonic() > deadline:
            raise ClientsFailed("the replica does not follow")
        await asyncio.sleep(0.05)


async def _waits(site: Site) -> int:
    """How many WAITs it takes for AT_ONCE logouts at once."""
    sends = [await _logout(site, AT_ONCE * TIMES + number) for number in range(AT_ONCE)]
    before = await _served(site.store)
    await asyncio.gather(*(send() for send in sends))
    return await _served(site.store) - before


async def _served(store: Store) -> int:
    stats = await store.redis.info("commandstats")
    return int(stats.get("cmdstat_wait", {}).get("calls", 0))
