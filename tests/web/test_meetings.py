"""The teacher's API: meetings, lists, corrections, files; each address asks for its role."""

from __future__ import annotations

import asyncio
import csv
import io
import time
import zipfile
from typing import Any

import pytest

from store.attendance.meetings import By
from store.errors import Conflict
from tests.client import Browser, unchunked
from tests.jobs.log import count, rows
from tests.pupils import (
    TEACHER_PASSWORD,
    Phone,
    day_at,
    delete,
    iso,
    kind,
    meeting_of,
    patch,
    teacher_at,
)


async def test_a_meeting_is_created_listed_changed_and_deleted(place):
    port, teacher, meeting = place
    wish = {"starts_at": "2026-11-23T00:00:00Z", "ends_at": "2026-11-23T02:00:00+00:00"}
    answer = await teacher.post("/api/admin/meetings", wish | {"timezone": "Asia/Makassar"})
    assert answer.status == 201 and answer.json["success"] is True
    made = answer.json["meeting"]
    assert made["title"] == "Pertemuan baru" and made["is_active"] is True
    assert made["starts_at"] == "2026-11-23T08:00:00.000+08:00"
    assert made["url"].endswith(f"/attendance/{made['id']}")
    listed = (await teacher.get("/api/admin/meetings")).json["meetings"]
    # the latest start first
    assert {one["id"] for one in listed} == {made["id"], meeting}
    assert [one["starts_at"] for one in listed] == sorted(
        (one["starts_at"] for one in listed), reverse=True
    )
    changed = await patch(teacher, f"/api/admin/meetings/{made['id']}", {"title": "Kimia"})
    assert changed.json["meeting"]["title"] == "Kimia"
    assert (await delete(teacher, f"/api/admin/meetings/{made['id']}")).status == 200
    assert kind(await teacher.get(f"/api/admin/meetings/{made['id']}")) == (
        404,
        "MEETING_NOT_FOUND",
    )
    assert kind(await delete(teacher, f"/api/admin/meetings/{made['id']}"))[0] == 404
    assert kind(await Phone(port).fill(made["id"])) == (404, "MEETING_NOT_FOUND")


