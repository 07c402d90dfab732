"""The student's side: the seven scenarios, the order of checks, every odd input."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from store.attendance.meetings import By
from tests.client import Browser
from tests.pupils import (
    DUPLICATE_USER,
    Phone,
    day_at,
    delete,
    iso,
    kind,
    meeting_of,
    patch,
)


async def test_the_first_time_is_recorded(place):
    port, teacher, meeting = place
    phone = Phone(port)
    answer = await phone.fill(meeting, "  Budi ", " 10A ")
    assert answer.status == 201
    assert answer.json["success"] is True
    assert answer.json["message"] == "Absensi berhasil dicatat"
    attendance = answer.json["attendance"]
    assert set(attendance) == {"id", "student_name", "class", "status", "recorded_at"}
    assert (attendance["student_name"], attendance["class"]) == ("Budi", "10A")
    assert attendance["status"] == "HADIR"
    [row] = (await day_at(teacher, meeting))["attendances"]
    assert (row["id"], row["source"]) == (attendance["id"], "student")


async def test_the_cookie_is_strict_signed_and_free_of_names(place):
    port, teacher, _ = place
    meeting = await meeting_of(teacher, timezone="Asia/Jakarta")
    phone = Phone(port, str(uuid.uuid4()).upper())
    answer = await phone.fill(meeting, "Siti Aminah", "11 IPA")
    name = f"attendance_{meeting}_{phone.device.lower()}"
    [cookie] = [one for one in answer.set_cookies if one.startswith(name)]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=", "expires="):
        assert part.lower() in cookie.lower()
    assert "Secure" not in cookie and "Siti" not in cookie and "IPA" not in cookie
    fields = dict(part.strip().partition("=")[::2] for part in cookie.split(";")[1:])
    ends = parsedate_to_datetime(fields["expires"]).astimezone(ZoneInfo("Asia/Jakarta"))
    assert (f"{ends:%H:%M:%S}", str(ends.date())) == ("23:59:59", answer.json["day"])
    left = ends.timestamp() + 1 - time.time()
    assert abs(int(fields["Max-Age"]) - left) < 5


async def test_over_https_the_cookies_are_secure(product, store):
    web = await product(COOKIE_SECURE="always")
    times = {"starts_at": iso(-1), "ends_at": iso(1)}
    meeting = await store.attendance.meetings.create(times, By("teacher1", ""))
    answer = await Phone(web.settings.port).fill(meeting.id)
    assert len(answer.set_cookies) == 2
    assert all("; secure" in cookie.lower() for cookie in answer.set_cookies)


async def test_with_the_cookie_the_device_is_known(place):
    port, _, meeting = place
    phone = Phone(port)
    await phone.fill(meeting, "Budi", "10A")
    for name in ("Budi", "Siti"):
        answer = await phone.fill(meeting, name, "10A")
        assert kind(answer) == (409, "COOKIE_DUPLICATE")
        assert answer.json["message"] == "Device sudah digunakan oleh Budi (10A)"


async def test_without_cookie_and_storage_the_student_is_known(place):
    port, _, meeting = place
    await Phone(port).fill(meeting, "Budi", "10A")
    for name, class_ in (
        ("Budi", "10A"),
        (" bUDI", "10-a"),
        ("Bu\u200bdi", "10 A"),
        ("Ｂｕｄｉ", "10.A"),
    ):
        answer = await Phone(port).fill(meeting, name, class_)
        assert kind(answer) == (409, "USER_DUPLICATE"), name
        assert answer.json["message"] == DUPLICATE_USER


async def test_another_name_on_the_same_device_is_refused(place):
    port, teacher, meeting = place
    phone = Phone(port)
    await phone.fill(meeting, "Budi", "10A")
    phone.cookies.clear()
    answer = await phone.fill(meeting, "Siti", "10A")
    assert kind(answer) == (409, "DEVICE_DUPLICATE")
    assert answer.json["message"] == "Device sudah digunakan oleh Budi (10A)"
    assert len((await day_at(teacher, meeting))["attendances"]) == 1


async def test_who_would_be_both_is_told_of_the_student(place):
    port, _, meeting = place
    phone, other = Phone(port), Phone(port)
    await phone.fill(meeting, "Budi")
    await other.fill(meeting, "Siti")
    phone.cookies.clear()
    assert kind(await phone.fill(meeting, "Siti")) == (409, "USER_DUPLICATE")


async def test_upper_case_is_the_same_device(place):
    port, _, meeting = place
    phone = Phone(port)
    await phone.fill(meeting, "Budi")
    again = Phone(port, phone.device.upper())
    assert kind(await again.fill(meeting, "Siti")) == (409, "DEVICE_DUPLICATE")


async def test_the_sixth_request_in_a_minute_waits(place):
    port, teacher, meeting = place
    phone = Phone(port)
    answers = [await phone.fill(meeting, "Budi") for _ in range(7)]
    assert [answer.status for answer in answers] == [201, 409, 409, 409, 409, 429, 429]
    assert answers[5].json["type"] == "RATE_LIMIT"
    assert answers[5].json["message"] == "Terlalu banyak percobaan. Tunggu beberapa saat."
    assert 0 < int(answers[5].headers["retry-after"]) <= 61
    refused = (await day_at(teacher, meeting))["refused"]
    assert [one["type"] for one in refused] == ["RATE_LIMIT"] + ["COOKIE_DUPLICATE"] * 4


async def test_the_limit_comes_before_fields_and_fields_before_the_device(place):
    port, _, meeting = place
    phone = Phone(port, "no uuid")
    assert kind(await phone.fill(meeting, "", "")) == (400, "INVALID_REQUEST")
    assert kind(await phone.fill(meeting, "Budi")) == (400, "INVALID_DEVICE_ID")
    assert kind(await phone.fill("unknown", "Budi")) == (400, "INVALID_DEVICE_ID")
    for _ in range(2):
        await phone.fill(meeting, "Budi")
    assert kind(await phone.fill(meeting, "", "")) == (429, "RATE_LIMIT")


ODD_DEVICES: list[Any] = [
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",  # version 1
    "123e4567-e89b-42d3-c456-426614174000",  # no variant of RFC 9562
    "123e4567-e89b-42d3-a456-426614174000\n",
    " 123e4567-e89b-42d3-a456-426614174000",
    "{123e4567-e89b-42d3-a456-426614174000}",
    "123e4567e89b42d3a456426614174000",
    "１23e4567-e89b-42d3-a456-426614174000",
    "'; DROP TABLE students; --",
    "\ud800",
    "x" * 5000,
    7,
    ["123e4567-e89b-42d3-a456-426614174000"],
    {"id": 1},
    True,
]


async def test_an_odd_device_id_is_refused(place):
    port, teacher, meeting = place
    for device in ODD_DEVICES:
        phone = Phone(port)
        phone.device = device
        assert kind(await phone.fill(meeting)) == (400, "INVALID_DEVICE_ID"), device
        assert (await day_at(teacher, meeting))["attendances"] == []


ODD_FIELDS: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "   "},
    {"name": "\u200b\u2060"},
    {"name": "\u3164"},
    {"name": None},
    {"name": 12},
    {"name": ["Budi"]},
    {"name": "B" * 101},
    {"name": "Budi\n\ndata: x"},
    {"name": "Budi\x00"},
    {"name": "Bu\ud800di"},
    {"class": "1" * 51},
    {"class": ""},
    {"class": {}},
    {"meeting_id": ""},
    {"meeting_id": None},
    {"meeting_id": 5},
    {"deviceId": ""},
    {"deviceId": None},
]


async def test_an_odd_field_is_named_and_refused(place):
    port, teacher, meeting = place
    for field in ODD_FIELDS:
        answer = await Phone(port).fill(meeting, **field)
        assert kind(answer) == (400, "INVALID_REQUEST"), field
        assert answer.json["field"] in field
        assert (await day_at(teacher, meeting))["attendances"] == []


UNKNOWN_MEETINGS = ["unknown", "a b", "../x", "x" * 65, "m}:x", "\u0000", "\ud800"]


async def test_an_unknown_meeting_is_404(place):
    port, _, _ = place
    for meeting in UNKNOWN_MEETINGS:
        assert kind(await Phone(port).fill(meeting)) == (404, "MEETING_NOT_FOUND")


ODD_BODIES = [b"", b"[]", b"{", b"null", b'"x"', b"\xff\xfe", b"[" * 60_000]


async def test_a_body_that_is_no_object_is_400(place):
    port, _, _ = place
    for body in ODD_BODIES:
        answer = await Browser(port).send("POST", "/api/attendance/submit", body)
        assert kind(answer) == (400, "INVALID_REQUEST")


async def test_another_site_may_not_fill_in(place):
    port, teacher, meeting = place
    body = {"meeting_id": meeting, "name": "Budi", "class": "10A", "deviceId": str(uuid.uuid4())}
    for headers in ({"Origin": "https://evil.test"}, {"Sec_Fetch_Site": "cross-site"}):
        answer = await Browser(port).post("/api/attendance/submit", body, **headers)
        assert kind(answer) == (403, "CROSS_ORIGIN")
    assert (await day_at(teacher, meeting))["attendances"] == []


ODD_COOKIES = ["", "x", "a.b.c", "{}", "0" * 4000, "%00", "..", "abc.20261121."]


async def test_a_cookie_that_is_not_ours_is_no_cookie(place):
    port, _, meeting = place
    for number, value in enumerate(ODD_COOKIES):
        phone = Phone(port)
        phone.cookies[f"attendance_{meeting}_{phone.device}"] = value
        assert (await phone.fill(meeting, f"Siswa {number}")).status == 201, value


async def test_a_cookie_of_another_device_or_meeting_counts_for_nothing(place):
    port, teacher, meeting = place
    phone, other = Phone(port), Phone(port)
    await phone.fill(meeting, "Budi")
    value = phone.cookies[f"attendance_{meeting}_{phone.device}"]
    other.cookies[f"attendance_{meeting}_{other.device}"] = value
    assert (await other.fill(meeting, "Siti")).status == 201
    elsewhere = await meeting_of(teacher)
    phone.cookies[f"attendance_{elsewhere}_{phone.device}"] = value
    assert (await phone.fill(elsewhere, "Budi")).status == 201


async def test_a_good_cookie_whose_record_is_lost_still_holds(place, store):
    port, _, meeting = place
    phone = Phone(port)
    day = (await phone.fill(meeting, "Budi")).json["day"]
    await store.redis.delete(
        store.keys.attendances(meeting, day), store.keys.attendance_devices(meeting, day)
    )
    answer = await phone.fill(meeting, "Budi")
    assert kind(answer) == (409, "COOKIE_DUPLICATE")
    assert answer.json["message"] == "Device sudah digunakan"


async def test_a_meeting_that_is_not_open_says_why(place):
    port, teacher, meeting = place
    early = await meeting_of(teacher, starts_at=iso(1))
    over = await meeting_of(teacher, starts_at=iso(-2), ends_at=iso(-1))
    assert (
        await patch(teacher, f"/api/admin/meetings/{meeting}", {"is_active": False})
    ).status == 200
    assert kind(await Phone(port).fill(meeting)) == (403, "MEETING_INACTIVE")
    assert kind(await Phone(port).fill(early)) == (403, "MEETING_NOT_STARTED")
    assert kind(await Phone(port).fill(over)) == (403, "MEETING_ENDED")
    for one, words in ((meeting, "tidak aktif"), (early, "belum dimulai"), (over, "sudah selesai")):
        page = (await Phone(port).get(f"/attendance/{one}", Accept="text/html")).body.decode()
        assert words in page and "Fisika 10A" in page and 'data-mode="both"' not in page


async def test_a_cookie_is_asked_before_the_meeting(place):
    port, teacher, meeting = place
    phone = Phone(port)
    await phone.fill(meeting)
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"is_active": False})
    assert kind(await phone.fill(meeting)) == (409, "COOKIE_DUPLICATE")


async def test_a_closed_meeting_says_that_it_has_ended(place, store):
    port, teacher, _ = place
    over = await meeting_of(teacher, starts_at=iso(-2), ends_at=iso(-1))
    assert await store.attendance.meetings.close_due() == 1
    assert await store.attendance.meetings.close_due() == 0
    shown = (await teacher.get(f"/api/admin/meetings/{over}")).json["meeting"]
    assert (shown["is_active"], shown["state"]) == (False, "ended")
    assert kind(await Phone(port).fill(over)) == (403, "MEETING_ENDED")
    await patch(teacher, f"/api/admin/meetings/{over}", {"ends_at": iso(1)})
    assert (await Phone(port).fill(over)).status == 201


async def test_who_comes_late_is_late(place):
    port, teacher, _ = place
    meeting = await meeting_of(teacher, starts_at=iso(-0.3), ends_at=iso(0.1))
    answer = await Phone(port).fill(meeting)
    assert answer.json["attendance"]["status"] == "TERLAMBAT"


async def test_a_form_whose_answer_was_lost_may_be_sent_again(place):
    port, teacher, meeting = place
    phone = Phone(port)
    body = {"meeting_id": meeting, "name": "Budi", "class": "10A", "deviceId": phone.device}
    key = {"Idempotency_Key": "filled-once"}
    first = await phone.post("/api/attendance/submit", body, **key)
    phone.cookies.clear()
    again = await phone.post("/api/attendance/submit", body, **key)
    assert (first.status, again.status) == (201, 201)
    assert first.json["attendance"] == again.json["attendance"]
    assert len((await day_at(teacher, meeting))["attendances"]) == 1
    # the key is of that form: another pupil's or device's counts for nothing
    other = body | {"deviceId": str(uuid.uuid4())}
    assert (await Phone(port).post("/api/attendance/submit", other, **key)).status == 409


async def test_leave_needs_a_reason_of_ten_characters(place):
    port, teacher, meeting = place
    phone = Phone(port)
    for reason in ("sakit", " " * 20, "x" * 501, None, 7):
        answer = await Phone(port).excuse(meeting, "Budi", reason)
        assert kind(answer) == (400, "INVALID_REQUEST") and answer.json["field"] == "reason"
    answer = await phone.excuse(meeting, "Budi", "Sakit demam sejak semalam")
    assert answer.status == 201 and answer.json["attendance"]["status"] == "IZIN"
    assert kind(await Phone(port).fill(meeting, "Budi")) == (409, "USER_DUPLICATE")
    assert kind(await phone.excuse(meeting, "Siti", "Sakit demam juga")) == (
        409,
        "COOKIE_DUPLICATE",
    )
    [row] = (await day_at(teacher, meeting))["attendances"]
    assert (row["reason"], row["source"]) == ("Sakit demam sejak semalam", "permission")


async def test_leave_may_be_asked_before_the_meeting_begins(place):
    port, teacher, _ = place
    soon = await meeting_of(teacher, starts_at=iso(0.01), ends_at=iso(1))
    answer = await Phone(port).excuse(soon, "Budi", "Sakit demam sejak semalam")
    assert answer.status == 201
    assert kind(await Phone(port).fill(soon, "Siti")) == (403, "MEETING_NOT_STARTED")
    later = await meeting_of(teacher, starts_at=iso(60), ends_at=iso(61))
    refused = await Phone(port).excuse(later, "Budi", "Sakit demam sejak semalam")
    assert kind(refused) == (403, "MEETING_NOT_STARTED")


async def test_with_a_list_only_its_names_are_taken(place):
    port, teacher, meeting = place
    csv = "Nama,Kelas\nBudi Santoso,10A\nSiti Aminah,10A\n"
    assert (
        await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": csv})
    ).status == 200
    assert kind(await Phone(port).fill(meeting, "Tamu", "10A")) == (403, "NOT_LISTED")
    answer = await Phone(port).fill(meeting, "budi  santoso", "10-a")
    assert answer.json["attendance"]["student_name"] == "Budi Santoso"
    day = await day_at(teacher, meeting)
    assert [(one["name"], one["class"]) for one in day["missing"]] == [("Siti Aminah", "10A")]
    assert [one["type"] for one in day["refused"]] == ["NOT_LISTED"]


async def test_names_are_offered_from_three_letters_on(place):
    port, teacher, meeting = place
    csv = "\n".join(f"Budi {chr(65 + n)}anto,10A" for n in range(9)) + "\nSiti Aminah,11B"
    await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": csv})

    async def offered(typed: str, at: str = meeting) -> list[str]:
        answer = await Phone(port).get(f"/api/attendance/{at}/students?q={typed}")
        return [one["name"] for one in answer.json["students"]]

    assert await offered("bu") == []
    assert len(await offered("bud")) == 5
    assert await offered("AMIN") == ["Siti Aminah"]
    assert await offered("udi") == []
    assert await offered("bud", "unknown") == []
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"is_active": False})
    assert await offered("bud") == []


async def test_what_was_taken_back_may_be_filled_in_again_at_once(place):
    port, teacher, meeting = place
    phone = Phone(port)
    first = (await phone.fill(meeting, "Budi")).json["attendance"]["id"]
    assert (await delete(teacher, f"/api/admin/attendance/{first}")).status == 200
    page = (await phone.get(f"/attendance/{meeting}")).body.decode()
    assert first in page  # so that the browser forgets it, too
    again = await phone.fill(meeting, "Budi")
    assert again.status == 201 and again.json["attendance"]["id"] != first
    assert (await delete(teacher, f"/api/admin/attendance/{first}")).status == 404


async def test_the_device_cookie_is_handed_to_the_page_and_judges_nothing(place):
    port, teacher, meeting = place
    phone = Phone(port)
    await phone.fill(meeting, "Budi")
    page = (await phone.get(f"/attendance/{meeting}")).body.decode()
    assert f'data-device="{phone.device}"' in page
    stranger = (await Phone(port).get(f"/attendance/{meeting}")).body.decode()
    assert phone.device not in stranger
    cleared = phone.device
    phone.device = str(uuid.uuid4())
    assert (await phone.fill(meeting, "Siti")).status == 201
    rows = (await day_at(teacher, meeting))["attendances"]
    assert [row["flags"] for row in rows] == [["alike"], ["device_renamed", "alike"]]
    assert cleared not in json.dumps(rows)


async def test_two_hundred_pupils_at_once(place):
    port, teacher, meeting = place
    answers = await asyncio.gather(
        *(Phone(port).fill(meeting, f"Siswa {n}", "10A") for n in range(200))
    )
    assert [answer.status for answer in answers] == [201] * 200
    assert (await day_at(teacher, meeting))["counts"]["total"] == 200


async def test_the_same_pupil_two_hundred_times_at_once(place):
    port, teacher, meeting = place
    answers = await asyncio.gather(*(Phone(port).fill(meeting, "Budi") for _ in range(200)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (1, 199)
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1


async def test_the_same_device_two_hundred_times_at_once(place):
    port, teacher, meeting = place
    device = str(uuid.uuid4())
    answers = await asyncio.gather(
        *(Phone(port, device).fill(meeting, f"Siswa {n}") for n in range(200))
    )
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(409), statuses.count(429)) == (1, 4, 195)
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1
