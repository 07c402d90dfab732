"""The heart: one web session whatever the concurrency, what is said at each end, what is kept."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from store.errors import (
    AccountBlocked,
    LoginSuperseded,
    SessionConflict,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
    Unavailable,
)
from store.events import Event
from store.members import Member
from store.opening import Store
from store.sessions import Credential, Ended, new_id
from tests.serving import HASH, open_session


@pytest.fixture
async def budi(store: Store) -> Member:
    return await store.members.create(email="budi@jaga.test", password_hash=HASH)


async def log_of(store: Store, kind: str) -> list[Event]:
    return [event for event in await store.events.read("0-0", 10_000) if event.type == kind]


async def live(store: Store, member: Member) -> list[str]:
    fields = await store.redis.hkeys(store.keys.sessions(member.id))
    return [str(field) for field in fields if len(field) == 16]


class TestTheSwap:
    async def test_it_happens_in_one_step_and_says_so_in_order(self, store, budi) -> None:
        first = await open_session(store, budi)
        second = await open_session(store, budi)
        assert second.replaced and second.replaced.sid == first.session.sid
        assert await live(store, budi) == [second.session.sid]
        kinds = [
            (event.type, event.data["sid"])
            for event in await store.events.read("0-0", 100)
            if event.type.startswith("session.")
        ]
        assert kinds == [
            ("session.opened", first.session.sid),
            ("session.ended", first.session.sid),
            ("session.opened", second.session.sid),
        ]
        (end,) = await log_of(store, "session.ended")
        assert end.data["reason"] == "replaced" and end.data["by"] == "Chrome - Linux"
        assert end.data["drain_until"] - end.data["at"] == 200 and not end.data["same_browser"]

    async def test_two_hundred_at_once_leave_one(self, store, budi) -> None:
        opened = await asyncio.gather(*(open_session(store, budi) for _ in range(200)))
        assert len(await live(store, budi)) == 1
        assert sorted(one.session.epoch for one in opened) == list(range(1, 201))
        assert len(await log_of(store, "session.ended")) == 199
        winner = max(opened, key=lambda one: one.session.epoch)
        assert await live(store, budi) == [winner.session.sid]
        assert await store.redis.zrange(store.keys.clocks(), 0, -1) == [
            f"{budi.id}:{winner.session.sid}"
        ]
        for one in opened:
            if one is not winner:
                with pytest.raises(LoginSuperseded):
                    await store.sessions.confirm(one.session)
        await store.sessions.confirm(winner.session)

    async def test_another_device_is_asked_first(self, store, budi) -> None:
        first = await open_session(store, budi, device="one", keep=False)
        with pytest.raises(SessionConflict):
            await open_session(store, budi, device="two", keep=False)
        assert await live(store, budi) == [first.session.sid]
        assert await log_of(store, "session.ended") == []
        assert (await open_session(store, budi, device="two", keep=True)).replaced

    async def test_the_same_device_is_not(self, store, budi) -> None:
        await open_session(store, budi, device="one", keep=False)
        again = await open_session(store, budi, device="one", keep=False)
        assert again.replaced
        (end,) = await log_of(store, "session.ended")
        assert end.data["same_browser"] is True

    async def test_an_expired_holder_is_no_holder(self, store, budi, monkeypatch) -> None:
        first = await open_session(store, budi, device="one")
        await rewrite(store, budi, first.session.sid, cap_at=1)
        assert (await store.sessions.holder(budi.id))[0] is None
        second = await open_session(store, budi, device="two", keep=False)
        assert second.replaced is None
        (end,) = await log_of(store, "session.ended")
        assert end.data["reason"] == "absolute"

    @pytest.mark.parametrize("status", ["blocked", "inactive"])
    async def test_who_is_barred_opens_nothing(self, store, budi, status: str) -> None:
        bar = store.members.block if status == "blocked" else store.members.deactivate
        await bar(budi.id, by="admin")
        with pytest.raises(AccountBlocked) as caught:
            await open_session(store, budi)
        assert caught.value.reason == status and await live(store, budi) == []
        await store.members.admit(budi.id, by="admin")
        await open_session(store, budi)

    async def test_a_block_and_a_login_at_once_leave_nobody_in(self, store, budi) -> None:
        for _ in range(20):
            await asyncio.gather(
                open_session(store, budi),
                store.members.block(budi.id, by="admin"),
                open_session(store, budi),
                return_exceptions=True,
            )
            assert await live(store, budi) == []
            await store.members.admit(budi.id, by="admin")

    async def test_a_member_that_is_gone_opens_nothing(self, store, budi) -> None:
        opened = await open_session(store, budi)
        await store.members.delete(budi.id, by="admin")
        with pytest.raises(Unauthenticated):
            await open_session(store, budi)
        with pytest.raises(Unauthenticated):
            await store.sessions.check(opened.credential, touch=True)

    async def test_before_redis_is_rebuilt_nobody_is_judged(self, store, budi) -> None:
        opened = await open_session(store, budi)
        await store.redis.flushdb()
        for asked in (
            open_session(store, budi),
            store.sessions.check(opened.credential, touch=True),
            store.sessions.holder(budi.id),
        ):
            with pytest.raises(Unavailable):
                await asked


async def rewrite(store: Store, member: Member, sid: str, **fields: int | None) -> None:
    """Change a record as time would; None takes a field away."""
    name = store.keys.sessions(member.id)
    record = json.loads(await store.redis.hget(name, sid) or "{}") | fields
    kept = {field: value for field, value in record.items() if value is not None}
    await store.redis.hset(name, sid, json.dumps(kept))


class TestDraining:
    async def test_for_the_grace_it_may_look_then_nothing(self, store, budi) -> None:
        first = await open_session(store, budi)
        await open_session(store, budi)
        began = time.monotonic()
        place = await store.sessions.check(first.credential, touch=True)
        assert place.draining
        await asyncio.sleep(0.2 - (time.monotonic() - began) + 0.03)
        with pytest.raises(SessionEnded) as caught:
            await store.sessions.check(first.credential, touch=True)
        assert caught.value.type == "SESSION_REPLACED"

    async def test_other_ends_have_no_grace(self, store, budi) -> None:
        first = await open_session(store, budi)
        await store.sessions.end(budi.id, "all", reason="admin", by="admin")
        with pytest.raises(SessionEnded) as caught:
            await store.sessions.check(first.credential, touch=False)
        assert caught.value.type == "SESSION_REVOKED"

    async def test_a_wrong_secret_learns_nothing_of_it(self, store, budi) -> None:
        first = await open_session(store, budi)
        await open_session(store, budi)
        member, sid, _ = first.credential.split(".")
        for secret in ("x", first.credential.split(".")[2][:-1]):
            with pytest.raises(Unauthenticated) as caught:
                await store.sessions.check(f"{member}.{sid}.{secret}", touch=True)
            assert caught.value.type == "UNAUTHENTICATED"


class TestTheClocks:
    async def moment(self, store, budi, idle_ms: int | None, cap_at: int | None, age: int) -> str:
        """The verdict on a session seen `age` ms ago."""
        opened = await open_session(store, budi)
        now = int(time.time() * 1000)
        sid, name = opened.session.sid, store.keys.sessions(budi.id)
        await rewrite(store, budi, sid, idle_ms=idle_ms, cap_at=cap_at)
        await store.redis.hset(name, f"{sid}:seen", now - age)
        try:
            await store.sessions.check(opened.credential, touch=False)
        except SessionExpired as error:
            return error.reason
        return "live"

    async def test_idle(self, store, budi) -> None:
        assert await self.moment(store, budi, 60_000, None, 59_000) == "live"
        assert await self.moment(store, budi, 60_000, None, 60_001) == "idle"
        assert await self.moment(store, budi, None, None, 10**9) == "live"

    async def test_the_cap_and_which_is_named(self, store, budi) -> None:
        now = int(time.time() * 1000)
        assert await self.moment(store, budi, 60_000, now + 5000, 0) == "live"
        assert await self.moment(store, budi, 60_000, now, 0) == "absolute"
        assert await self.moment(store, budi, 60_000, now, 70_000) == "absolute"

    async def test_the_policy_of_each_way_in(self, store, budi) -> None:
        settings = store.settings
        password = (await open_session(store, budi)).session
        assert password.idle_ms == settings.session_idle_seconds * 1000 == 72_000_000
        assert password.cap_at == password.opened_at + 86_400_000
        qr = (await open_session(store, budi, method="qr")).session
        assert (qr.idle_ms, qr.cap_at) == (30 * 86_400_000, None)
        mobile = (await open_session(store, budi, method="mobile")).session
        assert (mobile.idle_ms, mobile.cap_at) == (None, None)
        assert (await open_session(store, budi, remember=True)).session.remember_until

    async def test_touching_writes_only_what_lives(self, store, budi) -> None:
        opened = await open_session(store, budi)
        sid, name = opened.session.sid, store.keys.sessions(budi.id)
        await store.redis.hset(name, f"{sid}:seen", 1)
        with pytest.raises(SessionExpired):
            await store.sessions.check(opened.credential, touch=True)
        assert await store.redis.hget(name, f"{sid}:seen") is None
        with pytest.raises(SessionExpired):
            await store.sessions.check(opened.credential, touch=True)
        assert len(await log_of(store, "session.ended")) == 1

    async def test_a_ping_soon_after_another_writes_nothing(self, store, budi) -> None:
        opened = await open_session(store, budi)
        sid, name = opened.session.sid, store.keys.sessions(budi.id)
        for age, moved in ((29_000, False), (31_000, True)):
            seen = int(time.time() * 1000) - age
            await store.redis.hset(name, f"{sid}:seen", seen)
            await store.sessions.check(opened.credential, touch=True, sparing=True)
            assert (int(await store.redis.hget(name, f"{sid}:seen")) > seen) is moved

    async def test_a_missing_record_is_never_a_fresh_one(self, store, budi) -> None:
        opened = await open_session(store, budi)
        await store.redis.delete(store.keys.sessions(budi.id))
        with pytest.raises(Unauthenticated):
            await store.sessions.check(opened.credential, touch=True)
        assert await store.sessions.look(budi.id, opened.session.sid) is None


class TestEnding:
    async def test_each_kind_by_itself_and_one_that_stays(self, store, budi) -> None:
        web = await open_session(store, budi)
        phone = await open_session(store, budi, method="mobile")
        kick = await store.sessions.end(budi.id, "web", reason="all_web_ended", by="x")
        assert [end.sid for end in kick.ended] == [web.session.sid]
        assert await live(store, budi) == [phone.session.sid]
        web = await open_session(store, budi)
        kick = await store.sessions.end(
            budi.id, "all", reason="admin", by="x", keep=web.session.sid
        )
        assert [end.sid for end in kick.ended] == [phone.session.sid]
        assert await live(store, budi) == [web.session.sid]

    async def test_twice_is_once(self, store, budi) -> None:
        opened = await open_session(store, budi)
        first = await store.sessions.end(budi.id, opened.session.sid, reason="admin", by="x")
        again = await store.sessions.end(budi.id, opened.session.sid, reason="blocked", by="y")
        assert len(first.ended) == 1 and again.ended == []
        found = await store.sessions.look(budi.id, opened.session.sid)
        assert isinstance(found, Ended) and found.reason == "admin"
        assert len(await log_of(store, "session.ended")) == 1

    async def test_leaving_with_a_dead_cookie_ends_nothing(self, store, budi) -> None:
        first = await open_session(store, budi)
        second = await open_session(store, budi)
        for text in (first.credential, "rubbish", "", f"{budi.id}.{second.session.sid}.x"):
            assert await store.sessions.leave(text) is None
        assert await live(store, budi) == [second.session.sid]
        assert await store.sessions.leave(second.credential)
        assert await live(store, budi) == []

    async def test_the_reason_is_kept_a_day_and_not_for_ever(self, store, budi) -> None:
        first = await open_session(store, budi)
        for _ in range(40):
            await open_session(store, budi)
        name = store.keys.ended(budi.id)
        assert 24 * 3600 < await store.redis.ttl(name) <= 25 * 3600
        assert isinstance(await store.sessions.look(budi.id, first.session.sid), Ended)
        old = json.loads(await store.redis.hget(name, first.session.sid) or "{}")
        old["ended_at"] -= 26 * 3600 * 1000
        await store.redis.hset(name, first.session.sid, json.dumps(old))
        for _ in range(20):
            await open_session(store, budi)
        assert await store.sessions.look(budi.id, first.session.sid) is None
        assert await store.redis.hlen(name) >= 58


async def test_only_suspects_are_looked_at(store: Store, budi: Member) -> None:
    tini = await store.members.create(email="tini@jaga.test", password_hash=HASH)
    dead = await open_session(store, budi)
    alive = await open_session(store, budi)
    late = await open_session(store, tini)
    await rewrite(store, tini, late.session.sid, cap_at=1)
    places = [
        (budi.id, alive.session.sid),
        (budi.id, dead.session.sid),
        (tini.id, late.session.sid),
        (tini.id, new_id()),
    ]
    assert await store.sessions.suspects(places) == places[1:]
    assert await store.sessions.suspects(places[:1]) == []


async def test_an_end_is_told_once_to_each_tab(store: Store, budi: Member) -> None:
    sid = new_id()
    assert [await store.sessions.told_before(budi.id, sid, tab) for tab in "aab"] == [
        False,
        True,
        False,
    ]
    assert await store.redis.ttl(store.keys.told(budi.id)) > 24 * 3600


async def test_no_two_credentials_are_alike(store: Store, budi: Member) -> None:
    opened = [await open_session(store, budi) for _ in range(20)]
    secrets = {one.credential.split(".")[2] for one in opened}
    assert len(secrets) == 20 and all(len(secret) >= 43 for secret in secrets)
    for one in opened:
        assert str(Credential.parse(one.credential)) == one.credential
