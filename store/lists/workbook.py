"""Reads a spreadsheet from its input and writes its cells: a process of its own.

A file of 200 KB can stand for gigabytes (two cells at the corners of a sheet are a table of
seventeen billion), and what reads it is native code. Here that costs this process and nobody else:
memory and time are limited by the system. Imports nothing of ours.

Writes JSON: `{"sheets": [[[cell, …], …], …]}` or `{"problem": "password" | "large" | "broken"}`. A
cell is text as it is shown; `DATE` stands for a date, which is what Excel makes of a class "7-1".
"""

from __future__ import annotations

import io
import json
import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Any

DATE = "\x00"
MOST_BYTES = 384 * 1024 * 1024
"""Address space; a school's list takes a third of it, most of that Python's own."""

MOST_SECONDS = 10
MOST_ROWS = 20_000
MOST_COLUMNS = 500
MOST_SHEETS = 60


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(_read(sys.stdin.buffer.read()), sys.stdout)


def _read(data: bytes) -> dict[str, Any]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible
        ]
        if len(names) > MOST_SHEETS:
            return {"problem": "large"}
        sheets = []
        for name in names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height > MOST_ROWS or sheet.width > MOST_COLUMNS:
                return {"problem": "large"}
            sheets.append([[_text(cell) for cell in row] for row in sheet.to_python()])
    except MemoryError:
        return {"problem": "large"}
    except PasswordError:
        return {"problem": "password"}
    except (CalamineError, OSError, ValueError, KeyError):
        return {"problem": "broken"}
    return {"sheets": sheets}


def _text(cell: Any) -> str:
    if isinstance(cell, (date, datetime, time, timedelta)):
        return DATE
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


if __name__ == "__main__":
    main()
