"""A web process is asked to go, or is killed: its clients come back, the others notice nothing."""

from __future__ import annotations

import asyncio
import signal
import struct
import time
from contextlib import AsyncExitStack

from store.opening import Store
from tests.client import Browser, Events, Tab
from tests.serving import HASH, PASSWORD, open_session, serving, until
from tests.stopwatch import Stopwatch


async def seated(store: Store, port: int, count: int) -> list[Browser]:
    browsers = []
    for number in range(count):
        member = await store.members.create(email=f"m{number}@jaga.test", password_hash=HASH)
        browser = Browser(port)
        browser.cookies["jaga_session"] = (await open_session(store, member)).credential
        browsers.append(browser)
    return browsers


async def goodbye_of(tab: Tab) -> tuple[int, str]:
    """The code and the reason a tab is closed with."""
    while True:
        opcode, payload = await tab.frame()
        if opcode == 8:
            return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


async def end_of(events: Events) -> dict[str, str]:
    """The fields of a stream's last event."""
    last = (await events.rest()).decode().strip().split("\n\n")[-1]
    return dict(line.split(": ", 1) for line in last.split("\n"))


async def test_asked_to_go_it_sends_each_client_away_with_its_own_delay(product, store) -> None:
    web = await product(HEARTBEAT_SECONDS="20")
    async with AsyncExitStack() as stack:
        browsers = await seated(store, web.settings.port, 12)
        tabs = [await stack.enter_async_context(browser.tab()) for browser in browsers]
        streams = [await stack.enter_async_context(browser.stream()) for browser in browsers]
        _, idle = await asyncio.open_connection("127.0.0.1", web.settings.port)
        for tab, stream in zip(tabs, streams, strict=True):
            assert (await tab.event())["event"] == "connected"
            assert (await stream.next())[0] == "connected"  # type: ignore[index]

        began, heard = time.monotonic(), Stopwatch()
        web.web.send(signal.SIGTERM)
        web.web.send(signal.SIGTERM)
        goodbyes = await asyncio.gather(*(goodbye_of(tab) for tab in tabs))
        ends = await asyncio.gather(*(end_of(stream) for stream in streams))
        told = heard.seconds
        await stack.aclose()
        await asyncio.to_thread(web.web.wait, 25)
        took = time.monotonic() - began
        idle.close()

    assert {code for code, _ in goodbyes} == {4001}
    assert all(end["event"] == "close" and end["data"] == "reconnect" for end in ends)
    delays = [int(reason.removeprefix("retry=")) for _, reason in goodbyes]
    delays += [int(end["retry"]) for end in ends]
    assert len(set(delays)) >= 18 and min(delays) >= 500
    print(f"24 clients told in {told * 1000:.0f} ms, the process gone after {took:.1f} s")
    assert told < 2 and took < 25
    assert web.web.returncode == 0
    log = web.web_log.read_text()
    assert "Traceback" not in log and "never retrieved" not in log


async def test_clients_that_do_not_hang_up_do_not_hold_it(product, store) -> None:
    web = await product()
    async with AsyncExitStack() as stack:
        browsers = await seated(store, web.settings.port, 3)
        for browser in browsers:
            await stack.enter_async_context(browser.tab())
            await stack.enter_async_context(browser.stream())
        _, half = await asyncio.open_connection("127.0.0.1", web.settings.port)
        half.write(b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await asyncio.sleep(0.1)
        began = time.monotonic()
        web.web.send(signal.SIGTERM)
        await asyncio.to_thread(web.web.wait, 25)
        took = time.monotonic() - began
        half.close()
    print(f"gone after {took:.1f} s though nobody hung up")
    assert took < 25 and web.web.returncode == 0


async def test_while_it_goes_nobody_new_is_let_in(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        site.server._handshake.is_closing = True
        refused = await browser.get("/api/realtime/attendance-stream")
        assert (refused.status, refused.json["type"]) == (503, "UNAVAILABLE")
        assert (await site.browser().get("/readyz")).status == 503
        assert (await site.browser().get("/healthz")).status == 200


async def test_kicks_under_way_when_it_goes_do_not_hold_it(environment) -> None:
    """A receipt is being written, an end carried out: the server still ends, every time."""
    for _ in range(5):
        async with asyncio.timeout(15), AsyncExitStack() as stack:
            site = await stack.enter_async_context(serving(environment, GRACE_SECONDS="0"))
            member = await site.member()
            browser = await site.logged_in(member)
            async with browser.tab() as tab:
                await tab.event()
                await open_session(site.store, member)
                assert (await tab.event())["event"] == "force_logout"


async def test_one_killed_the_tabs_of_the_other_live_and_hear(product, store) -> None:
    doomed, other = await product(), await product()
    (browser,) = await seated(store, other.settings.port, 1)
    member = await store.members.get(browser.session.partition(".")[0])
    async with browser.tab(port=doomed.settings.port) as lost, browser.tab() as kept:
        assert (await lost.event())["event"] == "connected"
        assert (await kept.event())["event"] == "connected"
        doomed.kill()
        assert await lost.event() == {"event": "gone"}
        kept.say(event="ping")
        assert (await kept.event())["event"] == "pong"
        async with browser.tab() as back:
            assert (await back.event())["event"] == "connected"
            await store.members.block(member.id, by="admin")
            for tab in (kept, back):
                assert (await tab.event())["event"] == "force_logout"


async def test_postgres_away_is_no_reason_to_turn_members_away(environment) -> None:
    async with serving(environment, DATABASE_URL="postgresql://127.0.0.1:1/none") as site:
        member = await site.member()
        browser = site.browser()
        assert (await browser.login(member.email, PASSWORD)).status == 200
        async with browser.tab() as tab:
            assert (await tab.event())["event"] == "connected"
            await site.store.members.block(member.id, by="admin")
            assert (await tab.event())["event"] == "force_logout"
        ready = await browser.get("/readyz")
        assert ready.status == 200 and ready.json["postgres"]["ok"] is False
        await until(lambda: _gone(site))


async def _gone(site) -> bool:
    return bool(site.hub.count == 0)
