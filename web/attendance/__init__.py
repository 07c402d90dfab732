"""Attendance on the web: the student's form, the teacher's meetings, board, records and exports."""

from __future__ import annotations

from typing import Any

from web.attendance import exports, meetings, pages, records, student


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this package, added up."""
    return [
        *student.routes(),
        *meetings.routes(),
        *records.routes(),
        *exports.routes(),
        *pages.routes(),
    ]
