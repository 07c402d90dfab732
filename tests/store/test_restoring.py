"""Rebuilding Redis from Postgres: after it was emptied, once, and never over newer rows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from store import restoring
from store.errors import Unavailable
from store.members import Member
from store.opening import Store, open_store
from store.restoring import restore, restore_if_needed
from store.sessions import Device
from store.settings import SETTING_NAMES, Settings
from tests.forkserver import ForkServer


async def test_a_whole_redis_is_left_alone(store: Store) -> None:
    assert await restore_if_needed(store) is False


async def test_members_come_back_as_they_were_and_log_in_by_both_names(store: Store) -> None:
    ani = await store.members.create(
        email="Ani@Example.id", username="ani", password="rahasia1", phone="0812", must_change=True
    )
    budi = await store.members.create(email="budi@example.id", password_hash="x", role="admin")
    await store.members.block(budi.id, by="admin")
    budi = await store.members.get(budi.id)
    await _empty(store)
    with pytest.raises(Unavailable):
        await store.members.find("ani")
    assert await restore_if_needed(store) is True
    assert await store.members.find("ani@example.ID") == ani
    assert await store.members.find("ANI") == ani
    assert await store.members.find("budi@example.id") == budi
    assert await restore_if_needed(store) is False


async def test_no_device_holds_a_session_that_did_not_come_back(store: Store) -> None:
    ani = await store.members.create(email="ani@example.id", password_hash="x")
    await store.redis.hset(store.keys.member(ani.id), "fingerprint_device", "f1")
    await store.events.append("session.opened", {"member": ani.id})
    await _empty(store)
    await restore_if_needed(store)
    assert (await store.members.get(ani.id)).fingerprint_device == ""


async def test_the_history_says_that_sessions_were_lost(store: Store) -> None:
    ani = await store.members.create(email="ani@example.id", password_hash="x")
    device = Device(id="d1", name="Chrome - Linux")
    await store.sessions.open(ani.id, device, method="password")
    await store.sessions.open(ani.id, device, method="password")
    await _empty(store)
    await restore_if_needed(store)
    query = b"SELECT reason, ended_at IS NULL AS open FROM session_history ORDER BY epoch"
    assert await store.database.fetch(query) == [
        {"reason": "replaced", "open": False},
        {"reason": "lost", "open": False},
    ]
    assert not (await store.database.fetch(b"SELECT is_active FROM user_device"))[0]["is_active"]


async def test_an_empty_postgres_makes_an_empty_redis_whole(store: Store) -> None:
    """A first start: nobody was put back, and nobody has to be told."""
    await store.redis.flushdb()
    assert await restore_if_needed(store) is False
    assert await store.members.find("nobody") is None


async def test_a_row_that_redis_knows_newer_is_not_overwritten_and_an_older_one_is(
    store: Store,
) -> None:
    ani = await store.members.create(email="ani@example.id", password_hash="x", name="copy")
    await _persist(store)
    name = store.keys.member(ani.id)
    await store.redis.hset(name, mapping={"name": "newer", "updated_at": str(ani.updated_at + 1)})
    assert await restore(store, print) == 0
    assert (await store.members.get(ani.id)).name == "newer"
    await store.redis.hset(name, mapping={"name": "older", "updated_at": str(ani.updated_at - 1)})
    assert await restore(store, print) == 1
    assert (await store.members.get(ani.id)).name == "copy"


async def test_a_login_name_that_somebody_holds_stays_with_its_holder(store: Store) -> None:
    ani = await store.members.create(email="ani@example.id", password_hash="x")
    await _empty(store)
    await store.redis.set(store.keys.login("ani@example.id"), "somebody")
    await restore_if_needed(store)
    assert await store.redis.get(store.keys.login("ani@example.id")) == "somebody"
    assert await store.members.get(ani.id) == ani


async def test_many_are_restored_in_batches_by_one_of_several_processes(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "BATCH", 50)
    members = await _many(store, 320)
    await _empty(store)
    async with open_store(settings) as second, open_store(settings) as third:
        done = await asyncio.gather(*(restore_if_needed(one) for one in (store, second, third)))
    assert sorted(done) == [False, False, True]
    for member in members[::40]:
        assert await store.members.find(member.email) == member
    assert len(await store.redis.keys(store.keys.member("*"))) == 320


async def test_who_waited_for_another_does_not_do_it_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False]

    async def is_built(store: Store) -> bool:
        return answers.pop() if answers else True

    monkeypatch.setattr(restoring, "_is_built", is_built)
    assert await restore_if_needed(store) is False


def _before_the_second(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]
) -> None:
    """Have something happen when the second batch is to be put back."""
    put_back = restoring._put_back
    calls = 0

    async def put(*arguments: Any, **more: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            await act()
        return await put_back(*arguments, **more)

    monkeypatch.setattr(restoring, "_put_back", put)


async def test_an_unfinished_rebuilding_lets_nobody_in_and_is_begun_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "BATCH", 50)
    members = await _many(store, 120)
    await _empty(store)

    async def cut_off() -> None:
        raise ConnectionError("the process was killed, say")

    _before_the_second(monkeypatch, cut_off)
    with pytest.raises(ConnectionError):
        await restore_if_needed(store)
    with pytest.raises(Unavailable):
        await store.members.find(members[0].email)
    assert await restore_if_needed(store) is True
    assert len(await store.redis.keys(store.keys.member("*"))) == 120


async def test_emptied_again_in_the_middle_it_begins_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "BATCH", 50)
    await _many(store, 120)
    await _empty(store)

    async def emptied() -> None:
        await store.redis.flushdb()

    _before_the_second(monkeypatch, emptied)
    assert await restore_if_needed(store) is True
    assert len(await store.redis.keys(store.keys.member("*"))) == 120


async def test_postgres_away_nothing_is_marked_whole(store: Store, settings: Settings) -> None:
    await store.redis.flushdb()
    away = replace(settings, database_url=f"postgresql://jaga@127.0.0.1:{free_port()}/jaga")
    async with open_store(away) as other:
        with pytest.raises(Unavailable):
            await restore_if_needed(other)
    assert not await store.redis.exists(store.keys.built())
    await restore_if_needed(store)
    assert await store.redis.exists(store.keys.built())


async def test_without_tables_nothing_is_marked_whole(store: Store) -> None:
    await store.redis.flushdb()
    async with store.database.connection() as connection:
        await connection.execute(b"DROP TABLE member")
    with pytest.raises(Unavailable):
        await restore_if_needed(store)
    assert not await store.redis.exists(store.keys.built())


async def test_the_command_rebuilds_and_says_so(
    store: Store, environment: dict[str, str], fork_server: ForkServer
) -> None:
    ani = await store.members.create(email="ani@example.id", password_hash="x")
    await _empty(store)
    done = await asyncio.to_thread(_command, fork_server, environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("restoring: done, 1 of 1 members put back in ")
    assert await store.members.find("ani@example.id") == ani


async def test_the_command_says_in_one_line_what_is_away(
    environment: dict[str, str], fork_server: ForkServer
) -> None:
    environment["DATABASE_URL"] = f"postgresql://jaga@127.0.0.1:{free_port()}/jaga"
    done = await asyncio.to_thread(_command, fork_server, environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("restore: ")


async def test_how_fast_members_come_back(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    await _many(store, 5000)
    await _empty(store)
    began = time.monotonic()
    await restore_if_needed(store)
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\nrestoring: {5000 / seconds:,.0f} members/s")


async def _many(store: Store, count: int) -> list[Member]:
    """Members made in Postgres' copy through the log, and so in Redis first."""
    return [
        await store.members.create(email=f"m{number}@example.id", password_hash="x")
        for number in range(count)
    ]


async def _persist(store: Store) -> None:
    await LogReader(store).run()


async def _empty(store: Store) -> None:
    """Have Postgres hold everything, then lose Redis."""
    await _persist(store)
    await store.redis.flushdb()


def _command(
    fork_server: ForkServer, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    return fork_server.run("-m", "scripts.restore", env=clean | environment, timeout=30)
