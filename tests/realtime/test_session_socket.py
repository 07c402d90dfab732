"""The tab's WebSocket: whom it lets in, how it says no, and what a tab may say on it."""

from __future__ import annotations

import asyncio
import struct
import time

import pytest

from realtime.transport.messages import PING_FRAMES
from store.members import Member
from store.sessions import new_id
from tests.client import Browser, Tab, client_frame
from tests.serving import Serving, open_session, serving, until
from tests.stopwatch import Stopwatch

FOREIGN = "https://evil.test"


async def closing(tab: Tab) -> list[str | int]:
    """What is said until the end: the names of events, and last the close code."""
    said: list[str | int] = []
    while (event := await tab.event())["event"] not in ("close", "gone"):
        said.append(event["event"])
    return [*said, event.get("code", "gone")]


async def budi_at(site: Serving) -> tuple[Member, Browser, str]:
    member = await site.member("budi")
    browser = await site.logged_in(member)
    return member, browser, await browser.device_id()


async def test_own_device_is_let_in(environment) -> None:
    async with serving(environment) as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device) as tab:
            hello = await tab.event()
        assert tab.status == 101 and hello["event"] == "connected"
        assert hello["device_id"] == device and hello["tab_id"] == "tab_1_abc"
        assert hello["conn_id"] and abs(hello["server_now"] - time.time()) < 5


@pytest.mark.parametrize("origin", ["", FOREIGN, "null", "http://127.0.0.1.evil.test", "http://"])
async def test_a_cookie_from_a_page_that_is_not_ours_is_refused(environment, origin: str) -> None:
    async with serving(environment) as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device, Origin=origin) as tab:
            assert await closing(tab) == [4403]
        assert site.hub.count == 0


async def test_a_bearer_needs_no_origin_and_no_cookie(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        opened = await open_session(site.store, budi, carrier="bearer")
        program, bearer, device = site.browser(), opened.bearer, opened.session.device
        for headers in (
            {"Authorization": f"Bearer {bearer}", "Origin": ""},
            {"Authorization": f"bearer {bearer}", "Origin": FOREIGN},
            {"Sec-WebSocket-Protocol": f"bearer, {bearer}", "Origin": ""},
        ):
            async with program.tab(device, **headers) as tab:  # type: ignore[arg-type]
                assert (await tab.event())["event"] == "connected", headers


async def test_the_chosen_subprotocol_is_answered(environment) -> None:
    async with serving(environment) as site:
        opened = await open_session(site.store, await site.member("budi"), carrier="bearer")
        device = opened.session.device
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            f"GET /api/devices/ws/{device} HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n"
            "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            f"Sec-WebSocket-Protocol: bearer, {opened.bearer}\r\n\r\n".encode()
        )
        async with asyncio.timeout(3):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert "Sec-WebSocket-Protocol: bearer\r\n" in head and opened.bearer not in head
    assert "Extensions" not in head


async def test_another_device_is_not_ours(environment) -> None:
    async with serving(environment) as site:
        _, browser, device = await budi_at(site)
        tini = await site.logged_in(await site.member("tini"))
        for asker, wanted in (
            (tini, device),
            (browser, "x"),
            (browser, device + "/"),
            (browser, ""),
        ):
            async with asker.tab(wanted or "%20") as tab:
                assert await closing(tab) == [4403], wanted


async def test_without_a_session_there_is_no_line(environment) -> None:
    async with serving(environment) as site:
        _, _, device = await budi_at(site)
        for cookie in ("", "a.b.c", "rubbish", f"{new_id()}.{new_id()}.secret"):
            nobody = site.browser()
            if cookie:
                nobody.cookies["jaga_session"] = cookie
            async with nobody.tab(device) as tab:
                assert await closing(tab) == [4401], cookie


async def test_a_revoked_session_hears_why_then_4501(environment) -> None:
    async with serving(environment, GRACE_SECONDS="0") as site:
        member, browser, device = await budi_at(site)
        await site.logged_in(member)
        for _ in range(2):
            async with browser.tab(device) as tab:
                told = await tab.event()
                assert told["event"] == "force_logout"
                assert told["reason"] == "Session digantikan oleh login baru"
                assert await closing(tab) == [4501]


async def test_within_the_grace_no_new_tab_is_seated(environment) -> None:
    async with serving(environment, GRACE_SECONDS="2") as site:
        member, browser, device = await budi_at(site)
        await site.logged_in(member)
        assert (await browser.get("/api/session")).status == 200
        async with browser.tab(device) as tab:
            assert await closing(tab) == ["force_logout", 4501]
        assert site.hub.count == 0


