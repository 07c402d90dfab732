"""Who a student is: the person behind a typed name and class, and the lists a teacher brings. Pure.

" Budi", "BUDI" and "Bu<zero width space>di" of "10 A" and "10-A" are one student: the id is made of
the folded name and class, so that nobody has to be looked up, and none is made twice.

Ids that were made before every apostrophe and dash was one (`folded_before`) stay as they are.
Where such a student is listed or recorded, the old id is found again and goes on.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from store.errors import InvalidRequest
from store.folding import folded, folded_before, seen, tidied
from store.lists import read_people

LONGEST_NAME = 100
LONGEST_CLASS = 50

LONGEST_TYPED = 1_000
"""Of what is looked at letter by letter: a name with everything that a paste brings along."""

MOST_STUDENTS = 5_000
"""Of one list: the largest school in one meeting."""

_SCHOOL = uuid.UUID("6f1f4c0e-5a64-4f0c-9c39-7d1f6f0a2b10")
"""The namespace of student ids; drawn once, never to be changed."""

FORMER_APOSTROPHES = "'’‘`´ʼ"
FORMER_DASHES = "-\u2010\u2011–—−"
"""What keyboards and word processors write: the kinds an old id may have been made with."""

_CLASS_SIGNS = str.maketrans("", "", " .-_/")


@dataclass(frozen=True, slots=True)
class Student:
    """A person in a class, as typed."""

    name: str
    class_: str

    @property
    def id(self) -> str:
        """The same for every way of typing the same name and class."""
        return _id_of(folded(self.name), folded(self.class_))

    @property
    def former_ids(self) -> list[str]:
        """Ids the student may have from before there was one apostrophe and one dash: of the name
        as typed, and of one kind of each throughout. Empty for nearly everybody."""
        typed = self.name + self.class_
        if typed.isascii() and not set(typed) & set("'`-"):
            return []
        name, class_ = folded(self.name), folded(self.class_)
        names = {folded_before(self.name)} | {
            folded_before(name.replace("'", mark).replace("-", dash))
            for mark in (FORMER_APOSTROPHES if "'" in name else "'")
            for dash in (FORMER_DASHES if "-" in name else "-")
        }
        classes = {folded_before(self.class_)} | {
            folded_before(class_.replace("-", dash))
            for dash in (FORMER_DASHES if "-" in class_ else "-")
        }
        made = {_id_of(one, of) for one in names for of in classes}
        return sorted(made - {self.id})


@dataclass(frozen=True, slots=True)
class Roster:
    """A list that was read: whom it names, and the lines it could not use, each with a reason."""

    students: list[Student]
    skipped: list[tuple[int, str]]
    columns: dict[str, str]
    """Field → the heading it was read from; empty for a list without one."""


def valid_student(name: object, class_: object) -> Student:
    """Return a student. Raises InvalidRequest naming `name` or `class`."""
    return Student(
        _valid_words("name", name, LONGEST_NAME), _valid_words("class", class_, LONGEST_CLASS)
    )


def _id_of(name: str, class_: str) -> str:
    return str(uuid.uuid5(_SCHOOL, f"{class_.translate(_CLASS_SIGNS)}\n{name}"))


def known_as(student: Student, known: Mapping[str, object]) -> str:
    """Return the id under which `known` has a student, also one from before; for a new student, the
    id to give."""
    if not known or student.id in known:
        return student.id
    return next((one for one in student.former_ids if one in known), student.id)


def missing_of(
    listed: Mapping[str, Student], there: Iterable[tuple[str, Student]]
) -> dict[str, Student]:
    """Return the listed students who are not there, by id, in the order of class and name.

    Takes who is there as ids with name and class.
    """
    present = dict(there)
    # listed after they were recorded by a former id
    others = {student.id for student_id, student in present.items() if student_id not in listed}
    missing = [one for one in listed.items() if one[0] not in present and one[0] not in others]
    return dict(sorted(missing, key=lambda one: (one[1].class_, one[1].name)))


def _valid_words(field: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(field, REQUIRED)
    if len(value) > LONGEST_TYPED:
        raise InvalidRequest(field, f"Isian '{field}' paling panjang {longest} karakter.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in _one_line(value)):
        raise InvalidRequest(field)
    words = tidied(value)
    if not words or not folded(words):
        raise InvalidRequest(field, REQUIRED)
    if len(words) > longest:
        raise InvalidRequest(field, f"Isian '{field}' paling panjang {longest} karakter.")
    return words


def _one_line(value: str) -> str:
    """A text without what a paste leaves at its ends, and with its tabs as blanks."""
    return seen(value).replace("\t", " ")


REQUIRED = "Semua field harus diisi termasuk deviceId"


def read_roster(data: bytes | str) -> Roster:
    """Read a list of students from a file or a pasted text; blocking, for a thread.

    Raises InvalidRequest for a list that is not understood, that names nobody or too many.
    """
    people = read_people(data, needed=(["name"], ["class"]), known=("name", "class"))
    students: dict[str, Student] = {}
    skipped = list(people.skipped)
    for line in people.lines:
        try:
            student = valid_student(line.cells["name"], line.cells["class"])
        except InvalidRequest as error:
            skipped.append((line.number, _reason(error)))
            continue
        if student.id in students:
            skipped.append((line.number, "Nama dan kelas yang sama sudah ada di daftar."))
        students.setdefault(student.id, student)
    if not students:
        raise InvalidRequest("file", "Tidak ada baris dengan nama dan kelas yang dapat dipakai.")
    if len(students) > MOST_STUDENTS:
        raise InvalidRequest("file", f"Daftar paling banyak {MOST_STUDENTS} siswa.")
    return Roster(list(students.values()), sorted(skipped), people.columns)


def _reason(error: InvalidRequest) -> str:
    if error.message != REQUIRED:
        return error.message
    return "Nama kosong." if error.field == "name" else "Kelas kosong."
