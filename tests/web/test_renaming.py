"""A misspelt pupil gets the right name: everywhere at once, with what was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.persist.reader import LogReader
from store.attendance.students import Student
from tests.pupils import Phone, board_of, day_at, meeting_of, patch
from tests.serving import serving

WRONG, RIGHT = Student("Budi Santso", "10A"), Student("Budi Santoso", "10A")


@pytest.fixture
async def school(environment):
    async with serving(environment) as site:
        teacher = await site.logged_in(await site.member("ratna", role="teacher"))
        yield site, teacher


async def persist(site: Any) -> None:
    await LogReader(site.store).run()


async def rename(teacher: Any, who: Student, name: str, class_: str = "10A") -> Any:
    return await patch(teacher, f"/api/admin/students/{who.id}", {"name": name, "class": class_})


async def history(teacher: Any, who: Student) -> list[str]:
    answer = await teacher.get(f"/api/admin/students/{who.id}/attendance")
    return sorted(one["title"] for one in answer.json.get("attendances", []))


async def test_a_misspelt_pupil_is_renamed_with_their_history(school):
    site, teacher = school
    fisika, kimia = [await meeting_of(teacher, title=title) for title in ("Fisika", "Kimia")]
    phone = Phone(site.port)
    for meeting in (fisika, kimia):
        assert (await phone.fill(meeting, WRONG.name)).status == 201
    await persist(site)
    async with board_of(teacher, fisika) as board:
        renamed = await rename(teacher, WRONG, "Budi Santoso")
        assert renamed.status == 200, renamed.body
        assert renamed.json["student"]["id"] == RIGHT.id
        await board.until("roster")
    for meeting in (fisika, kimia):
        [row] = (await day_at(teacher, meeting))["attendances"]
        assert (row["student_id"], row["student_name"]) == (RIGHT.id, "Budi Santoso")
        # in already, by name and by phone
        again = await Phone(site.port).fill(meeting, "budi santoso")
        assert again.json["type"] == "USER_DUPLICATE"
        assert (await phone.fill(meeting, "Orang Lain")).status == 409
        # and still to be corrected
        fixed = await patch(teacher, f"/api/admin/attendance/{row['id']}", {"status": "IZIN"})
        assert fixed.json["attendance"]["student_id"] == RIGHT.id, fixed.body
    await persist(site)
    assert await history(teacher, RIGHT) == ["Fisika", "Kimia"]
    assert await history(teacher, WRONG) == []
    audited = await site.store.database.fetch(b"SELECT act, detail FROM audit")
    [said] = [one["detail"] for one in audited if one["act"] == "attendance.rename"]
    assert said["to"] == "Budi Santoso (10A)"


async def test_a_listed_pupil_who_was_not_in_yet_is_renamed(school):
    site, teacher = school
    meeting = await meeting_of(teacher)
    await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": "Budi Santso,10A"})
    [missing] = (await day_at(teacher, meeting))["missing"]
    assert missing["id"] == WRONG.id
    assert (await rename(teacher, WRONG, "Budi Santoso", "10 B")).status == 200
    filled = await Phone(site.port).fill(meeting, "budi santoso", "10B")
    assert (filled.status, filled.json["attendance"]["class"]) == (201, "10 B")
    await persist(site)
    kept = await site.store.database.fetch(b"SELECT name, class FROM students ORDER BY name")
    assert {"name": "Budi Santoso", "class": "10 B"} in kept
    listed = await site.store.database.fetch(b"SELECT student_id::text AS id FROM meeting_students")
    assert [one["id"] for one in listed] == [Student("Budi Santoso", "10 B").id]


async def test_two_who_are_one_become_one_and_two_of_one_day_do_not(school):
    site, teacher = school
    fisika, kimia = [await meeting_of(teacher, title=title) for title in ("Fisika", "Kimia")]
    await Phone(site.port).fill(fisika, WRONG.name)
    await Phone(site.port).fill(kimia, RIGHT.name)
    await persist(site)
    both = await Phone(site.port).fill(fisika, RIGHT.name)
    refused = await rename(teacher, WRONG, RIGHT.name)
    assert (refused.status, refused.json["type"]) == (409, "CONFLICT")
    assert "Fisika" in refused.json["message"]
    await persist(site)
    assert (await rename(teacher, WRONG, RIGHT.name)).status == 409
    assert len((await day_at(teacher, fisika))["attendances"]) == 2
    taken = both.json["attendance"]["id"]
    assert (await teacher.send("DELETE", f"/api/admin/attendance/{taken}", b"")).status == 200
    await persist(site)
    assert (await rename(teacher, WRONG, RIGHT.name)).status == 200
    await persist(site)
    assert await history(teacher, RIGHT) == ["Fisika", "Kimia"]


async def test_only_the_spelling_may_change_and_only_in_ones_own_meetings(school):
    site, teacher = school
    meeting = await meeting_of(teacher)
    await Phone(site.port).fill(meeting, "budi santoso")
    await persist(site)
    assert (await rename(teacher, RIGHT, "Budi Santoso")).status == 200
    [row] = (await day_at(teacher, meeting))["attendances"]
    assert (row["student_id"], row["student_name"]) == (RIGHT.id, "Budi Santoso")
    other = await site.logged_in(await site.member("lain", role="teacher"))
    assert (await rename(other, RIGHT, "Orang Lain")).status == 404
    member = await site.logged_in(await site.member("siti"))
    assert (await rename(member, RIGHT, "Orang Lain")).status == 403
    for odd in ("x", "00000000-0000-0000-0000-000000000000"):
        answer = await patch(teacher, f"/api/admin/students/{odd}", {"name": "A", "class": "B"})
        assert answer.status == 404
    for wish in ({"name": "", "class": "10A"}, {"name": "A"}, {"name": 1, "class": "10A"}):
        answer = await patch(teacher, f"/api/admin/students/{RIGHT.id}", wish)
        assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")