ODD_WISHES: list[tuple[dict[str, Any], str]] = [
    ({"starts_at": None}, "starts_at"),
    ({"starts_at": "2026-11-23T07:00:00"}, "starts_at"),
    ({"starts_at": 1795000000}, "starts_at"),
    ({"ends_at": "tomorrow"}, "ends_at"),
    ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
    ({"ends_at": "2190-01-01T00:00:00Z"}, "ends_at"),
    ({"title": 7}, "title"),
    ({"title": "x" * 151}, "title"),
    ({"title": "a\nb"}, "title"),
    ({"is_active": "yes"}, "is_active"),
    ({"rotating": 1}, "rotating"),
    ({"timezone": "WIB"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
]


async def test_an_odd_wish_is_refused_and_named(place):
    _, teacher, meeting = place
    good = {"starts_at": iso(0), "ends_at": iso(1)}
    for wish, field in ODD_WISHES:
        answers = [
            await teacher.post("/api/admin/meetings", good | wish),
            await patch(teacher, f"/api/admin/meetings/{meeting}", wish),
        ]
        for answer in answers:
            assert kind(answer) == (400, "INVALID_REQUEST") and answer.json["field"] == field
    missing = await teacher.post("/api/admin/meetings", {"starts_at": iso(0)})
    assert missing.json["field"] == "ends_at"


ADDRESSES = [
    ("GET", "/api/admin/meetings"),
    ("POST", "/api/admin/meetings"),
    ("GET", "/api/admin/meetings/{meeting}"),
    ("PATCH", "/api/admin/meetings/{meeting}"),
    ("DELETE", "/api/admin/meetings/{meeting}"),
    ("GET", "/api/admin/meetings/{meeting}/students"),
    ("POST", "/api/admin/meetings/{meeting}/students"),
    ("DELETE", "/api/admin/meetings/{meeting}/students"),
    ("GET", "/api/admin/meetings/{meeting}/attendance"),
    ("POST", "/api/admin/meetings/{meeting}/attendance"),
    ("GET", "/api/admin/meetings/{meeting}/reports"),
    ("GET", "/api/admin/meetings/{meeting}/export.csv"),
    ("GET", "/api/admin/meetings/{meeting}/export.xlsx"),
    ("GET", "/api/admin/meetings/{meeting}/qr.svg"),
    ("PATCH", "/api/admin/attendance/{attendance}"),
    ("DELETE", "/api/admin/attendance/{attendance}"),
    ("GET", "/api/admin/students/{student}/attendance"),
    ("GET", "/admin/meetings"),
    ("GET", "/admin/meetings/{meeting}"),
    ("GET", "/admin/meetings/{meeting}/qr"),
    ("GET", "/admin/meetings/{meeting}/print"),
    ("GET", "/board/{meeting}"),
]


async def test_every_address_asks_for_its_role_and_its_owner(place, store):
    port, teacher, meeting = place
    await Phone(port).fill(meeting)
    [row] = (await day_at(teacher, meeting))["attendances"]
    await store.members.create(email="m@jaga.test", password=TEACHER_PASSWORD, name="M")
    member, nobody = Browser(port), Browser(port)
    await member.login("m@jaga.test", TEACHER_PASSWORD)
    colleague = await teacher_at(store, port, "lain@jaga.test")
    ids = {"meeting": meeting, "attendance": row["id"], "student": row["student_id"]}
    for method, address in ADDRESSES:
        path = address.format(**ids)
        body = b"" if method == "GET" else b"{}"
        assert (await nobody.send(method, path, body)).status == 401, path
        refused = await member.send(method, path, body)
        assert kind(refused) == (403, "FORBIDDEN"), path
        if "{" in address:
            assert (await colleague.send(method, path, body)).status == 404, path
    assert (await colleague.get("/api/admin/meetings")).json["meetings"] == []
    admin = await teacher_at(store, port, "kepala@jaga.test", "admin")
    assert [one["id"] for one in (await admin.get("/api/admin/meetings")).json["meetings"]] == [
        meeting
    ]
    assert len((await day_at(admin, meeting))["attendances"]) == 1


async def test_pages_send_strangers_to_the_login(place):
    port, _, meeting = place
    for path in ("/admin/meetings", f"/admin/meetings/{meeting}", f"/board/{meeting}"):
        answer = await Browser(port).get(path, Accept="text/html")
        assert (answer.status, answer.headers["location"]) == (302, "/login")


async def test_a_teacher_corrects_marks_and_takes_back(place, store):
    port, teacher, meeting = place
    given = (await Phone(port).fill(meeting, "Budi")).json["attendance"]["id"]
    changed = await patch(
        teacher, f"/api/admin/attendance/{given}", {"status": "IZIN", "reason": "UKS"}
    )
    assert changed.json["attendance"]["status"] == "IZIN"
    assert changed.json["attendance"]["id"] == given
    for wish in ({}, {"status": "ALPA"}, {"status": 1}, {"reason": 5}, {"reason": "x" * 501}):
        assert (await patch(teacher, f"/api/admin/attendance/{given}", wish)).status == 400
    students = [{"name": name, "class": "10A"} for name in ("budi", "Siti", "Agus")]
    marked = await teacher.post(
        f"/api/admin/meetings/{meeting}/attendance", {"students": students, "status": "TIDAK_HADIR"}
    )
    assert marked.json["count"] == 3
    day = await day_at(teacher, meeting)
    assert day["counts"] == {"total": 3, "HADIR": 0, "TERLAMBAT": 0, "IZIN": 0, "TIDAK_HADIR": 3}
    assert {one["id"] for one in day["attendances"] if one["student_name"] == "Budi"} == {given}
    sources = {one["student_name"]: one["source"] for one in day["attendances"]}
    assert sources == {"Budi": "student", "Siti": "manual", "Agus": "manual"}
    # a device entered by hand is none: siblings on one phone go on filling in
    phone = Phone(port)
    assert (await phone.fill(meeting, "Adik")).status == 201
    odd_lists: list[Any] = [None, [], "x", [1], [{}]]
    for odd in odd_lists:
        answer = await teacher.post(
            f"/api/admin/meetings/{meeting}/attendance", {"status": "HADIR", "students": odd}
        )
        assert answer.status == 400
    elsewhere = {"students": students, "status": "HADIR", "day": "2020-01-01"}
    answer = await teacher.post(f"/api/admin/meetings/{meeting}/attendance", elsewhere)
    assert answer.json["field"] == "day"
    for unknown in ("x", "0" * 16, "..", "%00", "a" * 65):
        assert (
            await patch(teacher, f"/api/admin/attendance/{unknown}", {"status": "IZIN"})
        ).status == 404
    found = await teacher.get(f"/api/admin/meetings/{meeting}/attendance?q=SIT")
    assert [one["student_name"] for one in found.json["attendances"]] == ["Siti"]
    found = await teacher.get(f"/api/admin/meetings/{meeting}/attendance?status=HADIR")
    assert [one["student_name"] for one in found.json["attendances"]] == ["Adik"]


async def test_every_act_is_audited(product, store):
    web = await product(worker=True)
    teacher = await teacher_at(store, web.settings.port)
    meeting = await meeting_of(teacher)
    given = (await Phone(web.settings.port).fill(meeting)).json["attendance"]["id"]
    await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": "Budi,10A"})
    await patch(teacher, f"/api/admin/attendance/{given}", {"status": "IZIN"})
    await delete(teacher, f"/api/admin/attendance/{given}")
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"title": "Kimia"})
    await delete(teacher, f"/api/admin/meetings/{meeting}")
    wanted = {
        "meeting.create",
        "meeting.students",
        "attendance.mark",
        "attendance.revoke",
        "meeting.change",
        "meeting.delete",
    }
    await _until(store, "audit", len(wanted))
    found = await rows(store, "SELECT act, actor, detail, ip FROM audit")
    assert {one["act"] for one in found} >= wanted
    assert {one["ip"] for one in found if one["act"] in wanted} == {"127.0.0.1"}
    [taken] = [one["detail"] for one in found if one["act"] == "attendance.revoke"]
    assert taken["name"] == "Budi"


