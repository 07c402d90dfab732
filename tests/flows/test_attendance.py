"""From the phone to Postgres, while workers come and go; and no 201 without a guard."""

from __future__ import annotations

import asyncio
import time

import pytest

from store.opening import open_store
from store.settings import Settings
from tests.jobs.log import count, rows
from tests.pupils import Phone, day_at, meeting_of, teacher_at


async def until_persisted(store, table: str, wanted: int) -> None:
    deadline = time.monotonic() + 30
    while await count(store, table) < wanted:
        assert time.monotonic() < deadline, f"{table} never held {wanted} rows"
        await asyncio.sleep(0.1)


async def test_a_hundred_are_accepted_without_a_worker_and_kept_once_each(product, store):
    web = await product()
    teacher = await teacher_at(store, web.settings.port)
    meeting = await meeting_of(teacher)
    answers = await asyncio.gather(
        *(Phone(web.settings.port).fill(meeting, f"Siswa {n}") for n in range(100))
    )
    assert [answer.status for answer in answers] == [201] * 100
    assert await count(store, "attendances") == 0
    await product(worker=True, scheduler=True)
    await until_persisted(store, "attendances", 100)
    kept = await rows(store, "SELECT id, student_id, device_id FROM attendances")
    assert len(kept) == 100
    for column in ("id", "student_id", "device_id"):
        assert len({row[column] for row in kept}) == 100
    assert {row["id"] for row in kept} == {answer.json["attendance"]["id"] for answer in answers}
    reports = (await teacher.get(f"/api/admin/meetings/{meeting}/reports")).json
    assert len(reports["today"]) == 100
    assert reports["shared_devices"] == [] and reports["walled"] == 0


async def test_an_emptied_redis_lets_nobody_in_twice(serve, store):
    web = await serve(worker=True, SWEEP_SECONDS="0.2")
    teacher = await teacher_at(store, web.settings.port)
    meeting = await meeting_of(teacher)
    phone = Phone(web.settings.port)
    assert (await phone.fill(meeting)).status == 201
    await until_persisted(store, "attendances", 1)
    await until_persisted(store, "member", 1)
    await store.redis.flushdb()
    statuses: list[int] = []
    deadline = time.monotonic() + 15
    while not statuses or (statuses[-1] == 503 and time.monotonic() < deadline):
        statuses.append((await Phone(web.settings.port).fill(meeting)).status)
        await asyncio.sleep(0.05)
    assert set(statuses) <= {503, 409} and statuses[-1] == 409


@pytest.mark.parametrize("act", ["kill", "pause"])
async def test_without_redis_nobody_is_let_in(serve, store, own_redis, environment, act):
    environment["REDIS_URL"] = own_redis.url_of(0)
    # the fixture's store is on the shared server
    async with open_store(Settings.from_environment(environment)) as own:
        await own.redis.set(own.keys.built(), "1")
        web = await serve()
        teacher = await teacher_at(own, web.settings.port)
        meeting = await meeting_of(teacher)
        getattr(own_redis, act)()
        answers = await asyncio.gather(*(Phone(web.settings.port).fill(meeting) for _ in range(5)))
        assert [answer.status for answer in answers] == [503] * 5
        assert all(answer.json["type"] == "UNAVAILABLE" for answer in answers)
        assert all(answer.headers["retry-after"] for answer in answers)
        own_redis.start() if act == "kill" else own_redis.resume()
        deadline = time.monotonic() + 15
        while (answer := await Phone(web.settings.port).fill(meeting)).status == 503:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert answer.status == 201
        assert (await day_at(teacher, meeting))["counts"]["total"] == 1
