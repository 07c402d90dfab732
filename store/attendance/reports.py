"""Reports from the lasting copy: what only Postgres knows. A 503 while it is away."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from store.attendance.days import as_text
from store.attendance.students import Student
from store.database import Database, statement
from store.errors import NotFound

MOST_HISTORY = 500
"""Attendances of one student: more than a school year of daily lessons."""


class Reports:
    """Asks Postgres; every method raises Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(self, student_id: str, owner: str = "") -> dict[str, Any]:
        """Return a student and their attendances, newest first; with `owner`, only of theirs.

        Raises NotFound for a student nobody has recorded there.
        """
        try:
            known = str(uuid.UUID(student_id))
        except ValueError:
            raise NotFound() from None
        student = await self._fetch_one("read_student", id=known)
        params = {"students": _ids(known, student), "owner": owner, "count": MOST_HISTORY}
        rows = await self._database.fetch(statement("attendance", "read_history"), params)
        if student is None or (owner and not rows):
            raise NotFound()
        return student | {"attendances": [_seen(row) for row in rows]}

    async def of_day(self, meeting_id: str, on: date, zone: str) -> dict[str, Any]:
        """Return the two reports of the attendance document, and whether the wall was ever hit.

        `today` lists everybody of that day; `shared_devices` those devices that were used more
        than once, which must be none.
        """
        place = {"meeting": meeting_id, "day": on}
        rows = await self._database.fetch(statement("attendance", "report_day"), place)
        shared = await self._database.fetch(statement("attendance", "report_devices"), place)
        walled = await self._fetch_one("count_walled", **place)
        today = [row | {"recorded_at": _text(row["recorded_at"], zone)} for row in rows]
        return {
            "today": today,
            "shared_devices": shared,
            "walled": walled["times"] if walled else 0,
        }

    async def _fetch_one(self, name: str, **params: Any) -> dict[str, Any] | None:
        return await self._database.fetch_one(statement("attendance", name), params)


def _ids(known: str, row: dict[str, Any] | None) -> list[str]:
    """Every id under which a student may have been recorded."""
    if row is None:
        return [known]
    student = Student(row["name"], row["class"])
    return [known, student.id, *student.former_ids]


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("id", "meeting", "title", "day", "status", "reason")}
    return shown | {"recorded_at": as_text(row["at"], row["timezone"]), "source": row["source"]}


def _text(moment: Any, zone: str) -> str:
    return as_text(int(moment.timestamp() * 1000), zone)