async def _until(store, table: str, wanted: int) -> None:
    deadline = time.monotonic() + 20
    while await count(store, table) < wanted:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_students_history_spans_meetings(product, store):
    web = await product(worker=True)
    teacher = await teacher_at(store, web.settings.port)
    for title in ("Fisika", "Kimia"):
        await Phone(web.settings.port).fill(await meeting_of(teacher, title=title), "Budi")
    other = await teacher_at(store, web.settings.port, "lain@jaga.test")
    theirs = await meeting_of(other, title="Rahasia")
    student = (await Phone(web.settings.port).fill(theirs, "Budi")).json["attendance"]
    assert student["student_name"] == "Budi"
    await _until(store, "attendances", 3)
    [row] = (await day_at(other, theirs))["attendances"]
    path = f"/api/admin/students/{row['student_id']}/attendance"
    history = (await teacher.get(path)).json
    assert history["student"]["name"] == "Budi"
    assert {one["title"] for one in history["attendances"]} == {"Fisika", "Kimia"}
    for odd in ("x", "00000000-0000-0000-0000-000000000000", "%27"):
        assert (await teacher.get(f"/api/admin/students/{odd}/attendance")).status == 404


async def test_lists_come_as_body_file_or_json(place):
    _, teacher, meeting = place
    path = f"/api/admin/meetings/{meeting}/students"
    raw = await teacher.send(
        "POST", path, "Budi,10A\nBüdi,10B".encode("cp1252"), {"Content-Type": "text/csv"}
    )
    assert (raw.json["imported"], raw.json["count"]) == (2, 2)
    boundary = "b0undary"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="s.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\nSiti,10A\r\n,\r\nnobody\r\n--{boundary}--\r\n"
    ).encode()
    form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    added = await teacher.send("POST", f"{path}?mode=add", body, form)
    assert (added.json["imported"], added.json["count"]) == (1, 3)
    assert added.json["skipped_count"] == 1 and added.json["skipped"][0]["line"] == 3
    listed = (await teacher.get(path)).json["students"]
    assert [one["name"] for one in listed] == ["Budi", "Siti", "Büdi"]
    for odd in ({"csv": 7}, {}, {"csv": ""}):
        assert (await teacher.post(path, odd)).status == 400
    assert (await teacher.post(f"{path}?mode=x", {"csv": "a,b"})).status == 400
    school = "\n".join(f"Siswa {n},10A" for n in range(5_000))
    assert (await teacher.post(path, {"csv": school})).json["count"] == 5_000
    assert (await delete(teacher, path)).json["count"] == 0


