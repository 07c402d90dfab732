"""Tables as files: CSV in two flavours, and a spreadsheet that prints well.

A name like `=HYPERLINK(…)` must stay a name in a spreadsheet: see `store.lists.guards`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import xlsxwriter

from store.errors import InvalidRequest
from store.lists import guarded
from store.lists.guards import guarded_again

CHUNK = 500
"""Rows written between two turns of the loop."""

FLAVOURS = {"": ("\ufeff", ","), "excel": ("\ufeff", ";"), "rfc4180": ("", ",")}
"""How a CSV begins, and what divides its cells. Excel in Indonesia divides by semicolons, and reads
UTF-8 only behind a mark. RFC 4180 has commas and no mark. The default is what most programs read.
"""

A4 = 9


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a spreadsheet: its heading with the columns' widths, and its rows."""

    name: str
    heads: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[Sequence[Any]]
    wide: bool = False
    """Whether it is printed across the paper."""


def csv_begin(flavour: str) -> tuple[str, str]:
    """Return how a CSV of a flavour begins, and its divider. Raises InvalidRequest."""
    if flavour not in FLAVOURS:
        raise InvalidRequest("flavour", "flavour harus 'excel' atau 'rfc4180'.")
    return FLAVOURS[flavour]


def csv_text(lines: Sequence[Sequence[Any]], delimiter: str) -> str:
    """Return lines of CSV (RFC 4180) that no spreadsheet takes for formulas."""
    out = io.StringIO(newline="")
    safe = [[guarded(cell) if isinstance(cell, str) else cell for cell in line] for line in lines]
    csv.writer(out, delimiter=delimiter).writerows(safe)
    return out.getvalue()


def workbook(title: str, sheets: Sequence[Sheet]) -> bytes:
    """Return a spreadsheet: dates are dates, text is text, and each sheet fits an A4's width with
    its heading on every page. Blocking: for a thread."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        formats = {
            "head": book.add_format({"bold": True, "bg_color": "#0F565B", "font_color": "#FFFFFF"}),
            "date": book.add_format({"num_format": "dd/mm/yyyy"}),
            "time": book.add_format({"num_format": "hh:mm:ss"}),
        }
        for one in sheets:
            sheet = book.add_worksheet(one.name)
            _write(sheet, one, formats)
            _set_up(sheet, one, title)
    return out.getvalue()


def _write(sheet: Any, one: Sheet, formats: dict[str, Any]) -> None:
    for column, (head, width) in enumerate(zip(one.heads, one.widths, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, head, formats["head"])
    for row, cells in enumerate(one.rows, 1):
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                sheet.write_datetime(row, column, cell, formats["time"])
            elif isinstance(cell, date):
                sheet.write_datetime(row, column, cell, formats["date"])
            elif isinstance(cell, str):
                sheet.write_string(row, column, guarded_again(cell))
            else:
                sheet.write_number(row, column, cell)


def _set_up(sheet: Any, one: Sheet, title: str) -> None:
    """Freeze and filter the heading; print it on every page, with the title and the page."""
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(one.rows)), len(one.heads) - 1)
    sheet.set_paper(A4)
    if one.wide:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    # an ampersand begins a command there
    sheet.set_header(f"&L{title[:100].replace('&', '&&')}&R{one.name}")
    sheet.set_footer("&RHalaman &P dari &N")