async def test_a_blocked_member_hears_why_then_4503(environment) -> None:
    async with serving(environment) as site:
        member, browser, device = await budi_at(site)
        async with browser.tab(device) as tab:
            await tab.event()
            await site.store.members.block(member.id, by="admin")
            told = await tab.event()
            assert (told["event"], told["reason"]) == ("force_logout", "Akun diblokir")
            assert await closing(tab) == [4503]
        async with browser.tab(device) as late:
            assert await closing(late) == ["force_logout", 4503]


async def test_an_expired_session_hears_why_then_4519(environment) -> None:
    async with serving(environment, SESSION_LIFETIME_SECONDS="1") as site:
        _, browser, device = await budi_at(site)
        await asyncio.sleep(1.05)
        for _ in range(2):
            async with browser.tab(device) as tab:
                told = await tab.event()
                assert (told["event"], told["reason"]) == ("session_expired", "absolute")
                assert await closing(tab) == [4519]


async def test_one_tab_too_many_closes_the_oldest_only(environment) -> None:
    async with serving(environment, MAX_TABS_PER_DEVICE="2") as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device) as first, browser.tab(device) as second:
            await first.event()
            await second.event()
            async with browser.tab(device) as third:
                assert (await third.event())["event"] == "connected"
                assert await closing(first) == [4029]
                await open_session(site.store, await site.store.members.get(_member(browser)))
                for tab in (second, third):
                    assert await closing(tab) == ["force_logout", 4501]


def _member(browser: Browser) -> str:
    return browser.session.partition(".")[0]


async def test_two_tabs_with_one_tab_id_both_stay(environment) -> None:
    async with serving(environment) as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device) as one, browser.tab(device) as two:
            ids = {(await one.event())["conn_id"], (await two.event())["conn_id"]}
            assert len(ids) == 2 and site.hub.count == 2


async def test_a_full_server_says_come_back_later(environment) -> None:
    async with serving(environment, MAX_CONNECTIONS="1") as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device) as tab:
            await tab.event()
            full = await browser.get("/api/realtime/attendance-stream")
            assert (full.status, full.json["type"]) == (503, "UNAVAILABLE")
            assert int(full.headers["retry-after"]) > 0
            async with browser.tab(device) as second:
                assert second.status == 503
            assert (await browser.get("/api/session")).status == 200
        await until(lambda: _count_is(site, 0))
        async with browser.tab(device) as third:
            assert (await third.event())["event"] == "connected"


@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": ""},
    ],
)
async def test_what_is_no_handshake_is_400(environment, headers: dict[str, str]) -> None:
    async with serving(environment) as site:
        _, browser, device = await budi_at(site)
        async with browser.tab(device, **headers) as tab:  # type: ignore[arg-type]
            assert tab.status == 400
        assert (await browser.get(f"/api/devices/ws/{device}")).json["field"] == "Upgrade"
        assert (await browser.post(f"/api/devices/ws/{device}", {})).status == 405


