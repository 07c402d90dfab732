"""Redis dies, hangs, fills up, is emptied or cut off: nobody is let in wrongly, and nothing that
was acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from scripts.embedded.ports import free_port
from scripts.embedded.redis_server import RedisServer
from store.members import Member
from tests.client import Answer, Browser, Tab
from tests.faults.cuts import cut_the_line
from tests.parts import status_of
from tests.serving import PASSWORD, Serving, open_session, serving, until
from tests.stopwatch import Stopwatch


@pytest.fixture
def environment(environment: dict[str, str], own_redis: RedisServer) -> dict[str, str]:
    return environment | {"REDIS_URL": own_redis.url, "SWEEP_SECONDS": "1", "GRACE_SECONDS": "0"}


class Line:
    """A member, its browser, one tab of it, and when that tab was told to leave."""

    def __init__(self, member: Member, browser: Browser, tab: Tab) -> None:
        self.member = member
        self.browser = browser
        self.told_at = 0.0
        self.acknowledged_at = 0.0
        self._tab = tab
        self.hearing = asyncio.create_task(self._hear())

    @classmethod
    async def open(cls, site: Serving) -> Line:
        member = await site.member()
        browser = await site.logged_in(member)
        tab = await Tab.open(browser, await browser.device_id(), site.port, {})
        assert tab.status == 101
        return cls(member, browser, tab)

    async def _hear(self) -> None:
        while True:
            try:
                opcode, payload = await self._tab.frame()
            except TimeoutError:
                continue
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if opcode == 1 and b"force_logout" in payload and not self.told_at:
                self.told_at = time.monotonic()
            if opcode == 9:
                self._tab.write(10, b"")

    @property
    def is_open(self) -> bool:
        return not self.hearing.done()

    def close(self) -> None:
        self.hearing.cancel()
        self._tab.writer.close()


@pytest.fixture
async def lines(environment) -> AsyncIterator[list[Line]]:
    lines: list[Line] = []
    yield lines
    for line in lines:
        line.close()
    await asyncio.gather(*(line.hearing for line in lines), return_exceptions=True)


async def open_lines(site: Serving, lines: list[Line], count: int) -> None:
    for _ in range(0, count, 20):
        lines += await asyncio.gather(*(Line.open(site) for _ in range(min(20, count))))


async def log_out(line: Line) -> None:
    """As a page does that was told to try again: until it is acknowledged."""
    while not line.acknowledged_at:
        answer = await line.browser.copy().post("/logout")
        assert answer.status in (302, 503), answer
        if answer.status == 302:
            line.acknowledged_at = time.monotonic()
        else:
            assert int(answer.headers["retry-after"]) > 0
            await asyncio.sleep(0.1)


@pytest.mark.timing
async def test_killed_while_two_hundred_log_out(environment, own_redis, lines: list[Line]) -> None:
    async with serving(environment) as site:
        await open_lines(site, lines, 200)
        leaving: list[asyncio.Task[None]] = []
        for number, line in enumerate(lines):
            leaving.append(asyncio.create_task(log_out(line)))
            if number == 100:
                await until(lambda: _some(lines))
                own_redis.kill()
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
        early = [line for line in lines if line.acknowledged_at]
        assert 0 < len(early) < 200
        await asyncio.to_thread(own_redis.start)
        back = time.monotonic()
        async with asyncio.timeout(20):
            await asyncio.gather(*leaving)
        deadline = back + site.store.settings.sweep_seconds + 1
        await until(lambda: _all_told(lines), max(0.1, deadline - time.monotonic()) + 5)

        late = [line.told_at - max(back, line.acknowledged_at) for line in lines]
        print(
            f"{len(early)} of 200 logouts acknowledged before Redis was back; the last tab told "
            f"{max(late) * 1000:.0f} ms after its logout, or after Redis was back"
        )
        assert max(late) < site.store.settings.sweep_seconds + 1
        await until(lambda: _is_whole(site))


async def _some(lines: list[Line]) -> bool:
    return sum(bool(line.acknowledged_at) for line in lines) > 20


async def _all_told(lines: list[Line]) -> bool:
    return all(line.told_at for line in lines)


async def test_paused_everything_is_503_in_time_and_lines_stay_open(
    environment, own_redis, lines: list[Line]
) -> None:
    async with serving(environment, HEARTBEAT_SECONDS="0.5") as site:
        await open_lines(site, lines, 5)
        member, browser = lines[0].member, lines[0].browser
        own_redis.pause()
        began = time.monotonic()
        asks = [
            *(browser.get("/api/session") for _ in range(150)),
            *(browser.post("/api/update-activity") for _ in range(20)),
            *(site.browser().login(member.email, PASSWORD) for _ in range(20)),
            *(site.browser().post("/cekfingerprint", _asked(member)) for _ in range(10)),
            browser.get("/api/realtime/attendance-stream"),
            browser.post("/logout"),
        ]
        answers = await asyncio.gather(*asks)
        took = time.monotonic() - began
        print(f"{len(answers)} requests refused within {took:.1f} s of a Redis that hangs")
        assert {answer.status for answer in answers} == {503}
        assert all(answer.json["type"] == "UNAVAILABLE" for answer in answers)
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert took < 6
        assert await status_of(site.port, "/healthz") == 200
        assert await status_of(site.port, "/readyz") == 200, "the webhook keeps all the same"
        assert not await _is_whole(site)
        assert all(line.is_open and not line.told_at for line in lines)
        own_redis.resume()
        await until(lambda: _answers(browser))
        await until(lambda: _is_whole(site))
        assert all(line.is_open and not line.told_at for line in lines)
        await site.store.members.block(member.id, by="admin")
        await until(lambda: _told(lines[0]))


def _asked(member: Member) -> dict[str, str]:
    return {"username": member.email, "pass": PASSWORD, "action": ""}


async def _answers(browser: Browser) -> bool:
    return (await browser.get("/api/session")).status == 200


async def _is_whole(site: Serving) -> bool:
    report = (await site.browser().get("/readyz")).json
    return not any(line.startswith(("redis:", "event_log:")) for line in report["degraded"])


async def _told(line: Line) -> bool:
    return bool(line.told_at)


async def test_away_for_a_while_it_is_found_again(environment, own_redis, lines) -> None:
    async with serving(environment) as site:
        await open_lines(site, lines, 3)
        browser = lines[0].browser
        own_redis.kill()
        answers: list[Answer] = [await browser.get("/api/session") for _ in range(5)]
        assert {answer.status for answer in answers} == {503}
        assert (await browser.get("/dashboard", Accept="text/html")).status == 503
        assert (await site.browser().get("/login")).status == 200
        assert all(line.is_open for line in lines)
        await asyncio.to_thread(own_redis.start)
        began = Stopwatch()
        await until(lambda: _answers(browser))
        assert began.seconds < 1
        await until(lambda: _is_whole(site))


async def test_emptied_it_is_rebuilt_and_everybody_logs_in_again(
    environment, product, own_redis
) -> None:
    changed = {"REDIS_URL": own_redis.url, "SWEEP_SECONDS": "1"}
    web = await product(worker=True, **changed)
    async with serving({**web.env, **changed}, PORT=str(free_port())) as site:
        member = await site.member("budi")
        browser = await site.logged_in(member)
        browser.port = web.settings.port
        await until(lambda: _is_in_postgres(site, member), 15)
        async with browser.tab() as tab:
            assert (await tab.event())["event"] == "connected"
            await site.store.redis.flushall()
            assert (await browser.get("/api/session")).status in (401, 503)
            assert await tab.event() == {"event": "close", "code": 4401}
        await until(lambda: _rebuilt(site))
        assert (await browser.get("/api/session")).status == 401
        again = Browser(web.settings.port)
        assert (await again.login(member.email, PASSWORD)).status == 200
        assert (await again.get("/api/session")).json["member"]["id"] == member.id


async def _is_in_postgres(site: Serving, member: Member) -> bool:
    query = b"SELECT 1 FROM member WHERE id = %(id)s"
    return bool(await site.store.database.fetch_one(query, {"id": member.id}))


async def _rebuilt(site: Serving) -> bool:
    return bool(await site.store.redis.exists(site.store.keys.built()))


async def test_emptied_with_nothing_to_rebuild_from_nobody_is_let_in(environment) -> None:
    """Postgres is away as well: "wrong password" would be a lie, and a session a gift."""
    async with serving(environment, DATABASE_URL="postgresql://127.0.0.1:1/none") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        await site.store.redis.flushall()
        for answer in (
            await browser.get("/api/session"),
            await site.browser().login(member.email, PASSWORD),
            await site.browser().login("nobody", PASSWORD),
            await browser.get("/api/realtime/attendance-stream"),
        ):
            assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")


async def test_full_it_is_503_and_those_inside_stay(environment, lines: list[Line]) -> None:
    async with serving(environment) as site:
        await open_lines(site, lines, 2)
        redis, browser = site.store.redis, lines[0].browser
        outside = await site.member()
        await redis.config_set("maxmemory", "1")
        for answer in (
            await site.browser().login(outside.email, PASSWORD),
            await browser.get("/dashboard"),
            await site.browser().login(outside.email, "salah sekali"),
        ):
            assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
        assert all(line.is_open and not line.told_at for line in lines)
        await redis.config_set("maxmemory", "0")
        assert (await browser.post("/api/update-activity")).status == 200


async def test_a_replica_that_may_not_be_written_is_503(environment) -> None:
    async with serving(environment) as site:
        member = await site.member()
        browser = await site.logged_in(member)
        await site.store.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        for answer in (
            await site.browser().login(member.email, PASSWORD),
            await browser.get("/dashboard"),
            await browser.post("/logout"),
        ):
            assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
        await site.store.redis.execute_command("REPLICAOF", "NO", "ONE")
        assert (await browser.post("/api/update-activity")).status == 200


async def test_scripts_that_redis_forgot_are_loaded_again(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        assert (await browser.get("/api/session")).status == 200
        await site.store.redis.script_flush()
        answers = await asyncio.gather(*(browser.get("/api/session") for _ in range(40)))
        assert {answer.status for answer in answers} == {200}


class TestTheLog:
    async def test_deleted_in_the_moment_of_a_kick_the_sweep_finds_it(
        self, environment, lines: list[Line]
    ) -> None:
        async with serving(environment) as site:
            await open_lines(site, lines, 3)
            site.server._relay._listeners = {}  # it hears nothing, as if the log had been lost
            for line in lines[:2]:
                await site.store.members.block(line.member.id, by="admin")
            await site.store.redis.delete(site.store.keys.events())
            began = Stopwatch()
            await until(lambda: _all_told(lines[:2]))
            assert began.seconds < site.store.settings.sweep_seconds + 1
            assert lines[2].is_open and not lines[2].told_at

    async def test_deleted_the_next_kick_is_heard_at_once(
        self, environment, lines: list[Line], monkeypatch
    ) -> None:
        async with serving(environment, SWEEP_SECONDS="300") as site:
            await open_lines(site, lines, 2)
            await site.store.redis.delete(site.store.keys.events())
            await cut_the_line(site.store.redis)
            await until(lambda: _follows(site))
            await site.store.members.block(lines[0].member.id, by="admin")
            await until(lambda: _told(lines[0]), 2)

    async def test_cut_off_again_and_again_the_relay_loses_nothing(
        self, environment, lines: list[Line], monkeypatch
    ) -> None:
        async with serving(environment, SWEEP_SECONDS="300") as site:
            # the relay alone has to bring it
            monkeypatch.setattr(site.server._sweep, "_sweep", _nothing)
            await open_lines(site, lines, 100)
            for number, line in enumerate(lines):
                if number % 10 == 5:
                    await cut_the_line(site.store.redis)
                await open_session(site.store, line.member)
            await until(lambda: _all_told(lines))

    async def test_what_is_unreadable_in_it_does_not_stop_the_rest(
        self, environment, lines: list[Line]
    ) -> None:
        async with serving(environment, SWEEP_SECONDS="300") as site:
            await open_lines(site, lines, 1)
            redis, events = site.store.redis, site.store.keys.events()
            for data in ("", "[]", "{", "null", "{}", '{"sid": []}', '{"sid":"x","member":1}'):
                for kind in ("session.ended", "announced", "qr.scanned", "member.changed", ""):
                    await redis.xadd(events, {"type": kind, "data": data})
            await redis.xadd(events, {"other": "field"})
            await redis.xadd(
                events,
                {
                    "type": "session.ended",
                    "data": '{"sid":"a","member":"b","device":"c","reason":null,"kick_id":{},'
                    '"at":"x","drain_until":"y"}',
                },
            )
            await site.store.members.block(lines[0].member.id, by="admin")
            await until(lambda: _told(lines[0]), 2)


async def _follows(site: Serving) -> bool:
    return site.server._relay.is_following


async def _nothing() -> None:
    return None


async def test_a_login_under_way_when_redis_dies_gives_no_half_session(
    environment, own_redis
) -> None:
    async with serving(environment) as site:
        members = [await site.member() for _ in range(10)]
        browsers = [site.browser() for _ in members]
        logging_in = [
            asyncio.create_task(browser.login(member.email, PASSWORD))
            for browser, member in zip(browsers, members, strict=True)
        ]
        await asyncio.sleep(0.3)
        own_redis.kill()
        answers = await asyncio.gather(*logging_in)
        await asyncio.to_thread(own_redis.start)
        assert {answer.status for answer in answers} <= {200, 503}
        await until(lambda: _is_whole(site))
        for answer, browser in zip(answers, browsers, strict=True):
            expected = 200 if answer.status == 200 else 401
            assert (await browser.get("/api/session")).status == expected
        for member in members:
            assert (await site.browser().login(member.email, PASSWORD)).status == 200
