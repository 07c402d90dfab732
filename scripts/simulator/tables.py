"""Rows and their ids. Values are text as RouterOS prints it; a field that is unset is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Row = dict[str, str]
Listener = Callable[[Row, bool], None]
"""Is told of each changed row, and whether it is gone."""


class Table:
    """One menu's rows, in the order they were made.

    Fields in `indexed` are found without a walk: 10,000 users are each looked for by name.
    """

    def __init__(self, indexed: Sequence[str] = ()) -> None:
        self.rows: dict[str, Row] = {}
        self.listeners: list[Listener] = []
        self._found: dict[str, dict[str, dict[str, Row]]] = {name: {} for name in indexed}
        self._last = 0

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, values: Row) -> str:
        """Add a row; returns its new id."""
        self._last += 1
        row_id = f"*{self._last:X}"
        row = {".id": row_id, **{name: value for name, value in values.items() if value != ""}}
        self.rows[row_id] = row
        self._index(row)
        self._tell(row, gone=False)
        return row_id

    def change(self, row_id: str, values: Row) -> None:
        """Set fields of a row; an empty value unsets."""
        row = self.rows[row_id]
        self._unindex(row)
        for name, value in values.items():
            if value == "":
                row.pop(name, None)
            else:
                row[name] = value
        self._index(row)
        self._tell(row, gone=False)

    def remove(self, row_id: str) -> Row | None:
        """Take a row out; returns it, None when there was none."""
        row = self.rows.pop(row_id, None)
        if row is not None:
            self._unindex(row)
            self._tell(row, gone=True)
        return row

    def renumber(self) -> None:
        """Give every row a new id, as a reboot does."""
        rows = list(self.rows.values())
        for row in rows:
            self._unindex(row)
        self.rows = {f"*{at:X}": row for at, row in enumerate(rows, 1)}
        for row_id, row in self.rows.items():
            row[".id"] = row_id
            self._index(row)
        self._last = len(rows)

    def having(self, name: str, value: str) -> list[Row]:
        """Return the rows with this value (empty: those that lack it), oldest first."""
        if name in self._found:
            return list(self._found[name].get(value, {}).values())
        return [row for row in self.rows.values() if row.get(name, "") == value]

    def named(self, name: str) -> Row | None:
        """Return the first row of this name, None without one."""
        found = self.having("name", name)
        return found[0] if found else None

    def _index(self, row: Row) -> None:
        for name, index in self._found.items():
            index.setdefault(row.get(name, ""), {})[row[".id"]] = row

    def _unindex(self, row: Row) -> None:
        for name, index in self._found.items():
            value = row.get(name, "")
            index[value].pop(row[".id"])
            if not index[value]:
                del index[value]

    def _tell(self, row: Row, *, gone: bool) -> None:
        for listener in list(self.listeners):
            listener(row, gone)
