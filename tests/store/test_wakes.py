"""Whoever writes to the log has woken the persist job, and whoever writes nothing has not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from store.attendance.meetings import By
from store.errors import JagaError
from store.hotspot.ledger import Ledger
from store.opening import Store
from store.qr import Asking
from store.sessions import Device
from tests.serving import open_session, until

BY = By("admin", "10.0.0.1")
TIMES = {"starts_at": "2026-11-16T06:00:00+07:00", "ends_at": "2026-12-31T17:00:00+07:00"}
ELSEWHERE = Device(id="elsewhere", name="Firefox - Linux", ip="10.0.0.2")

Act = Callable[[], Awaitable[object]]
Story = AsyncIterator[Act]


async def a_member(store: Store) -> Story:
    """Made, changed to the same again, barred, and admitted."""
    member = await store.members.create(email="a@jaga.test", password_hash="x", phone="08123456789")
    yield lambda: store.members.change(member.id, name="A")
    yield lambda: store.members.change("nobody", name="A")
    yield lambda: store.members.create(email="a@jaga.test", password_hash="x")
    yield lambda: store.members.block(member.id, by="admin")
    yield lambda: store.members.admit(member.id, by="admin")
    yield lambda: store.hotspot.accounts.enrol(member.id, "08123456789")
    yield lambda: store.hotspot.accounts.enrol(member.id, "08123450000")
    yield lambda: store.hotspot.devices.bind(member.id, "A4:BB:CC:00:00:01", "192.168.200.1")
    yield lambda: store.hotspot.devices.unbind(member.id, "no such slot")
    yield lambda: store.members.delete(member.id, by="admin")


async def a_session(store: Store) -> Story:
    """Opened, asked for from elsewhere, looked at, run out, and over."""
    member = await store.members.create(email="a@jaga.test", password_hash="x")
    opened = await open_session(store, member)
    yield lambda: store.sessions.check(opened.credential, touch=True)
    yield lambda: store.sessions.look(member.id, opened.session.sid)
    yield lambda: store.devices.announce_attempt(member.id, ELSEWHERE)
    yield lambda: store.devices.announce_attempt(member.id, ELSEWHERE)
    yield lambda: store.sessions.open(member.id, ELSEWHERE, method="password")
    await store.redis.hset(store.keys.sessions(member.id), f"{opened.session.sid}:seen", 1)
    yield lambda: store.sessions.check(opened.credential, touch=True)
    again = await open_session(store, member)
    await store.redis.hset(store.keys.sessions(member.id), f"{again.session.sid}:seen", 1)
    yield lambda: store.sessions.look(member.id, again.session.sid)
    yield lambda: store.sessions.end("nobody", "all", reason="admin", by="x", status="active")


async def what_strangers_cause(store: Store) -> Story:
    """Refusals that are counted, codes that are asked for, a newcomer."""
    for _ in range(3):
        yield lambda: store.audit.refused("login.refused", "", ip="10.0.0.1")
    yield lambda: store.audit.note("a", "act", "b", ip="", detail={})
    yield lambda: store.qr.create(Asking("kuki", ELSEWHERE), "cookie")
    newcomer = await store.members.register("6281234567890", "Rina")
    yield lambda: store.hotspot.newcomers.forget(newcomer)
    yield lambda: store.hotspot.newcomers.forget(newcomer)


async def what_is_written_later(store: Store) -> Story:
    """Meetings, packages, and an order's page."""
    yield lambda: store.attendance.meetings.create(TIMES, BY)
    meeting = (await store.attendance.meetings.newest())[0]
    yield lambda: store.attendance.meetings.delete(meeting, BY)
    yield lambda: store.attendance.meetings.delete(meeting, BY)
    yield lambda: store.hotspot.packages.make("Paket", 1, 30, False, None)
    yield lambda: store.hotspot.packages.remove("no such package")
    yield lambda: store.payments.pages.turn("a" * 32, {"state": "done"})
    yield lambda: store.payments.pages.turn("a" * 32, {"state": "done"})
    ledger: Ledger = store.hotspot.ledger
    member = await store.members.create(email="a@jaga.test", password_hash="x")
    yield lambda: ledger.notice(member.id, "quota_low", "p1")
    yield lambda: ledger.notice(member.id, "quota_low", "p1")


@pytest.mark.parametrize(
    "story", [a_member, a_session, what_strangers_cause, what_is_written_later]
)
async def test_persist_is_woken_exactly_by_what_is_in_the_log(
    store: Store, monkeypatch: pytest.MonkeyPatch, story: Callable[[Store], Story]
) -> None:
    asked: list[str] = []

    async def enqueue(function: str, *_: object, **__: object) -> None:
        asked.append(function)

    monkeypatch.setattr(store.queue, "enqueue", enqueue)
    wrote = []
    number = 0
    async for act in story(store):
        await until(lambda: _is_quiet(store))  # the wake-up of what led here is over
        asked.clear()
        before = await store.events.last_id()
        with contextlib.suppress(JagaError):
            await act()
        await asyncio.sleep(0)
        wrote.append(await store.events.last_id() != before)
        assert ("jobs.persist.run" in asked) == wrote[-1], f"act {number} of {story.__name__}"
        number += 1
    assert True in wrote and False in wrote


async def _is_quiet(store: Store) -> bool:
    return store.queue._waking is None
