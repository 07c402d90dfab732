"""Rules of days, students, lists and flags: pure, to the millisecond."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.attendance.conflicts import alike, refused
from store.attendance.days import (
    as_text,
    day_of,
    day_on,
    local,
    moment_of,
    status_at,
    valid_day,
    valid_moment,
    valid_zone,
)
from store.attendance.meetings import Meeting
from store.attendance.record import Attendance
from store.attendance.students import read_roster, valid_student
from store.errors import InvalidRequest
from store.folding import folded

HOUR = 3_600_000
ZONES = {"Asia/Jakarta": 7, "Asia/Makassar": 8, "Asia/Jayapura": 9}


def utc(year: int, month: int, day: int, hour: int = 0) -> int:
    return moment_of(datetime(year, month, day, hour, tzinfo=UTC))


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Kiritimati"])
def server_zone(request, monkeypatch):
    """The server stands in another zone; nothing may change."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("server_zone")
@pytest.mark.parametrize("zone", ZONES)
def test_a_day_begins_and_ends_at_its_zones_midnight_to_the_millisecond(zone):
    midnight = utc(2026, 11, 21) - ZONES[zone] * HOUR
    assert day_of(midnight - 1, zone).name == "2026-11-20"
    today = day_of(midnight, zone)
    assert (today.name, today.starts_at, today.ends_at) == (
        "2026-11-21",
        midnight,
        midnight + 24 * HOUR,
    )
    assert day_of(midnight + 24 * HOUR - 1, zone) == today
    assert day_of(midnight + 24 * HOUR, zone).name == "2026-11-22"


@pytest.mark.parametrize(
    ("zone", "on", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight itself is skipped
        ("America/Sao_Paulo", date(2018, 2, 17), 25),  # the last hour comes twice
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    ],
)
def test_a_day_of_another_length_is_one_day(zone, on, hours):
    day = day_on(on, zone)
    assert day.ends_at - day.starts_at == hours * HOUR
    for moment in (day.starts_at, day.ends_at - 1):
        assert day_of(moment, zone) == day
    assert day_of(day.starts_at - 1, zone).on == on - timedelta(days=1)
    assert day_of(day.ends_at, zone).on == on + timedelta(days=1)


