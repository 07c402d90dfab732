"""Three clocks, by real time: alive at the last moment, dead above it, told at the moment."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from store.sessions import new_id
from tests.client import Answer, Browser, Tab
from tests.serving import PASSWORD, Serving, serving, until

SLACK = 0.35
"""What a busy machine may add to a moment; told late by more than this is a fault."""


async def tab_at(browser: Browser) -> Tab:
    return await Tab.open(browser, await browser.device_id(), browser.port, {})


async def expires_at(browser: Browser, which: str) -> float:
    """The moment as this process's monotonic clock shows it."""
    session = (await browser.get("/api/session")).json["session"]
    return float(time.monotonic() + session[f"{which}_expires_at"] - session["server_now"])


async def sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


def expired(answer: Answer, reason: str) -> bool:
    body = answer.json
    return (
        answer.status == 419
        and body["type"] == "SESSION_EXPIRED"
        and body["reason"] == reason
        and body["redirect"] == "/login"
        and body["success"] is False
    )


async def remembered(site: Serving) -> Browser:
    """Logged in through the door with "Ingat Saya"."""
    member = await site.member("budi")
    browser = site.browser()
    await browser.get("/login")
    assert (await browser.login(member.email, PASSWORD, remember="1")).status == 200
    return browser


def reopened(browser: Browser) -> Browser:
    """The browser after it was closed: what has no lifetime of its own is gone."""
    other = browser.copy()
    del other.cookies["jaga_session"]
    return other


