"""The log's second reader never undoes what is newer, and passes over nothing in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.persist import members, reader
from jobs.persist.reader import LogReader
from store.hotspot.restoring import restore_hotspot
from store.opening import Store
from tests.jobs.log import NOON, count, opened, rows, write

ONE, TWO = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


async def execute(store: Store, query: str) -> None:
    async with store.database.connection() as connection:
        await connection.execute(query.encode())


async def error_of(store: Store) -> str:
    (row,) = await store.set_aside.rows()
    return str(row["error"])


@pytest.fixture
async def meeting(store: Store) -> None:
    await execute(
        store,
        "INSERT INTO meetings (id, title, starts_at, ends_at, is_active, closed, timezone,"
        " rotating, owner, version, created_at, updated_at) VALUES"
        " ('t1', '', now(), now(), true, false, 'UTC', false, '', 1, now(), now())",
    )


async def test_an_older_row_of_redis_does_not_undo_a_block(store: Store) -> None:
    """As it was when a replica that lacked the block was promoted, and its member logged in."""
    member = await store.members.create(email="ani@example.id", password_hash="x")
    older: Any = await store.redis.hgetall(store.keys.member(member.id))
    await store.members.set_password(member.id, "sandi yang baru")
    await store.members.block(member.id, by="admin")
    await LogReader(store).run()
    await store.redis.hset(store.keys.member(member.id), mapping=older)
    await write(store, "session.opened", **opened(member=member.id))
    await LogReader(store).run()
    (row,) = await rows(store, "SELECT status, password FROM member")
    assert row["status"] == "blocked" and row["password"] != "x"


async def test_a_deleted_member_does_not_come_back_with_an_older_redis(store: Store) -> None:
    member = await store.members.create(
        email="ani@example.id", password_hash="x", phone="081234567890"
    )
    name = store.keys.member(member.id)
    older: Any = await store.redis.hgetall(name)
    await LogReader(store).run()
    await store.members.delete(member.id, by="admin")
    await LogReader(store).run()
    await store.redis.hset(name, mapping=older)
    await write(store, "member.changed", member=member.id)
    await write(store, "hotspot.changed", member=member.id, phone="6281234567890", at=NOON)
    await LogReader(store).run()
    assert await count(store, "member") == await count(store, "hotspot_account") == 0


async def test_a_members_moment_never_goes_back_and_is_never_the_same_twice(store: Store) -> None:
    """A server whose clock is behind takes over: its changes are newer all the same."""
    member = await store.members.create(email="ani@example.id", password_hash="x")
    ahead = member.updated_at + 3_600_000
    await store.redis.hset(store.keys.member(member.id), "updated_at", ahead)
    assert (await store.members.change(member.id, name="Ani")).updated_at == ahead + 1
    await store.members.block(member.id, by="admin")
    assert (await store.members.get(member.id)).updated_at == ahead + 2
    await LogReader(store).run()
    assert (await rows(store, "SELECT status FROM member"))[0]["status"] == "blocked"


@pytest.mark.usefixtures("meeting")
async def test_an_older_list_of_pupils_is_not_taken(store: Store) -> None:
    events = store.keys.events()
    for place, student in (("2000-0", TWO), ("2000-1", ONE)):
        data = (
            '{"meeting": "t1", "replace": true,'
            f' "students": [{{"id": "{student}", "name": "A", "class": "X"}}]}}'
        )
        fields: dict[Any, Any] = {"type": "meeting.roster", "data": data}
        await store.redis.xadd(events, fields, id=place)
    await LogReader(store).run()
    await store.redis.delete(events)
    await store.redis.xadd(
        events, {"type": "meeting.roster", "data": data.replace(ONE, TWO)}, id="1000-0"
    )
    await LogReader(store).run()
    assert [
        str(row["student_id"]) for row in await rows(store, "SELECT * FROM meeting_students")
    ] == [ONE]


async def test_an_older_package_and_an_older_removal_are_not_taken(store: Store) -> None:
    terms = {"id": "p1", "quota": 1, "days": 1, "unlimited": False}
    await write(store, "hotspot.package", **terms, name="new", at=NOON + 5)
    await write(store, "hotspot.package", **terms, name="old", at=NOON)
    device = {"member": "m1", "slot": "s1", "mac": "AA:BB:CC:00:00:01"}
    await write(store, "hotspot.device", **device, verdict="added", at=NOON + 5)
    await write(store, "hotspot.device", **device, verdict="removed", at=NOON)
    await LogReader(store).run()
    assert (await rows(store, "SELECT name FROM hotspot_package"))[0]["name"] == "new"
    assert await count(store, "hotspot_device") == 1
    await write(store, "hotspot.device", **device, verdict="removed", at=NOON + 9)
    await LogReader(store).run()
    assert await count(store, "hotspot_device") == 0


async def test_a_package_that_was_removed_is_not_saved_by_an_older_log(store: Store) -> None:
    package = await store.hotspot.packages.make("Harian", 100, 1, False, None)
    await LogReader(store).run()
    kept = await store.redis.hget(store.keys.hotspot_packages(), package.id)
    await store.hotspot.packages.remove(package.id)
    await LogReader(store).run()
    terms = {"id": package.id, "quota": 1, "days": 1, "unlimited": False}
    await write(store, "hotspot.package", **terms, name="Harian", at=NOON * 2)
    await LogReader(store).run()
    assert await rows(store, "SELECT id FROM hotspot_package WHERE removed_at IS NULL") == []
    # nor is it on the shelf of an older Redis that was put back
    await store.redis.hset(store.keys.hotspot_packages(), package.id, str(kept))
    async with store.database.connection() as connection:
        await restore_hotspot(store.redis, store.keys, connection, since=NOON)
    assert await store.hotspot.packages.all() == []


async def test_a_package_that_was_removed_before_it_was_saved_stays_away(store: Store) -> None:
    terms = {"id": "p1", "quota": 1, "days": 1, "unlimited": False}
    await write(store, "hotspot.package_removed", id="p1", at=NOON)
    await write(store, "hotspot.package", **terms, name="late", at=NOON + 5)
    await LogReader(store).run()
    assert await rows(store, "SELECT id FROM hotspot_package WHERE removed_at IS NULL") == []


async def place(store: Store, entry_id: str, type: str, **data: Any) -> None:
    """Apply one event that stands at this place, as the only one of a log of its own."""
    fields: dict[Any, Any] = {"type": type, "data": json.dumps(data)}
    await store.redis.delete(store.keys.events(), store.keys.persisted())
    await execute(store, "DELETE FROM event_cursor")
    await store.redis.xadd(store.keys.events(), fields, id=entry_id)
    await LogReader(store).run()
    assert await store.set_aside.waiting() is None


def renaming(student: str, to: str, name: str) -> dict[str, Any]:
    return {
        "student": student,
        "to": to,
        "name": name,
        "class": "X",
        "meeting": "t1",
        "owner": "",
    }


def recording(student: str, name: str) -> dict[str, Any]:
    return {
        "id": "a1",
        "meeting": "t1",
        "student": student,
        "day": "2026-11-30",
        "name": name,
        "class": "X",
        "status": "HADIR",
        "source": "form",
        "changed_at": NOON,
        "at": NOON,
    }


def listing(student: str, name: str) -> dict[str, Any]:
    students = [{"id": student, "name": name, "class": "X"}]
    return {"meeting": "t1", "replace": False, "students": students}


async def standing(store: Store) -> list[tuple[str, str]]:
    """Under which student, of which name, the attendance stands."""
    query = (
        "SELECT s.id::text AS id, s.name FROM attendances AS a JOIN students AS s"
        " ON s.id = a.student_id"
    )
    return [(row["id"], row["name"]) for row in await rows(store, query)]


@pytest.mark.usefixtures("meeting")
async def test_an_older_renaming_does_not_undo_the_one_that_took_it_back(store: Store) -> None:
    await place(store, "1000-0", "attendance.recorded", **recording(ONE, "Budi"))
    await place(store, "1000-1", "meeting.roster", **listing(ONE, "Budi"))
    there, back = renaming(ONE, TWO, "Bodi"), renaming(TWO, ONE, "Budi")
    await place(store, "2000-0", "student.renamed", **there)
    assert await standing(store) == [(TWO, "Bodi")]
    await place(store, "3000-0", "student.renamed", **back)
    await place(store, "2000-0", "student.renamed", **there)
    assert await standing(store) == [(ONE, "Budi")]
    listed = await rows(store, "SELECT student_id::text AS id FROM meeting_students")
    assert [row["id"] for row in listed] == [ONE]


@pytest.mark.usefixtures("meeting")
async def test_an_older_renaming_leaves_alone_who_came_later(store: Store) -> None:
    await place(store, "2000-0", "attendance.recorded", **recording(ONE, "Budi"))
    await place(store, "2000-1", "meeting.roster", **listing(ONE, "Budi"))
    await place(store, "1000-0", "student.renamed", **renaming(ONE, TWO, "Bodi"))
    assert await standing(store) == [(ONE, "Budi")]
    listed = await rows(store, "SELECT student_id::text AS id FROM meeting_students")
    assert [row["id"] for row in listed] == [ONE]


@pytest.mark.usefixtures("meeting")
@pytest.mark.parametrize("by", ["meeting.roster", "student.renamed"])
async def test_an_older_spelling_of_a_pupil_is_not_taken(store: Store, by: str) -> None:
    """Also by the list of a meeting that has heard nothing newer itself."""
    await place(store, "1000-0", "attendance.recorded", **recording(ONE, "budi"))
    await place(store, "3000-0", "meeting.roster", **listing(ONE, "Budi"))
    await execute(store, "UPDATE meetings SET listed_ms = 0")
    older = listing(ONE, "BUDI") if by == "meeting.roster" else renaming(ONE, ONE, "BUDI")
    await place(store, "2000-0", by, **older)
    assert await standing(store) == [(ONE, "Budi")]
    await place(store, "4000-0", by, **older)
    assert await standing(store) == [(ONE, "BUDI")]


async def test_an_unknown_type_waits_for_the_worker_that_knows_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of the version before beside a newer web process."""
    known = dict(reader.EFFECTS)
    opening = known.pop("session.opened")
    monkeypatch.setattr(reader, "EFFECTS", known)
    await write(store, "session.opened", **opened())
    assert await LogReader(store).run() == 1
    assert await error_of(store) == "UnknownType: session.opened"
    monkeypatch.setattr(reader, "EFFECTS", known | {"session.opened": opening})
    await LogReader(store).run()
    assert await count(store, "session_history") == 0  # it is tried again after a minute
    await store.set_aside.try_now()
    await LogReader(store).run()
    assert await count(store, "session_history") == 1
    assert await store.set_aside.waiting() is None
    await LogReader(store).run()


