"""The news of a member's hotspot: at once, to that member's tabs only, and never a flood."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Any

from realtime.channels.hotspot import REST_SECONDS
from realtime.presence.hub import Hub
from realtime.transport.connection import Connection, SessionTabs
from realtime.transport.messages import Message
from store.members import Member
from tests.client import Tab
from tests.serving import Serving, open_session, serving, until
from tests.stopwatch import Stopwatch


async def change(site: Serving, member: Member) -> None:
    await site.store.hotspot.quota.correct(member.id, used=time.time_ns())


async def test_every_tab_hears_and_nobody_else(environment) -> None:
    async with serving(environment) as site:
        siti, budi = await site.member(), await site.member()
        hers, his = await site.logged_in(siti), await site.logged_in(budi)
        async with (
            hers.tab() as one,
            hers.tab() as two,
            hers.stream() as stream,
            his.tab() as other,
        ):
            for tab in (one, two, other):
                assert (await tab.event())["event"] == "connected"
            assert (await stream.next() or ("",))[0] == "connected"
            began = Stopwatch()
            await change(site, siti)
            # nothing of the account: the page asks for it with its own session
            assert await one.event() == await two.event() == {"event": "hotspot"}
            took = began.seconds
            name, id, data = await stream.next() or ("", "", "")
            # a named event: whoever listens to the documented default messages hears nothing
            assert (name, data) == ("hotspot", {}) and "-" in id
            await open_session(site.store, budi)
            assert (await other.event())["event"] == "force_logout"
    print(f"\nchange to frame: {took * 1000:.1f} ms")
    assert took < 0.5


async def test_devices_and_what_the_router_agrees_with_are_news(environment) -> None:
    async with serving(environment) as site:
        siti = await site.member()
        browser = await site.logged_in(siti)
        store = site.store
        async with browser.tab() as tab:
            await tab.event()
            await store.hotspot.devices.bind(
                siti.id, "A4:BB:CC:00:00:01", "192.168.200.1", name="x"
            )
            assert await tab.event() == {"event": "hotspot"}
            await asyncio.sleep(REST_SECONDS + 0.1)
            async with store.hotspot.leases.taken("utama") as lease:
                assert lease and await store.hotspot.ledger.settle(
                    "utama", siti.id, "habis", 1, lease
                )
            assert await tab.event() == {"event": "hotspot"}


async def test_a_burst_is_the_first_and_the_last_of_it(environment) -> None:
    async with serving(environment) as site:
        siti = await site.member()
        browser = await site.logged_in(siti)
        async with browser.stream() as stream:
            await stream.next()
            began = time.monotonic()
            for _ in range(50):
                await change(site, siti)
            last = await site.store.events.last_id()
            heard = [await stream.next(), await stream.next()]
            took = time.monotonic() - began
            assert heard[1] == ("hotspot", last, {})
            assert took > REST_SECONDS * 0.9
            # and that is all: what comes next is another change
            await asyncio.sleep(REST_SECONDS + 0.2)
            await change(site, siti)
            assert await stream.next() == ("hotspot", await site.store.events.last_id(), {})
        listener: Any = site.server._relay._listeners["hotspot.changed"]
        lines = listener.__self__
        await asyncio.sleep(REST_SECONDS + 0.2)
        assert (lines._fresh, lines._resting, len(lines._rests)) == ({}, {}, 0)


class Ear(Connection):
    """A tab that only counts."""

    transport = "sse"

    def __init__(self, hub: Hub, id: str) -> None:
        super().__init__(hub, id, "t")
        self.heard = 0

    def tell(self, message: Message) -> bool:
        self.heard += len(message.sse) > 0
        return True

    def beat(self) -> bool:
        return True

    def close(self, code: int, retry_ms: int = 0) -> None:
        self.hub.remove(self, str(code))


def sit(site: Serving, count: int) -> list[Ear]:
    ears = [Ear(site.hub, f"c{n}") for n in range(count)]
    for n, ear in enumerate(ears):
        site.hub.join(ear, SessionTabs(f"s{n}", f"m{n}", f"d{n}", "x"))
    return ears


async def all_heard(ears: list[Ear]) -> bool:
    return all(ear.heard for ear in ears)


async def announce(site: Serving, count: int) -> None:
    """What a pass over everybody writes."""
    pipe = site.store.redis.pipeline(transaction=False)
    for n in range(count):
        row = {"member": f"m{n}", "at": 1, "phone": "628", "used": "123456789", "settled": "aktif"}
        event: dict[Any, Any] = {"type": "hotspot.changed", "data": json.dumps(row)}
        pipe.xadd(site.store.keys.events(), event)
    await pipe.execute()


async def delay_of_a_logout(site: Serving, tab: Tab, member: Member) -> float:
    began = Stopwatch()
    await open_session(site.store, member)
    await tab.until("force_logout")
    return began.seconds


async def test_a_full_pass_does_not_hold_the_relay_up(environment) -> None:
    """10,000 members are announced while as many sit here; then somebody is logged out."""
    async with serving(environment, SWEEP_SECONDS="300") as site:
        for seated, label in ((0, "nobody"), (10_000, "10,000")):
            ears = sit(site, seated)
            budi = await site.member()
            browser = await site.logged_in(budi)
            async with browser.tab() as tab:
                await tab.event()
                began = time.monotonic()
                await announce(site, 10_000)
                written = time.monotonic() - began
                behind = await delay_of_a_logout(site, tab, budi)
            print(f"\n{label} listening: written in {written:.3f} s, logout {behind * 1000:.0f} ms")
            assert behind < 1.0
            await until(partial(all_heard, ears))
            assert {ear.heard for ear in ears} <= {1}
