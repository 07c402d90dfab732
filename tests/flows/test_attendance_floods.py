"""A script that invents pupils: bounded by its address, and shown to the teacher for what it is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from jobs.persist.reader import LogReader
from store.attendance.submissions import PACE
from store.restoring import restore
from tests.client import Answer
from tests.pupils import day_at, meeting_of, patch, teacher_at
from tests.serving import Serving, serving


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, PROXYFIX_X_FOR="1") as site:
        yield site


async def invent(site: Serving, meeting: str, number: int, address: str) -> Answer:
    """A pupil that nobody knows, on a device that is new."""
    body = {"meeting_id": meeting, "name": f"Siswa {number}", "class": "XII"}
    body["deviceId"] = str(uuid.uuid4())
    return await site.browser().post("/api/attendance/submit", body, X_Forwarded_For=address)


async def test_invented_pupils_are_bounded_by_address_as_the_meeting_says(site: Serving) -> None:
    teacher = await teacher_at(site.store, site.port)
    meeting = await meeting_of(teacher, per_address=40)
    answers = await asyncio.gather(
        *(invent(site, meeting, number, f"203.0.113.7:{5000 + number}") for number in range(60))
    )
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (40, 20)
    assert (await invent(site, meeting, 99, "203.0.113.8")).status == 201
    shown = await day_at(teacher, meeting)
    flagged = [row for row in shown["attendances"] if "like_a_script" in row["flags"]]
    assert len(flagged) == 40 - PACE.most


async def test_a_class_at_its_own_pace_is_no_script(site: Serving) -> None:
    teacher = await teacher_at(site.store, site.port)
    meeting = await meeting_of(teacher)
    answers = [await invent(site, meeting, number, "203.0.113.7") for number in range(PACE.most)]
    assert {answer.status for answer in answers} == {201}
    shown = await day_at(teacher, meeting)
    assert [row for row in shown["attendances"] if row["flags"]] == []


@pytest.mark.parametrize("odd", [0, 9, 100_001, 300.5, True, "300", None])
async def test_a_bound_that_is_none_is_named(site: Serving, odd: object) -> None:
    teacher = await teacher_at(site.store, site.port)
    meeting = await meeting_of(teacher)
    answer = await patch(teacher, f"/api/admin/meetings/{meeting}", {"per_address": odd})
    assert (answer.status, answer.json["field"]) == (400, "per_address")


async def test_it_is_kept_and_outlives_redis(site: Serving) -> None:
    teacher = await teacher_at(site.store, site.port)
    meeting = await meeting_of(teacher)
    assert (await teacher.get(f"/api/admin/meetings/{meeting}")).json["meeting"][
        "per_address"
    ] == 300
    answer = await patch(teacher, f"/api/admin/meetings/{meeting}", {"per_address": 900})
    assert answer.json["meeting"]["per_address"] == 900
    await LogReader(site.store).run()
    await site.store.redis.flushdb()
    await restore(site.store, print)
    assert (await site.store.attendance.meetings.get(meeting)).per_address == 900
