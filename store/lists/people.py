"""People in a table: which column is which, by the words of its heading, and a line a person. Pure.

Nothing is guessed: a table whose columns cannot be told apart, or whose lines do not fit its
heading, is refused with what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from store.errors import UnreadableList
from store.folding import folded, tidied
from store.lists.files import (
    Table,
    decoded,
    is_workbook,
    tables_of_text,
    tables_of_workbook,
)
from store.lists.guards import unguarded
from store.lists.workbook import DATE

HEADING_WITHIN = 10
"""Rows that are not empty in which the heading is looked for; before it stands a title."""

NAMES = {
    "name": "nama",
    "class": "kelas",
    "nis": "NIS",
    "phone": "telepon",
    "email": "email",
}
"""The columns that are understood, as a heading calls them here."""

Needed = Sequence[Sequence[str]]
"""Groups of fields: a heading must have one of each."""

_CLASS = frozenset({"kelas", "rombel", "rombongan", "class", "classroom"})
_PHONE = frozenset(
    {"telepon", "telpon", "telp", "tlp", "hp", "handphone", "wa", "whatsapp", "phone", "mobile"}
    | {"ponsel", "seluler"}
)
_WHO = frozenset({"siswa", "murid", "peserta", "peserta didik", "student", "pupil", "anggota"})
_FIRST, _LAST = frozenset({"depan", "first", "given"}), frozenset({"belakang", "last", "family"})
_OF_OTHERS = frozenset(
    {"ayah", "ibu", "wali", "ortu", "orang", "orangtua", "parent", "guru", "teacher", "sekolah"}
    | {"school", "panggilan", "nick", "nickname", "file", "bank", "kota", "desa", "jalan", "user"}
    | {"username", "darurat", "emergency", "kepala", "kabupaten", "kecamatan", "provinsi"}
    | {"rumah", "jumlah", "asal", "produk", "product", "paket", "mapel", "pelajaran"}
)
_PLAIN_NAMES = frozenset({"nama", "name", "nama lengkap", "full name", "nama siswa", "nama murid"})

_TOTALS = frozenset({"jumlah", "total", "subtotal"})
_FOOT = re.compile(
    r"(mengetahui|menyetujui|disetujui|wali (kelas|murid)|kepala (sekolah|madrasah)|kepsek"
    r"|guru (kelas|mapel|mata|pembimbing|bk)|nip|nuptk|catatan|keterangan|dicetak|diunduh|ttd"
    r"|tanda tangan)\b"
)
"""Who signs below a list, and what is said there; those lines are nobody's up to a heading."""

_PLAIN_CLASS = re.compile(
    r"(kelas\s+)?((1[0-3]|[1-9])(?!\d)|(x|xi|xii|ix|iv|v|vi|vii|viii)\b)[\s./-]*[a-z].{0,20}",
    re.IGNORECASE,
)
"""A class that needs no heading to be known as one: a grade, and what stands behind it, as in "10A"
or "X IPA 1". No age, number in a list, phone or street reads so."""

_EXCEL_DATE = re.compile(
    r"\d{1,2}[-/ ](jan|feb|mar|apr|mei|may|jun|jul|agu|aug|agt|sep|okt|oct|nov|des|dec)\w*"
    r"|(jan|feb|mar|apr|mei|may|jun|jul|agu|aug|agt|sep|okt|oct|nov|des|dec)\w*[-/ ]\d{2}"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{4}-\d{2}-\d{2}( .*)?",
    re.IGNORECASE,
)
_EXCEL_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!)|#{3,}")


@dataclass(frozen=True, slots=True)
class Line:
    """One person's line: its number in the file, and the cells that were asked for, by field."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class People:
    """A list as it was understood."""

    columns: dict[str, str]
    """Field → the heading it was read from; empty for a list without one."""

    lines: list[Line]
    skipped: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are nobody's, each with the reason."""


@dataclass(frozen=True, slots=True)
class _Heading:
    at: int
    places: dict[str, list[int]]
    words: dict[str, str]
    width: int