class TestIdle:
    async def test_alive_up_to_the_moment_and_dead_after_it(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
            browser = await site.logged_in(await site.member("budi"))
            moment = await expires_at(browser, "idle")
            await sleep_until(moment - 0.12)
            assert (await browser.get("/api/session")).status == 200
            await sleep_until(moment + 0.05)
            assert expired(await browser.get("/api/session"), "idle")
            assert expired(await browser.post("/api/update-activity"), "idle")
            assert expired(await browser.get("/api/session"), "idle")
            page = await browser.get("/dashboard", Accept="text/html")
            assert (page.status, page.headers["location"]) == (302, "/login?reason=idle")

    async def test_tabs_are_warned_then_told_at_the_moment(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="2") as site:
            browser = await site.logged_in(await site.member("budi"))
            tab, stream = await tab_at(browser), browser.stream()
            async with stream as events:
                moment = await expires_at(browser, "idle")
                assert (await tab.event())["event"] == "connected"
                assert (await events.next())[0] == "connected"  # type: ignore[index]

                notice = await tab.event()
                early = moment - time.monotonic()
                assert notice["event"] == "session_expiring" and notice["reason"] == "idle"
                assert abs(notice["in"] - early) < 1 and 0.66 - SLACK < early < 0.66 + SLACK
                assert (await events.next())[0] == "session_expiring"  # type: ignore[index]

                told = await tab.event()
                late = time.monotonic() - moment
                print(f"told {late * 1000:.0f} ms after the idle clock ran out")
                assert told["event"] == "session_expired" and told["reason"] == "idle"
                assert told["message"] and 0 <= late + 0.005 < SLACK
                last = await events.next()
                assert last is not None and last[0] == "session_expired"
                assert last[2]["reason"] == "idle"
                assert await tab.event() == {"event": "close", "code": 4519}
                assert await events.next() is None
            tab.writer.close()

    async def test_a_ping_moves_it_and_looking_does_not(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
            browser = await site.logged_in(await site.member("budi"))
            first = await expires_at(browser, "idle")
            await asyncio.sleep(0.6)
            for path in ("/api/session", "/cekaction", "/login"):
                await browser.get(path)
            assert abs(await expires_at(browser, "idle") - first) < 0.02
            answer = await browser.post("/api/update-activity")
            body = answer.json
            assert answer.status == 200 and body["success"] is True
            assert body["message"] == "Activity updated"
            assert abs(body["idle_expires_at"] - body["server_now"] - 1) < 0.02
            assert body["absolute_expires_at"] > body["server_now"]
            assert await expires_at(browser, "idle") - first > 0.5
            await sleep_until(first + 0.2)
            assert (await browser.get("/api/session")).status == 200

    async def test_a_real_request_moves_it(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="2") as site:
            browser = await site.logged_in(await site.member("budi"))
            first = await expires_at(browser, "idle")
            await asyncio.sleep(0.2)
            assert (await browser.get("/dashboard")).status == 200
            assert await expires_at(browser, "idle") - first > 0.15

    async def test_open_lines_do_not_count_as_activity(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="1", HEARTBEAT_SECONDS="0.2") as site:
            browser = await site.logged_in(await site.member("budi"))
            moment = await expires_at(browser, "idle")
            tab = await tab_at(browser)

            async def chatter() -> None:
                while True:
                    tab.say(event="ping")
                    async with browser.stream() as events:
                        await events.next()
                    await asyncio.sleep(0.15)

            talking = asyncio.create_task(chatter())
            async with asyncio.timeout(3):
                while (event := await tab.event())["event"] != "session_expired":
                    assert event["event"] in ("connected", "pong", "session_expiring")
            late = time.monotonic() - moment
            talking.cancel()
            tab.writer.close()
            assert 0 <= late + 0.005 < SLACK

    async def test_a_ping_while_a_tab_waits_moves_its_notice_too(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
            browser = await site.logged_in(await site.member("budi"))
            tab = await tab_at(browser)
            await tab.event()
            began = time.monotonic()
            warned = await tab.event()
            assert warned["event"] == "session_expiring"
            await browser.post("/api/update-activity")
            moment = await expires_at(browser, "idle")
            again = await tab.event()
            assert again["event"] == "session_expiring"
            assert (await tab.event())["event"] == "session_expired"
            late = time.monotonic() - moment
            tab.writer.close()
            assert time.monotonic() - began > 1.3 and 0 <= late + 0.005 < SLACK


class TestTheCap:
    async def test_activity_does_not_move_it(self, environment) -> None:
        async with serving(environment, SESSION_LIFETIME_SECONDS="1") as site:
            browser = await site.logged_in(await site.member("budi"))
            moment = await expires_at(browser, "absolute")
            tab = await tab_at(browser)
            await tab.event()
            while time.monotonic() < moment - 0.15:
                body = (await browser.post("/api/update-activity")).json
                left = body["absolute_expires_at"] - body["server_now"]
                assert abs(left - (moment - time.monotonic())) < 0.1
                await asyncio.sleep(0.1)
            await tab.until("session_expired")
            late = time.monotonic() - moment
            print(f"told {late * 1000:.0f} ms after the cap")
            assert 0 <= late + 0.005 < SLACK
            assert await tab.event() == {"event": "close", "code": 4519}
            assert expired(await browser.get("/api/session"), "absolute")
            tab.writer.close()

    async def test_remembering_does_not_lengthen_it(self, environment) -> None:
        async with serving(environment, SESSION_LIFETIME_SECONDS="2") as site:
            browser = await remembered(site)
            moment = await expires_at(browser, "absolute")
            again = reopened(browser)
            assert (await again.get("/api/session")).status == 200
            assert abs(await expires_at(again, "absolute") - moment) < 0.02
            await sleep_until(moment + 0.05)
            for dead in (again, reopened(again)):
                assert expired(await dead.get("/api/session"), "absolute")


class TestRemember:
    async def test_it_survives_the_browsers_closing(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            sid = browser.session.split(".")[1]
            again = reopened(browser)
            answer = await again.get("/api/session")
            assert answer.status == 200 and answer.json["session"]["sid"] == sid
            assert again.session and again.session != browser.session
            assert (await again.get("/dashboard")).status == 200

    async def test_tabs_that_open_together_get_one_session(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            tabs = [reopened(browser) for _ in range(12)]
            answers = await asyncio.gather(*(tab.get("/api/session") for tab in tabs))
            assert [answer.status for answer in answers] == [200] * 12
            assert len({tab.session for tab in tabs}) == 1
            assert len({tab.cookies["jaga_remember"] for tab in tabs}) == 1
            for tab in tabs:
                assert (await tab.get("/api/session")).status == 200

    async def test_without_it_the_browsers_closing_is_the_end(self, environment) -> None:
        async with serving(environment) as site:
            member = await site.member("budi")
            browser = site.browser()
            await browser.get("/login")
            opened = await browser.login(member.email, PASSWORD)
            assert "jaga_remember" not in browser.cookies
            (cookie,) = [text for text in opened.set_cookies if "jaga_session" in text]
            assert "max-age" not in cookie.lower() and "expires" not in cookie.lower()
            assert (await reopened(browser).get("/api/session")).status == 401

    async def test_after_its_end_419_and_the_open_session_lives_on(self, environment) -> None:
        async with serving(environment, SESSION_REMEMBER_SECONDS="1") as site:
            browser = await remembered(site)
            moment = await expires_at(browser, "remember")
            await sleep_until(moment + 0.05)
            assert (await browser.get("/api/session")).status == 200
            late = reopened(browser)
            for _ in range(2):
                assert expired(await late.get("/api/session"), "remember")
            page = await reopened(browser).get("/dashboard", Accept="text/html")
            assert (page.status, page.headers["location"]) == (302, "/login?reason=remember")

    async def test_reopening_does_not_lengthen_it(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            moment = await expires_at(browser, "remember")
            again = reopened(browser)
            await asyncio.sleep(0.2)
            await again.get("/api/session")
            assert abs(await expires_at(again, "remember") - moment) < 0.02

    async def test_it_is_no_use_on_another_device(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            token = browser.cookies["jaga_remember"]
            for device in ("", "x" * 32):
                thief = site.browser()
                thief.cookies["jaga_remember"] = token
                if device:
                    thief.cookies["jaga_device"] = device
                assert (await thief.get("/api/session")).status == 401
                assert not thief.session
            assert (await thief.post("/api/auth/refresh", {"refresh_token": token})).status == 401
            assert (await reopened(browser).get("/api/session")).status == 200

    async def test_not_after_logging_out(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            before = reopened(browser)
            assert (await browser.post("/logout")).status == 302
            assert "jaga_remember" not in browser.cookies and not browser.session
            assert (await before.get("/api/session")).json["type"] == "SESSION_REVOKED"

    async def test_not_after_being_put_out(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            other = site.browser()
            assert (await other.login("budi@jaga.test", PASSWORD)).status == 200
            kicked = await reopened(browser).get("/api/session")
            assert (kicked.status, kicked.json["type"]) == (401, "SESSION_REPLACED")
            assert (await other.get("/api/session")).status == 200

    async def test_not_when_the_idle_clock_ran_out(self, environment) -> None:
        async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
            browser = await remembered(site)
            await sleep_until(await expires_at(browser, "idle") + 0.05)
            assert expired(await reopened(browser).get("/api/session"), "idle")

    async def test_forged_ones_open_nothing(self, environment) -> None:
        async with serving(environment) as site:
            browser = await remembered(site)
            member, sid, generation, mac = browser.cookies["jaga_remember"].split(".")
            forged: list[Any] = [
                f"{member}.{sid}.{int(generation) + 1}.{mac}",
                f"{member}.{sid}.{generation}.{mac[:-1]}",
                f"{member}.{sid}.{generation}.",
                f"{member}.{new_id()}.{generation}.{mac}",
                f"{new_id()}.{sid}.{generation}.{mac}",
                f"{member}.{sid}.-1.{mac}",
                f"{member}.{sid}.\u00b2.{mac}",
                "....",
                "x" * 5000,
            ]
            for token in forged:
                other = reopened(browser)
                other.cookies["jaga_remember"] = token.encode("latin-1", "replace").decode(
                    "latin-1"
                )
                assert (await other.get("/api/session")).status == 401, token


async def test_a_clock_that_runs_out_unseen_ends_the_session_all_the_same(environment) -> None:
    """Nobody is connected and nobody asks; the scheduler's work finds it (`expire_due`)."""
    async with serving(environment, SESSION_IDLE_SECONDS="1") as site:
        member = await site.member("budi")
        await site.logged_in(member)
        sessions, redis = site.store.sessions, site.store.redis
        assert await sessions.expire_due() == 0
        await asyncio.sleep(1.05)
        assert await sessions.expire_due() == 1
        assert await sessions.expire_due() == 0
        assert (await site.store.members.get(member.id)).fingerprint_device == ""
        assert await redis.hget(site.store.keys.sessions(member.id), "web") is None
        await until(lambda: _has_ended(site))


async def _has_ended(site: Serving) -> bool:
    events = await site.store.events.read("0-0", 100)
    return [event.data["reason"] for event in events if event.type == "session.ended"] == ["idle"]