MISSING: dict[str, dict[str, Any]] = {
    "payment.repeated": {"id": "d1", "receipt": "r", "at": NOON},
    "licence.activated": {"id": "7", "instance": "i", "by": "x", "version": 1, "at": NOON},
    "licence.changed": {"id": "7", "status": "disabled", "version": 1},
    "licence.deactivated": {"id": "7", "version": 1},
    "attendance.changed": {"id": "a", "status": "HADIR", "changed_at": NOON},
    "meeting.roster": {"meeting": "t9", "replace": True, "students": []},
    "meeting.deleted": {"meeting": "t9"},
    "qr.scanned": {"request": "q1", "at": NOON},
}


@pytest.mark.parametrize("type", MISSING)
async def test_an_event_about_a_row_that_is_missing_waits_for_it(store: Store, type: str) -> None:
    await write(store, type, **MISSING[type])
    await write(store, "session.opened", **opened())
    assert await LogReader(store).run() == 2
    assert await count(store, "session_history") == 1
    waiting = await store.set_aside.waiting()
    assert waiting is not None and (waiting.count, waiting.type) == (1, type)
    assert "there is no " in waiting.error


async def test_what_waited_for_a_row_is_applied_when_it_has_come(store: Store) -> None:
    await write(store, "qr.scanned", request="q1", at=NOON)
    await LogReader(store).run()
    await store.set_aside.try_now()
    await LogReader(store).run()
    (row,) = await rows(store, "SELECT tries, again_at > now() AS later FROM event_rejected")
    assert row == {"tries": 2, "later": True}
    await write(
        store, "qr.created", request="q1", token="t", delivery="cookie", expires_at=NOON, at=NOON
    )
    await LogReader(store).run()
    await store.set_aside.try_now()
    await LogReader(store).run()
    assert (await rows(store, "SELECT status FROM qr_login_token"))[0]["status"] == "scanned"


