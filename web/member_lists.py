"""Members by list: imported with a preview, exported as files that read again as they were."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from store.admin import MOST_ROWS
from store.indonesian import short_day
from store.member_lists import Person, read_members
from web.admin import AdminHandler
from web.lists import FIRST_SHOWN, ListHandler, skipped_json
from web.tables import Sheet, csv_begin, csv_text, workbook

HEADS = ("Nama", "Email", "Telepon", "Peran", "Status", "Terdaftar")
WIDTHS = (32, 36, 20, 12, 12, 14)

HOTSPOT_ADDRESS = "@hotspot.invalid"
"""Of members who have a phone alone: made up, so it is in no file."""


class ImportMembers(AdminHandler, ListHandler):
    """`/api/admin/members/import`: name, and phone or e-mail; `dry_run` writes nothing."""

    async def post(self) -> None:
        current = await self.require_admin()
        found = await self.store.lists.read(read_members, self.sent_list())
        dry_run = self.is_dry_run()
        sorted_ = await self.store.member_lists.sort(found.people)
        made = []
        if not dry_run:
            made = await self.store.member_lists.make([*sorted_.new, *sorted_.waiting])
            await self.note(current, "member.import", "", made=len(made), known=len(sorted_.known))
        self.respond(
            {
                "success": True,
                "dry_run": dry_run,
                "people": len(found.people),
                "new": len(sorted_.new),
                "taken_over": len(sorted_.waiting),
                "known": len(sorted_.known),
                "without_phone": sum(not one.phone for one in sorted_.new),
                "created": len(made),
                "columns": found.columns,
                "first": [_shown(one) for one in found.people[:FIRST_SHOWN]],
                **skipped_json(found.skipped),
            }
        )


def _shown(one: Person) -> dict[str, str]:
    return {"name": one.name, "email": one.email, "phone": one.phone}


class ExportMembers(AdminHandler):
    """`/api/admin/members/export.(csv|xlsx)[?flavour=excel|rfc4180]`."""

    async def get(self, ending: str) -> None:
        await self.require_admin()
        begin, delimiter = csv_begin(self.get_query_argument("flavour", ""))
        rows = [_line(row) for row in await self._everybody()]
        self.set_header("Content-Disposition", f'attachment; filename="anggota.{ending}"')
        if ending == "csv":
            self.set_header("Content-Type", "text/csv; charset=utf-8")
            text = await asyncio.to_thread(csv_text, [HEADS, *map(_as_text, rows)], delimiter)
            self.finish(begin + text)
            return
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        self.set_header("Content-Type", kind)
        sheet = Sheet("Anggota", HEADS, WIDTHS, rows, wide=True)
        self.finish(await asyncio.to_thread(workbook, "Anggota", [sheet]))

    async def _everybody(self) -> list[dict[str, Any]]:
        """Page by page from the lasting copy, newest first."""
        rows: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = await self.admin.list_members(
                search="", role=None, status=None, after=after, count=MOST_ROWS
            )
            rows += page.rows
            after = page.next
        return rows


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    email = "" if row["email"].endswith(HOTSPOT_ADDRESS) else row["email"]
    since = datetime.fromtimestamp(row["created_at"], UTC).date()
    return (row["name"], email, row["phone"], row["role"], row["status"], since)


def _as_text(line: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*line[:-1], short_day(line[-1]))


class ImportPage(AdminHandler):
    """`/admin/members/import`: the same for a person."""

    async def get(self) -> None:
        current = await self.require_admin()
        self.member_page("members_import.html", current)


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/admin/members/import", ImportMembers),
        (r"/api/admin/members/export\.(csv|xlsx)", ExportMembers),
        (r"/admin/members/import", ImportPage),
    ]
