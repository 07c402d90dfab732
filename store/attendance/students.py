"""Who a student is: the person behind a typed name and class, and the lists a teacher brings. Pure.

" Budi", "BUDI" and "Bu<zero width space>di" of "10 A" and "10-A" are one student: the id is made of
the folded name and class, so that nobody has to be looked up, and none is made twice.
"""

from __future__ import annotations

import csv
import io
import unicodedata
import uuid
from dataclasses import dataclass

from store.errors import InvalidRequest

LONGEST_NAME = 100
LONGEST_CLASS = 50

MOST_STUDENTS = 5_000
"""Of one list: the largest school in one meeting; a CSV of 256 KiB holds no more anyway."""

_SCHOOL = uuid.UUID("6f1f4c0e-5a64-4f0c-9c39-7d1f6f0a2b10")
"""The namespace of student ids; drawn once, never to be changed."""

_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    + "".join(chr(code) for code in range(0x180B, 0x1810))
    + "".join(chr(code) for code in range(0xFE00, 0xFE10))
    + "".join(chr(code) for code in range(0xE0100, 0xE01F0))
)
"""Characters that no font shows though Unicode calls them letters or marks."""

_CLASS_SIGNS = str.maketrans("", "", " .-_/")

_NAME_HEADS = frozenset({"nama", "name", "nama siswa", "nama lengkap", "student", "student name"})
_CLASS_HEADS = frozenset({"kelas", "class", "rombel"})


@dataclass(frozen=True, slots=True)
class Student:
    """A person in a class, as typed."""

    name: str
    class_: str

    @property
    def id(self) -> str:
        """The same for every way of typing the same name and class."""
        words = f"{folded(self.class_).translate(_CLASS_SIGNS)}\n{folded(self.name)}"
        return str(uuid.uuid5(_SCHOOL, words))


@dataclass(frozen=True, slots=True)
class Roster:
    """A list that was read: whom it names, and the lines it could not use, each with a reason."""

    students: list[Student]
    skipped: list[tuple[int, str]]


def valid_student(name: object, class_: object) -> Student:
    """Return a student. Raises InvalidRequest naming `name` or `class`."""
    return Student(
        _valid_words("name", name, LONGEST_NAME), _valid_words("class", class_, LONGEST_CLASS)
    )


def _valid_words(field: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(field, REQUIRED)
    words = seen(value)
    if not words or not folded(words):
        raise InvalidRequest(field, REQUIRED)
    if len(words) > longest:
        raise InvalidRequest(field, f"Isian '{field}' paling panjang {longest} karakter.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in words):
        raise InvalidRequest(field)
    return words


REQUIRED = "Semua field harus diisi termasuk deviceId"


def seen(text: str) -> str:
    """Return what a reader sees of a text: no outer blanks, nothing without a shape."""
    return "".join(sign for sign in text if not _is_unseen(sign)).strip()


def folded(text: str) -> str:
    """Return the form in which names are compared: NFKC, nothing unseen, one blank, one case."""
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(sign for sign in plain if sign.isspace() or not _is_unseen(sign))
    return unicodedata.normalize("NFKC", " ".join(kept.split()).casefold())


def _is_unseen(sign: str) -> bool:
    return sign in _UNSEEN or unicodedata.category(sign) == "Cf"


def read_roster(text: str) -> Roster:
    """Read a list of students as CSV: name and class, divided by comma, semicolon or tab.

    A first line that names the columns is understood, whichever way round. Raises InvalidRequest
    for a list that names nobody or too many.
    """
    try:
        rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=_delimiter(text)))
    except csv.Error:
        raise InvalidRequest("body", "Berkas CSV tidak dapat dibaca.") from None
    name_at, class_at, first = _columns(rows)
    students: dict[str, Student] = {}
    skipped = []
    for number, row in enumerate(rows[first:], first + 1):
        if not any(cell.strip() for cell in row):
            continue
        try:
            student = valid_student(*(_cell(row, at) for at in (name_at, class_at)))
        except InvalidRequest as error:
            skipped.append((number, error.message))
            continue
        if student.id in students:
            skipped.append((number, "Nama dan kelas yang sama sudah ada di daftar."))
        students.setdefault(student.id, student)
    if not students:
        raise InvalidRequest("body", "Tidak ada baris 'nama,kelas' yang dapat dipakai.")
    if len(students) > MOST_STUDENTS:
        raise InvalidRequest("body", f"Daftar paling banyak {MOST_STUDENTS} siswa.")
    return Roster(list(students.values()), skipped)


def _delimiter(text: str) -> str:
    """By the first line; Indonesian spreadsheets write semicolons."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _columns(rows: list[list[str]]) -> tuple[int, int, int]:
    """Where name and class stand, and in which row the students begin."""
    heads = [folded(cell) for cell in rows[0]] if rows else []
    names = [at for at, head in enumerate(heads) if head in _NAME_HEADS]
    classes = [at for at, head in enumerate(heads) if head in _CLASS_HEADS]
    if names and classes:
        return names[0], classes[0], 1
    return 0, 1, 0


def _cell(row: list[str], at: int) -> str:
    return row[at] if at < len(row) else ""