@given(
    st.integers(utc(2001, 1, 1), utc(2100, 1, 1)),
    st.sampled_from([*ZONES, "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
def test_every_moment_belongs_to_exactly_one_day(moment, zone):
    day = day_of(moment, zone)
    assert day.starts_at <= moment < day.ends_at
    assert day_of(day.ends_at, zone).starts_at == day.ends_at


@pytest.mark.parametrize("zone", ZONES)
def test_late_is_more_than_fifteen_minutes_after_that_days_start(zone):
    start = utc(2026, 11, 16, 7) - ZONES[zone] * HOUR
    for days in range(5):
        at = start + days * 24 * HOUR
        assert status_at(at - HOUR, start, zone) == "HADIR"
        assert status_at(at + 15 * 60_000, start, zone) == "HADIR"
        assert status_at(at + 15 * 60_000 + 1, start, zone) == "TERLAMBAT"


def test_the_hour_of_the_start_outlives_a_change_of_clocks():
    zone = "Europe/Berlin"
    start = moment_of(datetime(2026, 10, 24, 8, tzinfo=ZoneInfo(zone)))
    after = moment_of(datetime(2026, 10, 26, 8, 15, tzinfo=ZoneInfo(zone)))
    assert status_at(after, start, zone) == "HADIR"
    assert status_at(after + 1, start, zone) == "TERLAMBAT"


def test_moments_are_read_with_their_zone_and_shown_in_the_meetings():
    moment = valid_moment("starts_at", "2026-11-21T00:00:00Z")
    assert as_text(moment, "Asia/Jakarta") == "2026-11-21T07:00:00.000+07:00"
    assert local(moment, "Asia/Jayapura").hour == 9
    odd: list[object] = [
        "",
        "x",
        "2026-11-21",
        "2026-11-21T07:00:00",
        "2026-13-01T00:00:00Z",
        None,
        7,
        [],
        "9" * 99,
    ]
    for value in [*odd, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]:
        with pytest.raises(InvalidRequest):
            valid_moment("starts_at", value)
    for value in ("", "Mars/Base", "../etc/passwd", "/etc/passwd", None, 7, "a" * 99, "\x00"):
        with pytest.raises(InvalidRequest):
            valid_zone(value)
    for value in ("", "21-11-2026", "2026-11-31", "20261121xx", None, 7, "0001-01-01"):
        with pytest.raises(InvalidRequest):
            valid_day(value)


@pytest.mark.parametrize(
    "typed",
    [
        " Budi ",
        "BUDI",
        "bu\u200bdi",
        "Ｂｕｄｉ",
        "Bu\u00addi",
        "\ufeffBudi",
        "Bu\ufe0fdi",
        "\u202eBudi",
    ],
)
def test_one_student_however_typed(typed):
    assert valid_student(typed, "10A").id == valid_student("Budi", "10 a").id


@pytest.mark.parametrize("class_", ["10A", "10 A", "10-A", "10.a", "10_A", "10/A", "１０Ａ"])
def test_one_class_however_typed(class_):
    assert valid_student("Budi", class_).id == valid_student("Budi", "10A").id


def test_other_people_are_others():
    ids = {
        valid_student(name, class_).id
        for name in ("Budi", "Budi S", "BudiS", "Büdi", "Siti")
        for class_ in ("10A", "10B", "11A")
    }
    assert len(ids) == 15


@given(st.text(max_size=120))
def test_folding_is_stable_and_whatever_is_typed_is_taken_or_refused(text):
    assert folded(folded(text)) == folded(text)
    try:
        student = valid_student(text, "10A")
    except InvalidRequest:
        return
    assert student.name == student.name.strip() and 0 < len(student.name) <= 100
    student.name.encode()


def test_a_list_is_read_however_a_spreadsheet_writes_it():
    expected = ["Budi", "Siti, S.Pd"]
    for text in (
        'Budi,10A\n"Siti, S.Pd",10B\n',
        '\ufeffNama;Kelas\r\nBudi;10A\r\n"Siti, S.Pd";10B\r\n',
        "Kelas\tNama\n10A\tBudi\n10B\tSiti, S.Pd\n\n",
        'NIS,Nama Siswa,L/P,Kelas\n1,Budi,L,10A\n2,"Siti, S.Pd",P,10B',
    ):
        assert [one.name for one in read_roster(text).students] == expected


def test_lines_that_cannot_be_used_are_named():
    roster = read_roster("nama,kelas\nBudi,10A\n,10A\nbudi,10-a\nSiti\n" + "x" * 101 + ",10A")
    assert [one.name for one in roster.students] == ["Budi"]
    assert [line for line, _ in roster.skipped] == [3, 4, 5, 6]
    for nothing in ("", "\n\n", "nama,kelas\n", ",,,", "\x00"):
        with pytest.raises(InvalidRequest):
            read_roster(nothing)
    with pytest.raises(InvalidRequest):
        read_roster("\n".join(f"Siswa {number},10A" for number in range(5_001)))


def _row(number: int, at: int, trace: str = "t") -> Attendance:
    record = dict.fromkeys(Attendance.__slots__, "") | {"class": "10A", "at": at, "trace": trace}
    return Attendance.from_record(record | {"id": f"a{number}", "device": f"d{number}"})


def test_two_alike_phones_within_a_minute_are_shown_and_a_common_phone_is_not():
    assert alike([_row(1, 0), _row(2, 60_000)]) == {"a1", "a2"}
    assert alike([_row(1, 0), _row(2, 60_001)]) == set()
    assert alike([_row(1, 0), _row(2, 1), _row(3, 2)]) == set()
    assert alike([_row(1, 0, ""), _row(2, 1, "")]) == set()


def test_a_name_tried_from_three_devices_is_flagged():
    def attempt(device: str, **more: object) -> dict[str, object]:
        base = {"student": "s", "name": "Budi", "class": "10A", "device": device, "at": 0}
        return base | {"type": "USER_DUPLICATE"} | more

    two = refused([attempt("a"), attempt("b")], "Asia/Jakarta")
    assert [one["flags"] for one in two] == [[], []]
    three = refused([attempt(device) for device in "abc"], "Asia/Jakarta")
    assert [one["flags"] for one in three] == [["many_devices"]] * 3
    winner = {"type": "DEVICE_DUPLICATE", "winner_name": "Siti", "winner_class": "10A"}
    [shared] = refused([attempt("a", **winner)], "Asia/Jakarta")
    assert shared["flags"] == ["shared_device"] and shared["winner"] == "Siti (10A)"


def test_a_meetings_state_goes_by_the_clock():
    row = {"id": "m", "starts_at": "1000", "ends_at": "2000", "is_active": "1", "version": "1"}
    meeting = Meeting.from_hash(row | {"timezone": "Asia/Jakarta"})
    states = [meeting.state(now) for now in (999, 1000, 1999, 2000)]
    assert states == ["upcoming", "open", "open", "ended"]
    off = Meeting.from_hash(row | {"timezone": "Asia/Jakarta", "is_active": "0"})
    assert [off.state(now) for now in (999, 2000)] == ["inactive", "inactive"]
    closed = Meeting.from_hash(row | {"is_active": "0", "closed": "1"})
    assert closed.problem(1500) == "MEETING_ENDED"
