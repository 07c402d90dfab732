"""Lists that people send: as the body, as an uploaded file, or pasted as `{"csv": …}`; and the
preview of one."""

from __future__ import annotations

from typing import Any

from store.errors import InvalidRequest
from web import fields
from web.fields import Flag
from web.handler import Handler

FIRST_SHOWN = 10
"""Lines of a preview: enough to see whether the columns are the right ones."""

MOST_SKIPPED = 100
"""Lines that are named with their reason; the rest is counted."""


class ListHandler(Handler):
    """What handlers of lists share."""

    largest_body = 256 * 1024

    class Body(fields.Body):
        """A list that was pasted; a file is sent as it is."""

        csv: str
        dry_run: Flag = False

    def sent_list(self) -> bytes | str:
        """Return the list as it was sent. Raises InvalidRequest."""
        if self.request.headers.get("Content-Type", "").lower().startswith("application/json"):
            return self.body(self.Body).csv
        files = [file for named in self.request.files.values() for file in named]
        return bytes(files[0].body if files else self.request.body)

    def is_dry_run(self) -> bool:
        """Whether nothing is to be written: `dry_run` in the query, or in a JSON body."""
        said = self.get_query_argument("dry_run", "")
        if not said and "json" in self.request.headers.get("Content-Type", "").lower():
            return self.body(self.Body).dry_run
        if said not in ("", "0", "1", "true", "false"):
            raise InvalidRequest("dry_run")
        return said in ("1", "true")


def skipped_json(skipped: list[tuple[int, str]]) -> dict[str, Any]:
    """Return the lines that were left out, as the answer names them."""
    named = [{"line": line, "reason": reason} for line, reason in skipped[:MOST_SKIPPED]]
    return {"skipped": named, "skipped_count": len(skipped)}
