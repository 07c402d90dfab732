"""Lists of people as spreadsheets, forms and hands write them: read exactly, or refused."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidRequest
from store.lists import guarded, read_people, unguarded
from store.lists.guards import guarded_again
from store.lists.people import field_of

PUPILS = [("Nur'aini Ma'ruf", "X IPA 1"), ("Budi Santoso", "X IPA 1"), ("José Ramadhan", "X IPA 2")]

PUPIL = (["name"], ["class"])


def pairs(data: bytes | str) -> list[tuple[str, str]]:
    """The pupils that are read from a file."""
    people = read_people(data, PUPIL, ("name", "class"))
    return [(line.cells["name"], line.cells["class"]) for line in people.lines]


def text_of(*rows: str, newline: str = "\r\n") -> str:
    return newline.join(rows) + newline


BODY = [f"{name};{class_}" for name, class_ in PUPILS]
COMMAS = [row.replace(";", ",") for row in BODY]

FORM = [f"2026/07/14 7:01,{row}" for row in COMMAS]
TABS = [row.replace(";", "\t") for row in BODY]

EXACT: dict[str, bytes] = {
    "Excel here: semicolon and BOM": text_of("Nama;Kelas", *BODY).encode("utf-8-sig"),
    "Excel's Unicode text": text_of("Nama;Kelas", *BODY).replace(";", "\t").encode("utf-16"),
    "the same without its mark": text_of("Nama\tKelas", *TABS).encode("utf-16le"),
    "the other way round": text_of("Nama;Kelas", *BODY).encode("utf-16be"),
    "Windows' letters": text_of("Nama;Kelas", *BODY).encode("cp1252"),
    "a Macintosh's letters": text_of("Nama;Kelas", *BODY, newline="\r").encode("mac_roman"),
    "Windows' letters, old line ends": text_of("Nama;Kelas", *BODY, newline="\r").encode("cp1252"),
    "old line ends": text_of("Nama;Kelas", *BODY, newline="\r").encode(),
    "sep=": text_of("sep=;", "Nama;Kelas", *BODY).encode("utf-8-sig"),
    "sep=|": text_of('"sep=|"', "Nama;Kelas", *BODY).replace(";", "|").encode(),
    "English": text_of("Full Name,Class", *COMMAS).encode(),
    "a form": text_of("Timestamp,Nama,Kelas", *FORM).encode(),
    "pandas": text_of(",nama,kelas", *(f"{at},{row}" for at, row in enumerate(COMMAS))).encode(),
    "empty columns": text_of("Nama;Kelas;;;", *(f"{row};;;" for row in BODY)).encode(),
    "a total": text_of("Nama;Kelas", *BODY, "Jumlah;3", "TOTAL :;").encode(),
    "signed below": text_of(
        "Nama;Kelas", *BODY, "Mengetahui,;", "Wali Kelas;Pak Ahmad", "Drs. Anton;NIP 1999",
        "Kepala Sekolah,;Ibu Ani, M.Pd",
    ).encode(),
    "signed below, and another page": text_of(
        "Nama;Kelas", BODY[0], "Wali Kelas :;Pak Ahmad", "Pak Ahmad;NIP. 1", "Nama;Kelas", *BODY[1:]
    ).encode(),
    "a title, and a heading twice": text_of(
        "DAFTAR SISWA;", "SMA Negeri 1;", ";", "Nama Siswa;Rombel Saat Ini", BODY[0],
        "Nama Siswa;Rombel Saat Ini", *BODY[1:],
    ).encode(),
    "numbered": text_of(
        "No;NIS;Nama;L/P;Kelas;Nama Ayah;No. HP",
        *(f"{at};00{at};{row.replace(';', ';L;')};Pak {at};0812" for at, row in enumerate(BODY)),
    ).encode(),
    "the class first, all quoted": text_of(
        '"Kelas","Nama"', *(f'"{class_}","{name}"' for name, class_ in PUPILS)
    ).encode(),
    "a name in two parts": text_of(
        "First name,Last name,Class",
        *(",".join((*name.split(" ", 1), class_)) for name, class_ in PUPILS),
    ).encode(),
    "blanks and blank lines": text_of(
        "", " Nama ; Kelas ", "", *(f" {row} " for row in BODY), ""
    ).encode(),
    "no heading": text_of(*BODY).encode(),
    "no heading, and a blank line": text_of(*BODY, ";", "").encode(),
    "no heading, the class first": text_of(*(f"{c},{n}" for n, c in PUPILS)).encode(),
}  # fmt: skip

REFUSED: dict[str, bytes] = {
    "an open quote": text_of("Nama;Kelas", f'"{BODY[0]}', *BODY[1:]).encode(),
    "quotes that swallow a line": text_of("Nama;Kelas", f'"{BODY[0]}', f'{BODY[1]}";X').encode(),
    "a comma within a name": text_of("Nama,Kelas", "Siti Aminah, S.Pd,X IPA 1").encode(),
    "the same beside empty columns": text_of("Nama,Kelas,,", "Siti Aminah, S.Pd,X IPA 1,").encode(),
    "names only": text_of("Nama", "Nur'aini", "Budi").encode(),
    "names and numbers": text_of("1;Budi", "2;Siti").encode(),
    "names and phones": text_of("Budi;081234567890", "Siti;081234567891").encode(),
    "names and ages": text_of("Budi;12", "Siti;11").encode(),
    "names and streets": text_of("Budi;Jl. Mawar 12", "Siti;Jl. Melati 3").encode(),
    "names and marks": text_of("Budi;V", "Siti;X").encode(),
    "three columns, no heading": text_of("1;Budi;10A").encode(),
    "two names": text_of("Nama;Nama;Kelas", "Budi;Siti;10A").encode(),
    "two classes": text_of("Nama;Kelas;Rombel", "Budi;10;10A").encode(),
    "two blocks side by side": text_of("Nama;Kelas;;Nama;Kelas", "Budi;10A;;Siti;10B").encode(),
    "a second heading the other way round": text_of(
        "Nama;Kelas", "Budi;10A", "Kelas;Nama", "10B;Siti"
    ).encode(),
    "one column for both": text_of("Nama/Kelas;NIS", "Budi 10A;1").encode(),
    "a class that Excel made a date": text_of("Nama;Kelas", "Budi;07-Jan").encode(),
    "the same as a whole date": text_of("Nama;Kelas", "Budi;07/01/2026").encode(),
    "a formula that failed": text_of("Nama;Kelas", "Budi;#REF!").encode(),
    "letters of DOS": text_of("Nama;Kelas", *BODY).encode("cp850"),
    "letters that may be two things": "Nama;Kelas\rMar\x92a;10A\r".encode("latin-1"),
    "letters encoded twice": text_of("Nama;Kelas", *BODY).encode().decode("cp1252").encode(),
    "letters lost": text_of("Nama;Kelas", "Jos\ufffd;10A").encode(),
    "quoted by apostrophes": text_of("'Nama';'Kelas'", "'Budi';'10A'").encode(),
    "nothing": b"",
    "zeros": b"\x00" * 40,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a broken workbook": b"PK\x03\x04" + b"x" * 200,
    "another broken workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 2000,
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_list_is_read_exactly(name: str) -> None:
    assert pairs(EXACT[name]) == PUPILS


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        pairs(REFUSED[name])
    assert refused.value.field == "file" and len(refused.value.message) > 30


HEADS = {
    "name": ["Nama", "NAMA SISWA", "nama lengkap", "Nama Peserta Didik", "Full Name", "Siswa",
             "Student Name", "Nama (sesuai akta)"],
    "class": ["Kelas", "ROMBEL", "Rombel Saat Ini", "Class", "Nama Kelas", "Kelas/Rombel"],
    "nis": ["NIS", "NISN", "No. NIS"],
    "phone": ["No. HP", "Telepon", "Nomor WhatsApp", "Phone number", "HP/WA"],
    "email": ["Email", "E-mail", "Alamat Email", "Surel"],
    "": ["", "No", "Nama Ayah", "Nama Sekolah", "Wali Kelas", "No. Absen Kelas", "L/P",
         "Nama/Kelas", "Username", "Nama Panggilan", "HP Orang Tua", "Jumlah Kelas"],
}  # fmt: skip


@pytest.mark.parametrize(("field", "head"), [(one, head) for one in HEADS for head in HEADS[one]])
def test_a_heading_is_known_by_its_words(field: str, head: str) -> None:
    assert field_of(head) == field


# Generated

NAMES = [
    *("Nur'aini Ma’ruf", "Budi Santoso", "José Ramadhan", "Siti Aminah, S.Pd", "Al-Amin", "Noël"),
    *('Ahmad "Aan" Fauzi', "D'Angelo; Rio", "I Made Sukarta", "ÉLISE ÜNAL", "Øyvind Å", "A|B"),
]
CLASSES = ["X IPA 1", "10-A", "VII B", "10", "TKJ-2", "XI, IPS"]


def dialect(chance: random.Random) -> tuple[bytes, list[tuple[str, str]], str]:
    """A file in some hand, whom it lists, and what is odd about it."""
    people = [(chance.choice(NAMES), chance.choice(CLASSES)) for _ in range(chance.randint(1, 12))]
    delimiter = chance.choice([",", ";", "\t", "|"])
    newline = chance.choice(["\r\n", "\n", "\r"])
    encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
    quoting: Any = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    before, after = (
        chance.choice([[], ["No"], ["No", "NIS"], [""]]),
        chance.choice([[], ["L/P"], ["", ""]]),
    )
    heads = [chance.choice(HEADS["name"]), chance.choice(HEADS["class"])]
    swapped = chance.random() < 0.4
    out = io.StringIO(newline="")
    if chance.random() < 0.2:
        out.write(f"sep={delimiter}{newline}")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    wide = len(before) + 2 + len(after)
    for title in chance.choice([[], ["DAFTAR SISWA"], ["Daftar Hadir", ""]]):
        writer.writerow([title] + [""] * (wide - 1))
    writer.writerow([*before, *(reversed(heads) if swapped else heads), *after])
    for at, pair in enumerate(people, 1):
        cells = [str(at), f"00{at}"][: len(before)]
        writer.writerow(
            [
                *cells,
                *(reversed(pair) if swapped else pair),
                *("L" if head else "" for head in after),
            ]
        )
    if chance.random() < 0.3:
        writer.writerow([*[""] * len(before), *(("3", "Jumlah") if swapped else ("Jumlah", "3"))])
    text = out.getvalue()
    if chance.random() < 0.15:  # a hand that knows no quotes
        text = text.replace('"', "")
        people = [(name.replace('"', ""), class_) for name, class_ in people]
    said = f"{delimiter!r} {newline!r} {encoding} {quoting} {before} {heads} {after} {swapped}"
    return text.encode(encoding), people, said


def test_two_hundred_dialects_are_read_exactly_or_refused() -> None:
    exact = 0
    for seed in range(200):
        data, people, said = dialect(random.Random(seed))  # noqa: S311
        try:
            read = pairs(data)
        except InvalidRequest:
            continue
        assert read == people, (seed, said)
        exact += 1
    assert exact >= 170, exact


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    if not data.startswith((b"PK", b"\xd0\xcf")):
        try:
            pairs(data)
        except InvalidRequest:
            return


# Spreadsheets


def workbook_of(*sheets: list[list[Any]], hidden: tuple[int, ...] = (), **formats: Any) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        date = book.add_format({"num_format": "dd/mm/yyyy"})
        for at, rows in enumerate(sheets):
            sheet = book.add_worksheet(f"S{at}")
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell, *([date] if hasattr(cell, "year") else []))
            if at in hidden:
                sheet.hide()
    return out.getvalue()


ROWS: list[list[Any]] = [["Nama", "Kelas"], *map(list, PUPILS)]


def test_a_spreadsheet_is_read_as_it_is() -> None:
    title: list[list[Any]] = [["DAFTAR SISWA"], [], ["No", *ROWS[0], "Catatan"]]
    numbered = [[at, *row] for at, row in enumerate(ROWS[1:], 1)]
    assert pairs(workbook_of([*title, *numbered, ["", "Jumlah", 3]])) == PUPILS
    assert pairs(workbook_of([["Nama", "Kelas"], ["Budi", 10], ["Siti", 10.1]])) == [
        ("Budi", "10"),
        ("Siti", "10.1"),
    ]


def test_a_sheet_a_class_is_one_list_and_hidden_sheets_are_none() -> None:
    other = [["Nama", "Kelas"], ["Orang Lain", "Z"]]
    data = workbook_of([["Petunjuk"]], ROWS[:3], [ROWS[0], ROWS[3]], other, hidden=(3,))
    assert pairs(data) == PUPILS


def test_a_class_that_has_become_a_date_is_refused() -> None:
    from datetime import date

    with pytest.raises(InvalidRequest, match="tanggal"):
        pairs(workbook_of([["Nama", "Kelas"], ["Budi", date(2026, 1, 7)]]))


def _with_part(data: bytes, name: str, part: bytes) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            new.writestr(info.filename, part if info.filename == name else old.read(info))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["corners", "unpacks", "rows"])
def test_a_file_that_stands_for_gigabytes_costs_a_moment(kind: str) -> None:
    sheet = "xl/worksheets/sheet1.xml"
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    begin, cell = b'<worksheet xmlns="' + space + b'"><sheetData>', b"><v>1</v></c></row>"
    corner = b'<row r="1"><c r="A1"' + cell + b'<row r="1048576"><c r="XFD1048576"' + cell
    parts = {
        "corners": begin + corner + b"</sheetData></worksheet>",
        "unpacks": begin + b" " * (80 << 20) + b"</sheetData></worksheet>",
        "rows": begin + b'<row><c><v>1</v></c></row>' * 60_000 + b"</sheetData></worksheet>",
    }  # fmt: skip
    data = _with_part(workbook_of(ROWS), sheet, parts[kind])
    assert len(data) < 256 * 1024
    with pytest.raises(InvalidRequest):
        pairs(data)


# Guards

ODD_NAMES = ["=1+1", "'=1", "''@x", "'Abd", "-x", "+62", "＝1", "'＝1", "|a", "@", "Ma'ruf", "'"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_guard_goes_as_it_came(name: str) -> None:
    assert unguarded(guarded(name)) == unguarded(guarded_again(name)) == name
    assert guarded(name)[0] not in "=+-@|＝"


@given(st.text(max_size=20))
def test_what_is_guarded_comes_back_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == unguarded(guarded_again(text)) == text