FORMULA = '=HYPERLINK("http://evil.test","klik")'


async def test_files_hold_what_the_screen_shows_and_no_formulas(place):
    port, teacher, meeting = place
    names = ["Budi", FORMULA, "@SUM(1)", "-2+3", "+62", '"Siti", S.Pd', "＝1+1"]
    for name in names:
        assert (await Phone(port).fill(meeting, name)).status == 201
    await Phone(port).excuse(meeting, "Agus", "=cmd|' /C calc'!A0 demam")
    path = f"/api/admin/meetings/{meeting}/export"
    answer = await teacher.get(f"{path}.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="absensi-fisika-10a.csv"'
    assert unchunked(answer).startswith(b"\xef\xbb\xbf")
    text = unchunked(answer).decode("utf-8-sig")
    head, *lines = list(csv.reader(io.StringIO(text, newline="")))
    assert head[:3] == ["No", "Tanggal", "Jam"]
    assert [line[3] for line in lines] == [
        "Budi",
        f"'{FORMULA}",
        "'@SUM(1)",
        "'-2+3",
        "'+62",
        '"Siti", S.Pd',
        "'＝1+1",
        "Agus",
    ]
    assert lines[-1][6].startswith("'=cmd")
    assert all(cell[:1] not in "=+-@" for line in lines for cell in line if cell)
    counts = (await day_at(teacher, meeting))["counts"]
    assert len(lines) == counts["total"] == 8

    book = zipfile.ZipFile(io.BytesIO((await teacher.get(f"{path}.xlsx")).body))
    sheets = "".join(book.read(name).decode() for name in book.namelist() if "sheet" in name)
    strings = book.read("xl/sharedStrings.xml").decode()
    assert (
        "<f>" not in sheets
        and "HYPERLINK" in strings
        and "Ringkasan" in book.read("xl/workbook.xml").decode()
    )
    empty = unchunked(await teacher.get(f"{path}.csv?day=2020-01-01")).decode("utf-8-sig")
    assert empty.count("\n") == 1
    assert (await teacher.get(f"{path}.csv?day=x")).status == 400


async def test_the_code_is_an_svg_that_leads_to_the_form(place):
    _, teacher, meeting = place
    answer = await teacher.get(f"/api/admin/meetings/{meeting}/qr.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.body.startswith(b"<?xml") and b'width="400' in answer.body
    saved = await teacher.get(f"/api/admin/meetings/{meeting}/qr.svg?download=1")
    assert "attachment" in saved.headers["content-disposition"]


async def test_two_teachers_who_change_one_meeting_do_not_undo_each_other(place, store):
    _, teacher, meeting = place
    before = await store.attendance.meetings.get(meeting)
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"title": "Kimia"})
    with pytest.raises(Conflict):
        await store.attendance.meetings.change(before, {"title": "Biologi"}, By("x", ""))
