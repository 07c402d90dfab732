"""Files of attendance: whoever is missing is in them, dates are dates, and what goes out comes back
as it was."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from store.attendance.meetings import Meeting
from store.attendance.record import Attendance
from store.attendance.students import Student, read_roster
from store.errors import UnreadableList
from store.folding import folded, tidied
from tests.client import unchunked as whole
from tests.pupils import Phone, iso, meeting_of, patch
from tests.serving import serving
from web.attendance.exports import HEADS, _as_text, table, workbook_of
from web.tables import csv_begin, csv_text

PUPILS = "Nama;Kelas\nBudi;10A\nSiti;10A\nMa’ruf;10B\n"


@pytest.fixture
async def taught(environment):
    async with serving(environment) as site:
        teacher = await site.logged_in(await site.member("ratna", role="teacher"))
        meeting = await meeting_of(teacher)
        path = f"/api/admin/meetings/{meeting}"
        await teacher.post(f"{path}/students", {"csv": PUPILS})
        assert (await Phone(site.port).fill(meeting, "Siti")).status == 201
        yield teacher, path, meeting


def rows_of(data: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


async def test_the_absent_are_in_every_file(taught):
    teacher, path, meeting = taught
    for flavour, delimiter, mark in (("excel", ";", True), ("rfc4180", ",", False)):
        answer = await teacher.get(f"{path}/export.csv?flavour={flavour}")
        data = whole(answer)
        assert data.startswith(b"\xef\xbb\xbf") is mark and data.endswith(b"\r\n")
        head, *rows = rows_of(data, delimiter)
        assert head == list(HEADS)
        assert [(row[3], row[5]) for row in rows] == [
            ("Siti", "HADIR"),
            ("Budi", "BELUM_MENGISI"),
            ("Ma’ruf", "BELUM_MENGISI"),
        ]
    assert (await teacher.get(f"{path}/export.csv?flavour=x")).json["field"] == "flavour"
    # the day is over
    times = {"starts_at": iso(-2), "ends_at": iso(-0.01)}
    assert (await patch(teacher, path, times)).status == 200
    _, *rows = rows_of(whole(await teacher.get(f"{path}/export.csv")), ",")
    assert [(row[3], row[5], row[2]) for row in rows][1:] == [
        ("Budi", "TIDAK_HADIR", ""),
        ("Ma’ruf", "TIDAK_HADIR", ""),
    ]
    book = CalamineWorkbook.from_filelike(
        io.BytesIO((await teacher.get(f"{path}/export.xlsx")).body)
    )
    shown = book.get_sheet_by_name("Kehadiran").to_python()
    assert [row[3] for row in shown] == ["Nama", "Siti", "Budi", "Ma’ruf"]
    assert isinstance(shown[1][1], date) and isinstance(shown[1][2], (datetime, time))
    assert ["TIDAK_HADIR", 2.0] in book.get_sheet_by_name("Ringkasan").to_python()
    printed = await teacher.get(f"/admin/meetings/{meeting}/print")
    assert b"Budi" in printed.body and "Ma’ruf".encode() in printed.body


async def test_a_spreadsheet_prints_with_its_heading_across_one_page(taught):
    teacher, path, _ = taught
    book = zipfile.ZipFile(io.BytesIO((await teacher.get(f"{path}/export.xlsx")).body))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert 'orientation="landscape"' in sheet and 'paperSize="9"' in sheet
    assert 'fitToHeight="0"' in sheet and "Halaman &amp;P dari &amp;N" in sheet
    assert "Print_Titles" in book.read("xl/workbook.xml").decode()


async def test_a_file_read_again_is_the_same_list(taught):
    teacher, path, _ = taught
    for file in (
        "export.csv",
        "export.csv?flavour=excel",
        "export.csv?flavour=rfc4180",
        "export.xlsx",
    ):
        data = whole(await teacher.get(f"{path}/{file}"))
        again = await teacher.send("POST", f"{path}/students?dry_run=1", data)
        assert again.status == 200, again.body
        first = sorted((one["name"], one["class"]) for one in again.json["first"])
        assert first == [("Budi", "10A"), ("Ma’ruf", "10B"), ("Siti", "10A")]


LETTERS = st.characters(codec="cp1252", categories=("L", "Nd", "P", "S", "Zs"))
WORDS = st.text(st.one_of(LETTERS, st.sampled_from("='-+@|;,\"’ʼأ")), min_size=1, max_size=12)


def is_name(text: str) -> bool:
    """A name that may stand in a list; numbers and totals alone are nobody's."""
    return bool(folded(text)) and not folded(text).isdigit() and "total" not in folded(text)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS.filter(is_name), WORDS.filter(is_name)), min_size=1, max_size=6))
def test_any_names_come_back_as_they_went(pairs: list[tuple[str, str]]) -> None:
    students = {one.id: one for one in (Student(tidied(a), tidied(b)) for a, b in pairs)}
    meeting = _meeting()
    rows = [_row(student) for student in students.values()]
    lines = [[_as_text(cell) for cell in line] for line in table(meeting, rows)]
    for flavour in ("", "excel", "rfc4180"):
        begin, delimiter = csv_begin(flavour)
        data = (begin + csv_text([HEADS], delimiter) + csv_text(lines, delimiter)).encode()
        try:
            read = read_roster(data)
        except UnreadableList as error:
            # letters by chance that look as if they were encoded twice
            assert "Huruf" in error.message
            return
        assert read.students == list(students.values())


def test_odd_names_come_back_from_a_spreadsheet() -> None:
    names = ["=1+1", "'=1", "''@x", "'Abd", "-x", "＝1", "Ma’ruf", '"B"', "A,B;C", "10 Des'"]
    rows = [_row(Student(name, "10")) for name in names]
    assert [one.name for one in read_roster(workbook_of(_meeting(), rows)).students] == names


def _meeting() -> Meeting:
    return Meeting("m", "M", 0, 1, True, False, "Asia/Jakarta", False, "", 1, 0, 0)


def _row(student: Student) -> Attendance:
    at = int(datetime(2026, 11, 29, tzinfo=UTC).timestamp() * 1000)
    record = {"name": student.name, "class": student.class_, "day": "2026-11-29", "at": at}
    return Attendance.from_record(record | {"student": student.id, "status": "HADIR"})
