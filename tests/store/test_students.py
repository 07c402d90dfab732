"""One pupil, however the name is typed; and whoever was recorded before goes on as the same one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.attendance.students import Student, known_as, missing_of, valid_student
from store.errors import InvalidRequest
from store.folding import APOSTROPHES, folded, folded_before

SAME = [
    ("Ma'ruf", "Ma’ruf"),
    ("Ma'ruf", "Ma`ruf"),
    ("Ma'ruf", "Ma´ruf"),
    ("Ma'ruf", "Maʼruf"),
    ("Ma'ruf", "Ma＇ruf"),
    ("Nur'aini", "Nur′aini"),
    ("Al-Amin", "Al‑Amin"),
    ("Al-Amin", "Al–Amin"),
    ("Al-Amin", "Al−Amin"),
    ("Al-Amin", "Al－Amin"),
    ("Siti  Aminah", "Siti\u00a0Aminah"),
    ("Siti Aminah", "Siti\tAminah"),
    ("Siti Aminah", " Siti\u3000\u2009Aminah\n"),
    ("José", "Jose\u0301"),
    ("Budi", "ＢＵＤＩ"),
    ("Budi", "Bu\u200bdi"),
]
OTHER = [("Budi", "Budi S"), ("Вudi", "Budi"), ("Ma'ruf", "Maruf"), ("Al-Amin", "Al Amin")]

BEFORE = {
    ("Budi Santoso", "10A"): "275c58a3-c9ec-5e51-821d-923e1be9ee79",
    ("Nur'aini Ma'ruf", "X IPA-1"): "fa469213-dc30-5245-b698-76356181b4e6",
    ("Al-Amin", "X.1"): "fcf878a8-e977-51c8-bdf6-0e956af36628",
    ("José", "10 B"): "a747d2c9-1a4e-5f6a-986b-2c118448bba0",
}
"""Ids as they were made before there was one apostrophe and one dash."""

BEFORE_TYPED = {
    ("Ma’ruf", "10A"): "7fe4948a-6f4a-5be2-9c67-fc0ff5b70ef8",
    ("Al‑Amin", "X–1"): "dcd2ff14-fbef-5ad2-8c0f-4d7c60659a3d",
    ("O’Neil al–Amin", "10-A"): "4ed5bb63-ed55-5320-84ab-b18d0ff08423",
    ("Ma´ruf", "10A"): "520bef90-8ef3-5864-af59-6d9df5eea584",
}
"""Those whose id was made of another sign than it would be now."""


def id_of(name: str, class_: str = "10A") -> str:
    return valid_student(name, class_).id


@pytest.mark.parametrize(("one", "other"), SAME, ids=ascii)
def test_one_pupil_however_typed(one: str, other: str) -> None:
    assert id_of(one) == id_of(other)
    assert id_of("Budi", one) == id_of("Budi", other)


@pytest.mark.parametrize(("one", "other"), OTHER, ids=ascii)
def test_other_pupils_are_others(one: str, other: str) -> None:
    assert id_of(one) != id_of(other)


def test_ids_of_before_are_the_same_today() -> None:
    assert {pair: Student(*pair).id for pair in BEFORE} == BEFORE


@pytest.mark.parametrize("pair", BEFORE_TYPED, ids=ascii)
def test_an_id_made_of_another_sign_is_found_again_in_any_spelling(pair: tuple[str, str]) -> None:
    name, class_ = pair
    known = {BEFORE_TYPED[pair]: ""}
    for mark in APOSTROPHES:
        typed = Student(folded(name).replace("'", mark), folded(class_))
        assert known_as(typed, known) == BEFORE_TYPED[pair], typed
    assert known_as(Student(name, class_), known) == BEFORE_TYPED[pair]


def test_a_text_that_is_no_name_is_refused_before_it_is_read() -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidRequest):
        valid_student("\u200b" * 250_000, "10A")
    assert time.perf_counter() - began < 0.05


def test_nearly_everybody_has_one_id_and_it_is_made_quickly() -> None:
    assert Student("Budi Santoso", "X IPA 1").former_ids == []
    worst = Student("Nur'aini Al-Ma'ruf", "X-IPA-1")
    began = time.perf_counter()
    assert len(worst.former_ids) < 250
    assert time.perf_counter() - began < 0.5


@given(st.text(max_size=30))
def test_what_needs_no_sign_replaced_is_folded_as_before(text: str) -> None:
    if folded_before(text) == folded_before(folded(text)):
        assert folded(text) == folded_before(text)
    assert folded(folded(text)) == folded(text)


def test_who_is_missing_is_told_by_id_and_by_name() -> None:
    old = BEFORE_TYPED["Ma’ruf", "10A"]
    maruf, budi = Student("Ma'ruf", "10A"), Student("Budi", "10A")
    listed = {maruf.id: maruf, budi.id: budi}
    assert missing_of(listed, [(old, Student("Ma’ruf", "10A"))]) == {budi.id: budi}
    assert list(missing_of(listed, [])) == [budi.id, maruf.id]
