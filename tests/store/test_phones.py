"""Phones as people write them: one number, whatever stands around its digits, and never another."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.phones import (
    digits_within,
    is_same_phone,
    is_within,
    local_form,
    normal_phone,
    read_phone,
)
from store.settings import Settings, SettingsError

SAME = [
    "081234567890",
    "6281234567890",
    "+6281234567890",
    "81234567890",
    "+62 812-3456-7890",
    "0812.3456.7890",
    "0812/3456/7890",
    "(0812) 3456 7890",
    "+62 0812 3456 7890",
    "+62 (0) 812 3456 7890",
    "+620812 34567890",
    "0062 812 3456 7890",
    "\u202d+62 812-3456-7890\u202c",
    "081234567890\u200e",
    "\ufeff081234567890",
    "0812\u00ad3456\u00ad7890",
    "+62 812\u20113456\u20117890",
    "0812\u22123456\u20137890",
    "0812\u00a03456\u20097890",
    "0812\t3456\t7890\n",
    "\uff10\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10",
    "\uff0b62 812\uff0d3456\u30fc7890",
    "tel:+6281234567890",
    "TEL:0812-3456-7890",
    "wa.me/6281234567890",
    "https://wa.me/6281234567890?text=Halo%20Bu",
    "http://www.wa.me/+62812-3456-7890",
    "https://api.whatsapp.com/send?phone=6281234567890&text=Halo",
    "whatsapp://send?phone=%2B6281234567890",
]

NONE = [
    *("", " ", "+", "0", "62", "+62", "0812", "0812345", "8123", "081234567890123"),
    *("08123456789o", "O81234567890", "0812345678 90x", "0812 3456 7890 ext 5"),
    *("081234567890/081311112222", "kasir 081234567890", "0812'34567890"),
    *("6.28123E+12", "62 81 2+34567890", "\u0660\u0661\u0668" * 4, "12025550100", "+0", "wa.me/x"),
    "0812" * 100,
]

OTHERS = [
    ("+1 202 555 0100", "+12025550100"),
    ("001 202 555 0100", "+12025550100"),
    ("+81 90 1234 5678", "+819012345678"),
    ("+44 (0)20 7946 0018", "+442079460018"),
    ("(021) 555 1234", "62215551234"),
]


@pytest.mark.parametrize("text", SAME, ids=ascii)
def test_a_number_is_the_same_however_it_is_written(text: str) -> None:
    assert normal_phone(text) == read_phone(text) == "6281234567890"


@pytest.mark.parametrize("text", NONE, ids=ascii)
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_phone(text) is None


@pytest.mark.parametrize(("text", "kept"), OTHERS)
def test_a_number_of_elsewhere_is_kept_and_is_nobodys_mobile_here(text: str, kept: str) -> None:
    assert read_phone(text) == kept
    # also when it is read again
    assert read_phone(kept) == kept
    assert normal_phone(text) is normal_phone(kept) is None


AROUND = st.sampled_from([" ", "-", ".", "/", "\u2011", "\u00a0", "\u200b", "\u2212", "\u202c"])


@given(
    st.text(string.digits, min_size=7, max_size=11),
    st.sampled_from(["08", "628", "+628", "+6208", "00628", "8"]),
    st.lists(AROUND, min_size=30, max_size=30),
)
def test_what_stands_between_the_digits_changes_nothing(
    digits: str, begin: str, around: list[str]
) -> None:
    typed = "".join(sign + near for sign, near in zip(begin + digits, around, strict=False))
    assert normal_phone(typed) == f"628{digits}"


@given(st.text(max_size=40))
def test_no_text_becomes_a_number_with_other_digits(text: str) -> None:
    phone = read_phone(text)
    if phone is not None:
        written = "".join(sign for sign in unicodedata.normalize("NFKC", text) if sign.isdigit())
        assert written.endswith(phone.removeprefix("62").removeprefix("+").lstrip("0")[-6:])
        assert read_phone(phone) == phone


def test_a_part_is_found_in_any_form() -> None:
    for part in ("0812-34", "62812", "+62 812 34", "8123", "7890"):
        for kept in ("6281234567890", "0812-3456-7890", "+62 812 3456 7890"):
            assert is_within(part, kept), (part, kept)
    assert digits_within("budi") == "" and not is_within("", "6281234567890")
    assert not is_within("0813", "6281234567890")


def test_two_texts_are_the_same_phone_only_when_both_are_one_number() -> None:
    assert is_same_phone("081234567890", "+62 812-3456-7890")
    assert not is_same_phone("081234567890", "081234567891")
    assert not is_same_phone("081234567890", "rahasia")
    assert not is_same_phone("rahasia", "rahasia")


def test_it_is_shown_as_people_here_write_it() -> None:
    assert local_form("6281234567890") == "081234567890"
    assert local_form("+12025550100") == "+12025550100"


def test_a_setting_takes_any_form_and_no_other_text() -> None:
    read = Settings.from_environment(
        {"JAGA_ENV": "dev", "SYNC_TEST_PHONE_NUMBERS": "+62 812-3456-7890, (0813) 111 122 22"}
    )
    assert read.sync_test_phone_numbers == ("6281234567890", "6281311112222")
    with pytest.raises(SettingsError, match="SYNC_TEST_PHONE_NUMBERS"):
        Settings.from_environment({"JAGA_ENV": "dev", "SYNC_TEST_PHONE_NUMBERS": "0812, x"})
