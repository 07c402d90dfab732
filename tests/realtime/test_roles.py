"""What a role opened is closed when the role goes: by push, and by the sweep where none came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from store.attendance.meetings import By
from store.members import Member
from tests.client import Browser, Events
from tests.serving import Serving, serving


@asynccontextmanager
async def board_of(site: Serving, teacher: Member, browser: Browser) -> AsyncIterator[Events]:
    now = datetime.now(UTC)
    wish = {
        "title": "Matematika",
        "starts_at": (now - timedelta(minutes=5)).isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
    }
    meeting = await site.store.attendance.meetings.create(wish, By(teacher.id, ""))
    events = await Events.open(browser, f"meeting_id={meeting.id}", site.port, "board-stream")
    try:
        assert events.status == 200
        yield events
    finally:
        events.writer.close()


async def closes_within(events: Events, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while await events.next() is not None:
                pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("role", ["member", "gone"])
async def test_a_demoted_teachers_board_goes_dark_at_once(environment, role: str) -> None:
    async with serving(environment, SWEEP_SECONDS="60") as site:
        teacher = await site.member("guru", role="teacher")
        browser = await site.logged_in(teacher)
        admin = await site.logged_in(await site.member("kepala", role="admin"))
        path = f"/api/admin/members/{teacher.id}"
        async with board_of(site, teacher, browser) as board:
            began = time.monotonic()
            if role == "gone":
                assert (await admin.send("DELETE", path, b"")).status == 200
            else:
                json = {"Content-Type": "application/json"}
                body = b'{"role": "member"}'
                assert (await admin.send("PATCH", path, body, json)).status == 200
            assert await closes_within(board, 3) and time.monotonic() - began < 3
        if role == "member":
            # the session itself goes on, as a member's
            assert (await browser.get("/api/session")).json["member"]["role"] == "member"
            assert (await browser.get("/admin/meetings")).status == 403


async def test_the_tabs_of_a_demoted_teacher_hear_so_and_look_anew(environment) -> None:
    async with serving(environment, SWEEP_SECONDS="60") as site:
        teacher = await site.member("guru", role="teacher")
        browser = await site.logged_in(teacher)
        async with browser.tab() as tab, browser.stream() as stream:
            await tab.until("connected")
            await site.store.members.change(teacher.id, name="Pak Hendra")
            await site.store.members.change(teacher.id, role="member")
            assert await tab.event() == {"event": "role_changed", "role": "member"}
            while (event := await stream.next()) is not None and event[0] != "role_changed":
                pass
            assert event is not None and event[2] == {"role": "member"}
        assert (await browser.get("/api/session")).status == 200


async def test_the_sweep_finds_what_no_event_told(environment) -> None:
    async with serving(environment, SWEEP_SECONDS="0.2") as site:
        teacher = await site.member("guru", role="teacher")
        async with board_of(site, teacher, await site.logged_in(teacher)) as board:
            # as if the log had been trimmed: the row changes, and nothing is announced
            name = site.store.keys.member(teacher.id)
            await site.store.redis.hset(name, "role", "member")
            assert await closes_within(board, 3)


async def test_other_changes_of_a_teacher_leave_the_board_open(environment) -> None:
    async with serving(environment, SWEEP_SECONDS="0.2") as site:
        teacher = await site.member("guru", role="teacher")
        async with board_of(site, teacher, await site.logged_in(teacher)) as board:
            await site.store.members.change(teacher.id, name="Pak Hendra")
            await site.store.members.change(teacher.id, role="admin")
            assert not await closes_within(board, 0.8)
            assert site.hub.count == 1
