"""The parts of attendance, wired: what `store.attendance` is."""

from __future__ import annotations

from dataclasses import dataclass

from store.attendance.meetings import Meetings
from store.attendance.proofs import Proofs
from store.attendance.records import AttendanceRecords
from store.attendance.renaming import Renaming
from store.attendance.reports import Reports
from store.attendance.submissions import AttendanceSubmissions
from store.changes import Changes
from store.database import Database
from store.limits import Limits
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class AttendanceParts:
    """Everything about attendance."""

    meetings: Meetings
    submissions: AttendanceSubmissions
    records: AttendanceRecords
    renaming: Renaming
    reports: Reports


def wire(
    changes: Changes, settings: Settings, database: Database, limits: Limits
) -> AttendanceParts:
    """Build them."""
    meetings = Meetings(changes, settings.timezone)
    return AttendanceParts(
        meetings=meetings,
        submissions=AttendanceSubmissions(changes, limits, Proofs(settings.secret_keys)),
        records=AttendanceRecords(changes, database),
        renaming=Renaming(changes, database, meetings),
        reports=Reports(database),
    )