class TestWhatATabMaySay:
    async def test_ping_and_the_protocols_ping_are_answered(self, environment) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                tab.say(event="ping")
                assert (await tab.event())["event"] == "pong"
                tab.write(9, b"are you there")
                assert await tab.frame() == (10, b"are you there")

    async def test_odd_words_are_let_pass(self, environment) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                for odd in (
                    b"",
                    b"[]",
                    b"null",
                    b"{",
                    b'{"event":["ack"]}',
                    b"[" * 4000,
                    b"9" * 4096,
                ):
                    tab.write(1, odd)
                tab.say(event="ping")
                assert (await tab.event())["event"] == "pong"

    @pytest.mark.parametrize(
        ("bad", "code"),
        [
            (client_frame(1, b"a", masked=False), 1002),
            (client_frame(3, b""), 1002),
            (client_frame(2, b"a"), 1003),
            (client_frame(1, b"\xff"), 1007),
            (client_frame(1, bytes(4097)), 1009),
            (client_frame(0, b"a"), 1002),
            (client_frame(8, struct.pack("!H", 1005)), 1002),
            (client_frame(8, b"\x03"), 1002),
            (b"\xc1\x80\0\0\0\0", 1002),
            (b"GET / HTTP/1.1\r\n\r\n", 1002),
        ],
        ids=[
            "unmasked",
            "an opcode nobody knows",
            "binary",
            "text that is no UTF-8",
            "too big",
            "the rest of nothing",
            "a close code that is never sent",
            "half a close code",
            "a reserved bit",
            "HTTP",
        ],
    )
    async def test_what_breaks_the_protocol_ends_it(
        self, environment, bad: bytes, code: int
    ) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                tab.writer.write(bad)
                assert await closing(tab) == [code]
                assert await tab.reader.read() == b""
            assert site.hub.count == 0

    async def test_a_flood_ends_it_and_a_burst_does_not(self, environment) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab, browser.tab(device) as other:
                await tab.event()
                await other.event()
                for _ in range(10):
                    tab.say(event="ping")
                for _ in range(10):
                    assert (await tab.event())["event"] == "pong"
                for _ in range(2000):
                    tab.say(event="ping")
                assert (await closing(tab))[-1] in (1008, "gone")
                other.say(event="ping")
                assert (await other.event())["event"] == "pong"

    @pytest.mark.parametrize(
        ("code", "answer"), [(1000, 1000), (1001, 1001), (4001, 4001), (0, 1000)]
    )
    async def test_its_goodbye_is_answered(self, environment, code: int, answer: int) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                tab.write(8, struct.pack("!H", code) if code else b"")
                assert await closing(tab) == [answer]
                assert site.hub.count == 0 and not site.hub.sessions()

    async def test_one_byte_at_a_time_is_understood(self, environment) -> None:
        async with serving(environment) as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                for byte in client_frame(1, b'{"event":"ping"}'):
                    tab.writer.write(bytes([byte]))
                    await asyncio.sleep(0.002)
                assert (await tab.event())["event"] == "pong"

    async def test_an_ack_counts_once_and_only_its_own(self, environment) -> None:
        async with serving(environment, GRACE_SECONDS="1") as site:
            member, browser, device = await budi_at(site)
            async with browser.tab(device) as tab, browser.tab(device) as silent:
                await tab.event()
                await silent.event()
                tab.say(event="ack", kick_id="")
                tab.say(event="ack", kick_id=new_id())
                kick = await site.store.members.block(member.id, by="admin")
                told = await tab.event()
                assert told["kick_id"] == kick.id
                for _ in range(3):
                    tab.say(event="ack", kick_id=kick.id)
                tab.say(event="ack", kick_id=[kick.id])
                await closing(tab)
            await until(lambda: _reported(site, kick.id, "acked"))
            receipt = await site.store.sessions.receipt(kick)
        assert receipt == {
            "kick_id": kick.id,
            "targeted": 2,
            "delivered": 2,
            "acked": 1,
            "offline": 0,
        }


class TestTheHeart:
    async def test_it_beats_and_an_answering_tab_stays(self, environment) -> None:
        async with serving(environment, HEARTBEAT_SECONDS="0.1") as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                began = time.monotonic()
                for _ in range(5):
                    beat = await tab.reader.readexactly(len(PING_FRAMES))
                    assert beat == PING_FRAMES
                    tab.write(10, b"")
                    tab.say(event="pong")
                assert 0.4 <= time.monotonic() - began < 2

    async def test_a_silent_tab_is_dropped_within_two_beats_and_a_half(self, environment) -> None:
        async with serving(environment, HEARTBEAT_SECONDS="0.2") as site:
            _, browser, device = await budi_at(site)
            async with browser.tab(device) as tab:
                await tab.event()
                began = Stopwatch()
                await until(lambda: _count_is(site, 0))
                assert began.seconds < 0.2 * 2.5 + 0.2
                assert site.hub.left == {"dead": 1}


async def test_a_session_ended_while_its_tab_is_let_in_is_told_all_the_same(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is announced between the check and the seat: register, then check."""
    async with serving(environment, GRACE_SECONDS="0") as site:
        member, browser, device = await budi_at(site)
        check = site.store.sessions.check

        async def slow_check(text: str, **how: bool):
            place = await check(text, **how)
            await open_session(site.store, member)
            await asyncio.sleep(0.1)
            return place

        monkeypatch.setattr(site.store.sessions, "check", slow_check)
        async with browser.tab(device) as tab:
            assert await closing(tab) == ["force_logout", 4501]
        async with browser.stream() as events:
            assert b"force_logout" in await events.rest()


async def _count_is(site: Serving, count: int) -> bool:
    return site.hub.count == count


async def _reported(site: Serving, kick_id: str, what: str) -> bool:
    return bool(int(await site.store.redis.hget(site.store.keys.receipt(kick_id), what) or 0))
