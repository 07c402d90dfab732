"""Attendance as files: CSV as a stream, and a spreadsheet.

A file holds what the screen shows, and everybody who is listed and did not come. A name like
`=HYPERLINK(…)` must stay a name in a spreadsheet: such a cell gets an apostrophe in the CSV, which
is removed when the file is read as a list, and is written as text in the XLSX.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tornado.iostream import StreamClosedError

from store.attendance.days import day_of, day_on, local, valid_day
from store.attendance.meetings import Meeting
from store.attendance.record import STATUSES, Attendance
from store.attendance.students import Student, missing_of
from store.errors import InvalidRequest
from store.indonesian import short_day
from web.attendance.teacher import TeacherHandler
from web.tables import CHUNK, Sheet, csv_begin, csv_text, workbook

HEADS = ("No", "Tanggal", "Jam", "Nama", "Kelas", "Status", "Keterangan", "Sumber")
WIDTHS = (5, 12, 10, 32, 12, 16, 40, 14)
SOURCES = {"student": "Siswa", "permission": "Izin siswa", "manual": "Guru", "list": "Daftar siswa"}

ABSENT, AWAITED = "TIDAK_HADIR", "BELUM_MENGISI"
"""The status of students who are listed and did not fill in: after the meeting's day, and before
its end."""

MOST_ROWS = 100_000
"""Of one file; a school's list over a year is taken day by day."""


class _Export(TeacherHandler):
    """Which rows: one day's with `?day=`, else all days of the meeting."""

    async def wanted(self, meeting_id: str) -> tuple[Meeting, list[Attendance]]:
        """Return the meeting and its attendances in their order, each day's absent at its end."""
        meeting = await self.meeting(meeting_id)
        now = await self.store.attendance.meetings.now()
        if text := self.get_query_argument("day", ""):
            first = last = valid_day(text)
        else:
            first = day_of(meeting.starts_at, meeting.timezone).on
            last = day_of(meeting.ends_at, meeting.timezone).on
        rows = await self.store.attendance.records.rows(meeting, first, last, now)
        listed = await self.store.attendance.meetings.students(meeting.id)
        days = {row.day for row in rows}
        if first == last and meeting.has_day(first) and first <= meeting.today(now).on:
            days.add(first.isoformat())
        if len(rows) + len(days) * len(listed) > MOST_ROWS:
            raise InvalidRequest("day", "Terlalu banyak baris untuk satu berkas. Pilih tanggal.")
        # the absent of a school are many names to sort
        return meeting, await asyncio.to_thread(with_absent, meeting, rows, listed, days, now)

    def offer(self, meeting: Meeting, ending: str, kind: str) -> None:
        """Say what follows: a file to be saved under the meeting's name."""
        self.set_header("Content-Type", kind)
        name = file_name(meeting.title)
        self.set_header("Content-Disposition", f'attachment; filename="absensi-{name}.{ending}"')


class Csv(_Export):
    """`/api/admin/meetings/{id}/export.csv[?flavour=excel|rfc4180]`."""

    async def get(self, meeting_id: str) -> None:
        begin, delimiter = csv_begin(self.get_query_argument("flavour", ""))
        meeting, rows = await self.wanted(meeting_id)
        self.offer(meeting, "csv", "text/csv; charset=utf-8")
        self.write(begin + csv_text([HEADS], delimiter))
        lines = [tuple(map(_as_text, line)) for line in table(meeting, rows)]
        try:
            for start in range(0, len(lines), CHUNK):
                self.write(csv_text(lines[start : start + CHUNK], delimiter))
                await self.flush()
            await self.finish()
        except StreamClosedError:
            return  # the teacher has gone, and nobody misses the rest


class Xlsx(_Export):
    """`/api/admin/meetings/{id}/export.xlsx`."""

    async def get(self, meeting_id: str) -> None:
        meeting, rows = await self.wanted(meeting_id)
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        self.offer(meeting, "xlsx", kind)
        # building a large one takes a second, which is not the loop's to wait
        self.finish(await asyncio.to_thread(workbook_of, meeting, rows))


def with_absent(
    meeting: Meeting,
    rows: Sequence[Attendance],
    listed: Mapping[str, Student],
    days: set[str],
    now: int,
) -> list[Attendance]:
    """Return the rows, each day's followed by the listed students who did not come."""
    full: list[Attendance] = []
    for day in sorted(days):
        there = [row for row in rows if row.day == day]
        missing = missing_of(listed, ((row.student, row.person) for row in there))
        status = ABSENT if now >= _end_of(meeting, day) else AWAITED
        full += there
        full += [_absent(meeting, one, who, day, status) for one, who in missing.items()]
    return full


def _end_of(meeting: Meeting, day: str) -> int:
    return min(day_on(date.fromisoformat(day), meeting.timezone).ends_at, meeting.ends_at)


def _absent(meeting: Meeting, student_id: str, who: Student, day: str, status: str) -> Attendance:
    record = {"meeting": meeting.id, "student": student_id, "name": who.name, "class": who.class_}
    said = {"status": status, "day": day, "at": 0, "source": "list", "changed_at": 0}
    reason = "Tidak mengisi" if status == ABSENT else ""
    return Attendance.from_record(record | said | {"reason": reason})


def table(meeting: Meeting, rows: Sequence[Attendance]) -> list[tuple[Any, ...]]:
    """Return the rows of a file, under HEADS; dates and times as such."""
    return [(number, *_cells(meeting, row)) for number, row in enumerate(rows, 1)]


def _cells(meeting: Meeting, row: Attendance) -> Iterator[Any]:
    yield date.fromisoformat(row.day)
    yield local(int(row.at), meeting.timezone).replace(tzinfo=None, microsecond=0) if row.at else ""
    yield row.name
    yield row.class_
    yield row.status
    yield row.reason
    yield SOURCES.get(row.source, row.source)


def _as_text(cell: Any) -> Any:
    """Dates and times as they are written here."""
    if isinstance(cell, datetime):
        return f"{cell:%H:%M:%S}"
    return short_day(cell) if isinstance(cell, date) else cell


def workbook_of(meeting: Meeting, rows: Sequence[Attendance]) -> bytes:
    """Return the spreadsheet: the attendances, and the number of each status."""
    counts = dict.fromkeys((*STATUSES, AWAITED), 0)
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    told = [(status, count) for status, count in counts.items() if count or status != AWAITED]
    sums = [*told, ("TOTAL", len(rows))]
    return workbook(
        meeting.title,
        [
            Sheet("Kehadiran", HEADS, WIDTHS, table(meeting, rows), wide=True),
            Sheet("Ringkasan", ("Status", "Jumlah"), (24, 10), sums),
        ],
    )


def file_name(title: str) -> str:
    """Return a title as a part of a file's name: letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:60] or "meeting"


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/meetings/([^/]+)/export\.csv", Csv),
        (r"/api/admin/meetings/([^/]+)/export\.xlsx", Xlsx),
    ]
