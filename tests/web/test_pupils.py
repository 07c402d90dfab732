"""Pupils through the door: one person in every spelling, and those of before the one folding."""

from __future__ import annotations

import json
from typing import Any

import pytest

from store.attendance.days import day_of
from tests.pupils import Phone, day_at, meeting_of
from tests.serving import serving

OLD_MARUF = "7fe4948a-6f4a-5be2-9c67-fc0ff5b70ef8"
"""Ma’ruf of 10A as he was known when each apostrophe made another pupil."""


@pytest.fixture
async def school(environment):
    async with serving(environment) as site:
        teacher = await site.logged_in(await site.member("ratna", role="teacher"))
        yield site, teacher, await meeting_of(teacher)


async def test_a_pupil_counts_once_in_whatever_spelling(school):
    site, teacher, meeting = school
    for one, other in (("Ma'ruf", "Ma’ruf"), ("Al-Amin", "Al‑Amin"), ("Siti A", "Siti\tA")):
        assert (await Phone(site.port).fill(meeting, one)).status == 201, one
        again = await Phone(site.port).fill(meeting, other)
        assert (again.status, again.json["type"]) == (409, "USER_DUPLICATE"), other
    assert (await day_at(teacher, meeting))["counts"]["total"] == 3


async def test_a_list_lets_in_whoever_types_another_apostrophe(school):
    site, teacher, meeting = school
    listed = {"csv": "Nama;Kelas\nNur’aini Ma’ruf;X IPA 1\n"}
    await teacher.post(f"/api/admin/meetings/{meeting}/students", listed)
    filled = await Phone(site.port).fill(meeting, "nur'aini ma'ruf", "X-IPA-1")
    assert (filled.status, filled.json["attendance"]["student_name"]) == (201, "Nur’aini Ma’ruf")


async def _list_as_before(site: Any, meeting: str) -> None:
    person = {"name": "Ma’ruf", "class": "10A"}
    await site.store.redis.hset(site.store.keys.roster(meeting), OLD_MARUF, json.dumps(person))


async def test_whoever_was_listed_before_goes_on_under_the_same_id(school):
    site, teacher, meeting = school
    await _list_as_before(site, meeting)
    missing = (await day_at(teacher, meeting))["missing"]
    assert [(one["id"], one["name"]) for one in missing] == [(OLD_MARUF, "Ma’ruf")]
    assert (await Phone(site.port).fill(meeting, "Ma'ruf")).status == 201
    day = await day_at(teacher, meeting)
    assert [row["student_id"] for row in day["attendances"]] == [OLD_MARUF]
    assert day["missing"] == []
    assert (await Phone(site.port).fill(meeting, "Ma`ruf")).json["type"] == "USER_DUPLICATE"
    # by hand, and when the list is brought again
    path = f"/api/admin/meetings/{meeting}"
    mark = {"status": "IZIN", "students": [{"name": "Ma'ruf", "class": "10A"}]}
    marked = await teacher.post(f"{path}/attendance", mark)
    assert [row["student_id"] for row in marked.json["attendances"]] == [OLD_MARUF]
    again = await teacher.post(f"{path}/students?mode=add", {"csv": "Nama;Kelas\nMa'ruf;10A\n"})
    assert again.json["count"] == 1


async def test_whoever_was_in_before_an_update_is_not_let_in_again(school):
    site, teacher, meeting = school
    assert (await Phone(site.port).fill(meeting, "Ma'ruf")).status == 201
    store = site.store
    zone = (await store.attendance.meetings.get(meeting)).timezone
    day = day_of(await store.attendance.meetings.now(), zone).name
    gate = store.keys.attendances(meeting, day)
    [(new_id, text)] = (await store.redis.hgetall(gate)).items()
    record = json.loads(text) | {"student": OLD_MARUF, "name": "Ma’ruf"}
    await store.redis.hdel(gate, new_id)
    await store.redis.hset(gate, OLD_MARUF, json.dumps(record))
    await store.redis.delete(store.keys.attendance_devices(meeting, day))
    await store.redis.set(store.keys.attendance(record["id"]), f"{meeting} {day} {OLD_MARUF}")
    for spelling in ("Ma'ruf", "Ma’ruf", "MA´RUF"):
        again = await Phone(site.port).fill(meeting, spelling)
        assert (again.status, again.json["type"]) == (409, "USER_DUPLICATE"), spelling
    patched = await teacher.send(
        "PATCH",
        f"/api/admin/attendance/{record['id']}",
        b'{"status": "IZIN"}',
        {"Content-Type": "application/json"},
    )
    assert patched.json["attendance"]["student_id"] == OLD_MARUF, patched.body
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1