def read_people(data: bytes | str, needed: Needed, known: Sequence[str]) -> People:
    """Read a list of people from a file or pasted text.

    `needed` is what a heading must have: one field of each group ("name", "class", "nis", "phone",
    "email"); `known` is what is read where there is such a column. Blocking: for a thread. Raises
    UnreadableList.
    """
    if isinstance(data, bytes) and is_workbook(data):
        return _of_sheets(tables_of_workbook(data), needed, known)
    tables = tables_of_text(decoded(data) if isinstance(data, bytes) else data)
    found = [
        (table, heading) for table in tables if (heading := _heading(table, needed)) is not None
    ]
    if len(found) > 1:
        raise UnreadableList("Pemisah kolom di berkas ini tidak jelas. Simpan ulang sebagai .xlsx.")
    if found:
        return _read(*found[0], known, is_text=True)
    return _without_heading(tables, needed)


def _of_sheets(tables: Sequence[Table], needed: Needed, known: Sequence[str]) -> People:
    """Every sheet that has a heading: a school keeps a sheet a class."""
    found = [
        _read(table, heading, known, is_text=False)
        for table in tables
        if (heading := _heading(table, needed)) is not None
    ]
    if not found:
        return _without_heading(list(tables), needed)
    return People(
        found[0].columns,
        [line for one in found for line in one.lines],
        [line for one in found for line in one.skipped],
    )


# The heading


def _heading(table: Table, needed: Needed) -> _Heading | None:
    rows = [(at, row) for at, row in enumerate(table) if any(cell.strip() for cell in row)]
    for at, row in rows[:HEADING_WITHIN]:
        places: dict[str, list[int]] = {}
        for place, cell in enumerate(row):
            if what := field_of(cell):
                places.setdefault(what, []).append(place)
        if "first name" in places and "last name" in places:
            places.setdefault("name", [places["first name"][0]])
        if all(any(one in places for one in group) for group in needed):
            words = {what: tidied(row[at_[0]]) for what, at_ in places.items()}
            width = 1 + max(place for place, cell in enumerate(row) if cell.strip())
            meant = {what: _one(row, at_) for what, at_ in places.items()}
            return _Heading(at, meant, words, width)
    return None


def _one(row: Sequence[str], places: list[int]) -> list[int]:
    """The one column that is meant of several that are called alike, where one is plainly so."""
    plain = [place for place in places if folded(row[place]) in _PLAIN_NAMES]
    return plain if len(plain) == 1 else places


def field_of(head: str) -> str:
    """Return which field a column's heading names, "" for none of ours."""
    words = re.findall(r"[^\W_]+", folded(head))
    said, text = set(words), " ".join(words)
    is_class, is_name = bool(said & _CLASS), any(word.startswith("nama") for word in words)
    is_both = is_class and is_name and re.search(r"[/&,;|\t]|\bdan\b", head)
    if not words or said & _OF_OTHERS or is_both:
        return ""
    if "email" in said or "e mail" in text or "surel" in said:
        return "email"
    if said & _PHONE:
        return "phone"
    if said & {"nis", "nisn", "nipd"}:
        return "nis"
    if is_class:
        return "" if said & {"no", "nomor", "absen", "urut", "wali"} else "class"
    if is_name or "name" in said or "surname" in said:
        if said & _LAST or "surname" in said:
            return "last name"
        return "first name" if said & _FIRST else "name"
    return "name" if text in _WHO or "fullname" in said else ""


# The lines


def _read(table: Table, heading: _Heading, known: Sequence[str], *, is_text: bool) -> People:
    places = _places(table[heading.at], heading, known)
    people = People({what: heading.words[what] for what in places}, [])
    is_below = False
    for number, row in enumerate(table[heading.at + 1 :], heading.at + 2):
        if not any(cell.strip() for cell in row):
            continue
        if is_text:
            _require_fit(number, row, heading.width)
        cells = {what: _cell(number, row, at) for what, at in places.items()}
        if all(folded(text) == folded(heading.words[what]) for what, text in cells.items()):
            is_below = False
            continue  # the heading again, on the next page
        _require_order(number, cells)
        is_below = is_below or bool(_FOOT.match(folded(cells.get("name", ""))))
        if reason := "Di bawah penutup daftar." if is_below else _is_nobody(cells):
            people.skipped.append((number, reason))
        else:
            people.lines.append(Line(number, cells))
    return people


def _places(row: Sequence[str], heading: _Heading, known: Sequence[str]) -> dict[str, list[int]]:
    """Field → its column, or the two of a name in two parts. Raises UnreadableList for a third."""
    found = {what: heading.places[what] for what in known if what in heading.places}
    for what, places in found.items():
        if len(places) > 1:
            named = ", ".join(f"'{tidied(row[place])}'" for place in places)
            raise UnreadableList(
                f"Ada lebih dari satu kolom {NAMES[what]}: {named}. Hapus yang tidak dipakai."
            )
        if re.fullmatch(r"\s*['‘’].*['‘’]\s*", row[places[0]]):
            raise UnreadableList("Kolom diapit tanda petik tunggal. Simpan ulang sebagai .xlsx.")
    first, last = (heading.places.get(f"{one} name") for one in ("first", "last"))
    if "name" in found and first and last and found["name"] == first:
        found["name"] = [first[0], last[0]]
    return found


