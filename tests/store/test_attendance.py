"""The gate over real Redis and Postgres: days, what comes back, and the last wall."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime

import pytest
from redis.exceptions import ConnectionError

from jobs.persist.reader import LogReader
from store.attendance.days import moment_of
from store.attendance.meetings import By, Meeting
from store.attendance.restoring import restore_attendance
from store.attendance.students import read_roster, valid_student
from store.attendance.submissions import Accepted, Form
from store.errors import AttendanceClosed, AttendanceDuplicate, Conflict, Unavailable
from store.opening import Store
from store.restoring import restore_if_needed
from tests.jobs.log import count, rows

HOUR = 3_600_000
BY = By("teacher1", "203.0.113.9")


async def meeting_of(store: Store, **changes: object) -> Meeting:
    wish = {"starts_at": "2026-11-16T06:00:00+07:00", "ends_at": "2026-12-31T17:00:00+07:00"}
    return await store.attendance.meetings.create(wish | changes, BY)


async def running(store: Store) -> Meeting:
    """A meeting that goes on now, whenever that is."""
    now = await store.attendance.meetings.now() / 1000
    first, last = (datetime.fromtimestamp(at, UTC) for at in (now - 60, now + 86_400))
    return await meeting_of(store, starts_at=first.isoformat(), ends_at=last.isoformat())


async def fill(
    store: Store, meeting: str, now: int = 0, name: str = "Budi", **more: object
) -> Accepted:
    """Fill in from a device of its own unless one is named; `cookies` holds what was set."""
    cookies = more.pop("cookies", {})
    device = more.pop("device", str(uuid.uuid4()))
    form = Form(
        meeting=meeting,
        name=name,
        class_="10A",
        device=device,
        cookie=lambda one: cookies.get(one, ""),  # type: ignore[attr-defined]
        **more,  # type: ignore[arg-type]
    )
    return await store.attendance.submissions.submit(form, now)


@pytest.mark.parametrize(
    ("zone", "offset"), [("Asia/Jakarta", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)]
)
async def test_the_next_day_begins_with_the_first_millisecond(store, zone, offset):
    meeting = await meeting_of(store, timezone=zone)
    midnight = moment_of(datetime(2026, 11, 21, tzinfo=UTC)) - offset * HOUR
    device = str(uuid.uuid4())
    last = await fill(store, meeting.id, midnight - 1, device=device)
    assert (last.day.name, last.day.ends_at) == ("2026-11-20", midnight)
    cookies = {last.cookie: last.value}
    with pytest.raises(AttendanceDuplicate) as refused:
        await fill(store, meeting.id, midnight - 1, device=device, cookies=cookies)
    assert refused.value.type == "COOKIE_DUPLICATE"
    # the cookie of yesterday, the student of yesterday, the device of yesterday: all pass
    first = await fill(store, meeting.id, midnight, device=device, cookies=cookies)
    assert first.day.name == "2026-11-21"
    for moment in (midnight + 1, midnight + 24 * HOUR - 1):
        with pytest.raises(AttendanceDuplicate):
            await fill(store, meeting.id, moment)
    assert (await fill(store, meeting.id, midnight + 24 * HOUR)).day.name == "2026-11-22"


async def test_morning_and_afternoon_of_a_utc_day_are_two_days_in_jakarta(store):
    """14:00 and the next day's 06:30 WIB are one date in UTC; 06:30 and 07:30 WIB are two."""
    meeting = await meeting_of(store)
    afternoon = moment_of(datetime(2026, 11, 20, 7, tzinfo=UTC))
    await fill(store, meeting.id, afternoon)
    morning = moment_of(datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    await fill(store, meeting.id, morning)
    with pytest.raises(AttendanceDuplicate):
        await fill(store, meeting.id, morning + HOUR)


@pytest.mark.parametrize(("on", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
async def test_a_day_of_23_or_25_hours_counts_once(store, on, hours):
    meeting = await meeting_of(
        store,
        timezone="Europe/Berlin",
        starts_at="2026-03-01T06:00:00+01:00",
        ends_at="2026-12-01T06:00:00+01:00",
    )
    noon = moment_of(datetime(on.year, on.month, on.day, 11, tzinfo=UTC))
    day = (await fill(store, meeting.id, noon)).day
    assert day.ends_at - day.starts_at == hours * HOUR
    for moment in (day.starts_at, day.ends_at - 1):
        with pytest.raises(AttendanceDuplicate):
            await fill(store, meeting.id, moment)
    await fill(store, meeting.id, day.starts_at - 1)
    await fill(store, meeting.id, day.ends_at)


async def test_a_meetings_window_is_half_open(store):
    meeting = await meeting_of(store)
    for moment, problem in (
        (meeting.starts_at - 1, "MEETING_NOT_STARTED"),
        (meeting.ends_at, "MEETING_ENDED"),
    ):
        with pytest.raises(AttendanceClosed) as refused:
            await fill(store, meeting.id, moment)
        assert refused.value.type == problem
    await fill(store, meeting.id, meeting.starts_at)
    await fill(store, meeting.id, meeting.ends_at - 1)


async def test_an_accepted_attendance_is_one_row_and_a_refused_one_makes_no_student(store):
    meeting = await meeting_of(store)
    noon = meeting.starts_at + HOUR
    accepted = await fill(store, meeting.id, noon, device=(device := str(uuid.uuid4()).upper()))
    for name in ("Hantu", "Budi"):
        with pytest.raises(AttendanceDuplicate):
            await fill(store, meeting.id, noon, name=name, device=device)
    for _ in range(2):
        await LogReader(store).run()
    [row] = await rows(store, "SELECT * FROM attendances")
    assert (row["id"], row["device_id"]) == (accepted.attendance.id, device.lower())
    assert row["attendance_day"] == date(2026, 11, 16) and row["status"] == "TERLAMBAT"
    assert [one["name"] for one in await rows(store, "SELECT name FROM students")] == ["Budi"]
    attempts = await rows(store, "SELECT type, name, winner FROM attendance_attempts ORDER BY at")
    assert {(one["type"], one["name"]) for one in attempts} == {
        ("DEVICE_DUPLICATE", "Hantu"),
        ("USER_DUPLICATE", "Budi"),
    }
    report = await store.attendance.reports.of_day(meeting.id, date(2026, 11, 16), "Asia/Jakarta")
    assert [one["name"] for one in report["today"]] == ["Budi"]
    assert report["shared_devices"] == [] and report["walled"] == 0


async def test_the_log_applied_twice_changes_nothing(store):
    meeting = await running(store)
    now = await store.attendance.meetings.now()
    kept = (await fill(store, meeting.id, now)).attendance
    gone = (await fill(store, meeting.id, now, name="Siti")).attendance
    today = meeting.today(now).on
    await store.attendance.records.mark(
        meeting, today, valid_student("Budi", "10A"), "IZIN", "sakit", BY
    )
    await store.attendance.records.revoke(meeting, gone, BY)
    for _ in range(2):
        await store.database.fetch(b"UPDATE event_cursor SET last_id = '0-0' RETURNING 1")
        await LogReader(store).run()
        found = await rows(store, "SELECT id, status FROM attendances")
        assert [(one["id"], one["status"]) for one in found] == [(kept.id, "IZIN")]
        assert await count(store, "attendances_revoked") == 1
        assert await count(store, "attendance_attempts") == 0


async def test_a_gate_that_forgot_is_stopped_at_the_wall_and_that_is_shown(store):
    meeting = await meeting_of(store)
    first = (await fill(store, meeting.id, meeting.starts_at)).attendance
    await LogReader(store).run()
    day = first.day
    await store.redis.delete(
        store.keys.attendances(meeting.id, day), store.keys.attendance_devices(meeting.id, day)
    )
    await fill(store, meeting.id, meeting.starts_at)
    await LogReader(store).run()
    assert [one["id"] for one in await rows(store, "SELECT id FROM attendances")] == [first.id]
    report = await store.attendance.reports.of_day(meeting.id, date(2026, 11, 16), "Asia/Jakarta")
    assert report["walled"] == 1


async def test_an_emptied_redis_remembers_who_was_there(store):
    meeting = await running(store)
    roster = read_roster("Budi,10A\nSiti,10A\nAgus,10A")
    await store.attendance.meetings.list_students(meeting, roster, BY, replace=True)
    device = str(uuid.uuid4())
    budi = await fill(store, meeting.id, device=device)
    siti = await fill(store, meeting.id, name="Siti")
    await store.attendance.records.revoke(meeting, siti.attendance, BY)
    await LogReader(store).run()
    await store.redis.flushdb()
    with pytest.raises(Unavailable):
        await fill(store, meeting.id, name="Agus")
    await restore_if_needed(store)
    assert await store.redis.get(store.keys.built()) == "1"

    again = await store.attendance.meetings.get(meeting.id)
    assert again == meeting
    assert len(await store.attendance.meetings.students(meeting.id)) == 3
    assert [one.id for one in await store.attendance.meetings.newest()] == [meeting.id]
    with pytest.raises(AttendanceDuplicate, match="Anda sudah mengisi"):
        await fill(store, meeting.id)
    with pytest.raises(AttendanceDuplicate, match=r"oleh Budi \(10A\)"):
        await fill(store, meeting.id, name="Agus", device=device)
    with pytest.raises(AttendanceDuplicate, match=r"oleh Budi \(10A\)"):
        await fill(store, meeting.id, name="Agus", device=device, cookies={budi.cookie: budi.value})
    # what was taken back stays so: neither record nor cookie hold
    cookies = {siti.cookie: siti.value}
    device = siti.attendance.device
    await fill(store, meeting.id, name="Siti", device=device, cookies=cookies)
    found = await store.attendance.records.find(budi.attendance.id)
    assert found.name == "Budi"
    async with store.database.connection() as connection:
        assert await restore_attendance(store.redis, store.keys, connection) == 0


async def test_old_days_are_shown_and_corrected_from_postgres(store):
    meeting = await meeting_of(store, starts_at="2026-01-05T07:00:00+07:00")
    day = date(2026, 1, 6)
    then = moment_of(datetime(2026, 1, 6, 1, tzinfo=UTC))
    old = (await fill(store, meeting.id, then)).attendance
    await LogReader(store).run()
    await store.redis.delete(
        store.keys.attendances(meeting.id, old.day), store.keys.attendance(old.id)
    )
    now = await store.attendance.meetings.now()
    [row] = await store.attendance.records.rows(meeting, day, day, now)
    assert (row.id, row.name, row.at) == (old.id, "Budi", then)
    assert (await store.attendance.records.find(old.id)).id == old.id
    student = valid_student("Budi", "10A")
    await store.attendance.records.mark(meeting, day, student, "IZIN", None, BY)
    await store.attendance.records.mark(
        meeting, day, valid_student("Siti", "10A"), "TIDAK_HADIR", "", BY
    )
    await LogReader(store).run()
    found = await store.attendance.records.rows(meeting, day, day, now)
    assert {one.name: one.status for one in found} == {"Budi": "IZIN", "Siti": "TIDAK_HADIR"}
    await store.attendance.records.revoke(meeting, await store.attendance.records.find(old.id), BY)
    await LogReader(store).run()
    assert [one.name for one in await store.attendance.records.rows(meeting, day, day, now)] == [
        "Siti"
    ]


async def test_a_flood_of_refusals_is_kept_to_a_thousand(store):
    meeting = await meeting_of(store, per_address=2_000)
    await fill(store, meeting.id, meeting.starts_at)
    for _ in range(1_003):
        with pytest.raises(AttendanceDuplicate):
            await fill(store, meeting.id, meeting.starts_at)
    assert len(await store.attendance.records.attempts(meeting.id, "2026-11-16")) == 1_000


async def test_a_failure_of_ours_gives_the_turn_back(store, monkeypatch):
    meeting = await meeting_of(store)
    device = str(uuid.uuid4())

    async def away(*_: object) -> None:
        raise ConnectionError("Redis is away")

    with monkeypatch.context() as patched:
        patched.setattr(store.attendance.submissions, "_take", away)
        for _ in range(6):
            with pytest.raises(ConnectionError):
                await fill(store, meeting.id, meeting.starts_at, device=device)
    await fill(store, meeting.id, meeting.starts_at, device=device)


async def test_a_meeting_changed_while_a_form_is_judged_is_read_again(store, monkeypatch):
    meeting = await meeting_of(store)
    begun = store.attendance.submissions._begun

    async def late(*args: object) -> object:
        stale = await begun(*args)
        await store.attendance.meetings.change(meeting, {"is_active": False}, BY)
        return stale

    monkeypatch.setattr(store.attendance.submissions, "_begun", late)
    with pytest.raises(AttendanceClosed) as refused:
        await fill(store, meeting.id, meeting.starts_at)
    assert refused.value.type == "MEETING_INACTIVE"


async def test_what_was_taken_back_may_come_again_with_a_new_record_only(store):
    meeting = await running(store)
    device = str(uuid.uuid4())
    first = await fill(store, meeting.id, device=device)
    await store.attendance.records.revoke(meeting, first.attendance, BY)
    with pytest.raises(Conflict):
        await store.attendance.records.revoke(meeting, first.attendance, BY)
    cookies = {first.cookie: first.value}
    # Budi on another phone; the first one is free for Siti
    await fill(store, meeting.id)
    await fill(store, meeting.id, name="Siti", device=device, cookies=cookies)


async def test_events_that_come_late_undo_nothing(store):
    meeting = await running(store)
    kept = (await fill(store, meeting.id)).attendance
    gone = (await fill(store, meeting.id, name="Siti")).attendance
    [recorded] = [
        event
        for event in await store.events.read("0-0", 100)
        if event.type == "attendance.recorded" and event.data["id"] == gone.id
    ]
    on = date.fromisoformat(kept.day)
    student = valid_student("Budi", "10A")
    early = await store.attendance.records.mark(meeting, on, student, "IZIN", "", BY)
    await store.attendance.records.mark(meeting, on, student, "HADIR", "", BY)
    await store.attendance.records.revoke(meeting, gone, BY)
    await store.events.append("attendance.recorded", recorded.data)
    late = {"id": kept.id, "status": "IZIN", "changed_at": early.changed_at - 1}
    await store.events.append("attendance.changed", late)
    await LogReader(store).run()
    found = await rows(store, "SELECT id, status FROM attendances")
    assert [(one["id"], one["status"]) for one in found] == [(kept.id, "HADIR")]
    assert await count(store, "attendance_attempts") == 0


async def test_four_hands_that_mark_one_student_make_one_record(store):
    meeting = await running(store)
    today = meeting.today(await store.attendance.meetings.now()).on
    student = valid_student("Budi", "10A")
    # with connections at hand all of them read before one of them writes
    await asyncio.gather(*(store.redis.ping() for _ in range(8)))
    marks = [
        store.attendance.records.mark(meeting, today, student, "HADIR", "", BY) for _ in range(4)
    ]
    marked = await asyncio.gather(*marks)
    assert len({one.id for one in marked}) == 1
    await LogReader(store).run()
    assert await count(store, "attendances") == 1 and await count(store, "attendance_attempts") == 0


async def test_a_device_that_another_student_used_before_is_flagged_not_refused(store):
    meeting = await meeting_of(store)
    device, noon = str(uuid.uuid4()), meeting.starts_at + HOUR
    first = await fill(store, meeting.id, noon, device=device)
    again = await fill(store, meeting.id, noon + 24 * HOUR, device=device)
    other = await fill(store, meeting.id, noon + 48 * HOUR, name="Siti", device=device)
    flags = [one.attendance.flags for one in (first, again, other)]
    assert flags == ["", "", "device_of_another"]
    await LogReader(store).run()
    kept = await rows(store, "SELECT flags FROM attendances ORDER BY recorded_at")
    assert [one["flags"] for one in kept] == flags