async def test_a_member_that_was_set_aside_is_saved_as_redis_has_them_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(reader.EFFECTS)
    monkeypatch.setattr(reader, "EFFECTS", {})
    monkeypatch.setattr(members, "TOUCHING", frozenset())
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await LogReader(store).run()
    assert await count(store, "member") == 0
    monkeypatch.undo()
    assert known == dict(reader.EFFECTS)
    await store.members.block(member.id, by="admin")
    await store.set_aside.try_now()
    await LogReader(store).run()
    assert (await rows(store, "SELECT status FROM member"))[0]["status"] == "blocked"


async def test_what_nobody_will_ever_know_can_be_dropped(store: Store) -> None:
    event = await write(store, "weather.changed", city="Bandung")
    await LogReader(store).run()
    assert await store.set_aside.drop(event)
    assert not await store.set_aside.drop(event)
    assert await store.set_aside.waiting() is None


async def test_a_member_that_is_deleted_leaves_no_hotspot_account(store: Store) -> None:
    """As it is when the event of the account went with a master."""
    member = await store.members.create(
        email="ani@example.id", password_hash="x", phone="081234567890"
    )
    await store.hotspot.devices.bind(member.id, "AA:BB:CC:00:00:01", "192.168.200.10")
    await LogReader(store).run()
    await write(store, "member.deleted", member=member.id)
    late = {"member": member.id, "slot": "s9", "mac": "AA:BB:CC:00:00:02", "verdict": "added"}
    await write(store, "hotspot.device", **late, at=NOON)
    await LogReader(store).run()
    assert await count(store, "hotspot_account") == await count(store, "hotspot_device") == 0