def _require_fit(number: int, row: Sequence[str], width: int) -> None:
    if any(cell.strip() for cell in row[width:]):
        raise UnreadableList(
            f"Baris {number} punya lebih banyak kolom daripada judulnya, mungkin karena tanda "
            "pemisah di dalam nama. Beri tanda kutip pada nama itu, atau unggah sebagai .xlsx."
        )


def _require_order(number: int, cells: Mapping[str, str]) -> None:
    """Raise UnreadableList for a second heading whose columns stand in another order."""
    heads = {what: field_of(text) for what, text in cells.items()}
    if len(heads) > 1 and all(heads.values()) and set(heads) == set(heads.values()):
        if any(what != head for what, head in heads.items()):
            raise UnreadableList(
                f"Baris {number} adalah judul dengan urutan kolom yang lain. Samakan urutannya, "
                "atau unggah bagian itu sebagai berkas tersendiri."
            )


def _cell(number: int, row: Sequence[str], places: Sequence[int]) -> str:
    texts = [row[place] if place < len(row) else "" for place in places]
    for text in texts:
        if DATE in text or _EXCEL_DATE.fullmatch(text.strip()):
            raise UnreadableList(
                f"Baris {number}: Excel telah mengubah isinya menjadi tanggal. Ubah format kolom "
                "itu menjadi Teks, betulkan isinya, lalu unggah lagi."
            )
        if _EXCEL_ERROR.fullmatch(text.strip()):
            raise UnreadableList(f"Baris {number} berisi {text.strip()}. Betulkan rumusnya dulu.")
    return tidied(" ".join(unguarded(tidied(text)) for text in texts))


def _is_nobody(cells: Mapping[str, str]) -> str:
    """Why a line is nobody's, "" when it may be somebody's."""
    name = cells.get("name")
    if name is None:
        return ""
    first = folded(name).split(" ", 1)[0].strip(":")
    if first in _TOTALS and not _has_letter(cells.get("class", "")):
        return "Baris jumlah, bukan nama."
    return "Nama berupa angka." if name.isdigit() else ""


def _has_letter(text: str) -> bool:
    return any(sign.isalpha() for sign in text)


# Without a heading


def _without_heading(tables: Sequence[Table], needed: Needed) -> People:
    """Only what cannot be anything else: two columns, one of names and one of classes."""
    if [list(group) for group in needed] == [["name"], ["class"]]:
        for table in tables:
            if (people := _two_columns(table)) is not None:
                return people
    wanted = " dan ".join(" atau ".join(NAMES[one] for one in group) for group in needed)
    raise UnreadableList(
        f"Kolom {wanted} tidak ditemukan. Beri baris judul dengan kata-kata itu di atas daftar, "
        "satu kata satu kolom, lalu unggah lagi."
    )


def _two_columns(table: Table) -> People | None:
    rows = [
        (number, [*map(tidied, row)])
        for number, row in enumerate(table, 1)
        if any(map(str.strip, row))
    ]
    pairs = [(number, row) for number, row in rows if len(row) == 2 and all(row)]
    if not pairs or any(len(row) > 2 for _, row in rows):
        return None
    for name in (0, 1):
        if _are_pairs([(row[name], row[1 - name]) for _, row in pairs]):
            lines = [_line(number, row, name) for number, row in pairs]
            odd = [
                (number, "Nama atau kelas kosong.")
                for number, row in rows
                if len(row) < 2 or not all(row)
            ]
            return People({}, lines, odd)
    return None


def _line(number: int, row: Sequence[str], name: int) -> Line:
    cells = {"name": unguarded(row[name]), "class": unguarded(row[1 - name])}
    return Line(number, {what: _cell(number, [text], [0]) for what, text in cells.items()})


def _are_pairs(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether these are names with classes, and cannot be anything else."""
    return all(
        _has_letter(name) and not _PLAIN_CLASS.fullmatch(name) and _PLAIN_CLASS.fullmatch(class_)
        for name, class_ in pairs
    )
