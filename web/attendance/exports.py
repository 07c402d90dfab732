"""Attendance as files: CSV in a stream, and a spreadsheet. What is on the screen is in the file.

A name like `=HYPERLINK(…)` must stay a name in the hands of a spreadsheet: such cells get an
apostrophe in the CSV, and are written as text in the XLSX.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import xlsxwriter
from tornado.iostream import StreamClosedError

from store.attendance.days import day_of, local, valid_day
from store.attendance.meetings import Meeting
from store.attendance.records import STATUSES, Attendance
from web.attendance.teacher import TeacherHandler, counts_of

HEADS = ("No", "Tanggal", "Jam", "Nama", "Kelas", "Status", "Keterangan", "Sumber")
SOURCES = {"student": "Siswa", "permission": "Izin siswa", "manual": "Guru"}

CHUNK = 500
"""Rows written between two turns of the loop."""

_FORMULA = re.compile(r"^[=+\-@\t\r\n|]")


class _Export(TeacherHandler):
    """Which rows: one day's with `?day=`, else all days of the meeting."""

    async def wanted(self, meeting_id: str) -> tuple[Meeting, list[Attendance]]:
        """Return the meeting and its attendances in their order."""
        meeting = await self.meeting(meeting_id)
        now = await self.store.meetings.now()
        if text := self.get_query_argument("day", ""):
            first = last = valid_day(text)
        else:
            first = day_of(meeting.starts_at, meeting.timezone).on
            last = day_of(meeting.ends_at, meeting.timezone).on
        return meeting, await self.store.register.rows(meeting, first, last, now)

    def offer(self, meeting: Meeting, ending: str, kind: str) -> None:
        """Say what follows: a file to be saved under the meeting's name."""
        self.set_header("Content-Type", kind)
        name = file_name(meeting.title)
        self.set_header("Content-Disposition", f'attachment; filename="absensi-{name}.{ending}"')


class Csv(_Export):
    """`/api/admin/meetings/{id}/export.csv`."""

    async def get(self, meeting_id: str) -> None:
        meeting, rows = await self.wanted(meeting_id)
        self.offer(meeting, "csv", "text/csv; charset=utf-8")
        self.write("\ufeff" + csv_text([HEADS]))
        lines = table(meeting, rows)
        try:
            for start in range(0, len(lines), CHUNK):
                self.write(csv_text(lines[start : start + CHUNK]))
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
        self.finish(await asyncio.to_thread(workbook, meeting, rows))


def table(meeting: Meeting, rows: Sequence[Attendance]) -> list[tuple[Any, ...]]:
    """Return the rows of a file, under HEADS."""
    return [(number, *_cells(meeting, row)) for number, row in enumerate(rows, 1)]


def _cells(meeting: Meeting, row: Attendance) -> Iterator[str]:
    at = local(int(row.at), meeting.timezone)
    yield date.fromisoformat(row.day).strftime("%d/%m/%Y")
    yield f"{at:%H:%M:%S}"
    yield row.name
    yield row.class_
    yield row.status
    yield row.reason
    yield SOURCES.get(row.source, row.source)


def csv_text(lines: Sequence[Sequence[Any]]) -> str:
    """Return lines of CSV (RFC 4180) that no spreadsheet takes for formulas."""
    out = io.StringIO()
    csv.writer(out).writerows([[harmless(cell) for cell in line] for line in lines])
    return out.getvalue()


def harmless(cell: Any) -> Any:
    """Return a cell that stays text: what would begin a formula, full-width or not, is quoted."""
    if not isinstance(cell, str):
        return cell
    begins = unicodedata.normalize("NFKC", cell[:1]) + cell[1:2]
    return f"'{cell}" if _FORMULA.match(begins) else cell


def workbook(meeting: Meeting, rows: Sequence[Attendance]) -> bytes:
    """Return the spreadsheet: the attendances, and how many there are of each status."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        head = book.add_format({"bold": True, "bg_color": "#0F565B", "font_color": "#FFFFFF"})
        _write_rows(book.add_worksheet("Kehadiran"), head, table(meeting, rows))
        counts = counts_of(list(rows))
        lines = [(status, counts[status]) for status in STATUSES] + [("TOTAL", counts["total"])]
        _write_summary(book.add_worksheet("Ringkasan"), head, meeting, lines)
    return out.getvalue()


def _write_rows(sheet: Any, head: Any, lines: Sequence[Sequence[Any]]) -> None:
    for column, (title, width) in enumerate(
        zip(HEADS, (5, 12, 10, 32, 12, 14, 40, 12), strict=True)
    ):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, head)
    for place, line in enumerate(lines, 1):
        sheet.write_number(place, 0, line[0])
        for column, cell in enumerate(line[1:], 1):
            sheet.write_string(place, column, cell)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(lines)), len(HEADS) - 1)


def _write_summary(
    sheet: Any, head: Any, meeting: Meeting, lines: Sequence[tuple[str, int]]
) -> None:
    sheet.set_column(0, 0, 24)
    sheet.write_string(0, 0, meeting.title)
    sheet.write_string(2, 0, "Status", head)
    sheet.write_string(2, 1, "Jumlah", head)
    for place, (status, count) in enumerate(lines, 3):
        sheet.write_string(place, 0, status)
        sheet.write_number(place, 1, count)


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
