"""Licence keys and order numbers, as people paste them and as we make them."""

from __future__ import annotations

import re

import pytest

from store.payments import numbers
from tests.licences import PASTED

KEY = "KEI-AB12-CD34EF56"


@pytest.mark.parametrize("text", PASTED)
def test_a_key_is_taken_as_it_was_pasted(text: str) -> None:
    assert numbers.licence_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    ["", "KEI", "KEI-AB12", "KEI-AB12-CD34EF5", "KEI-AG12-CD34EF56", "AB12-CD34EF56", "x" * 10_000]
    + [f"{KEY} KEI-AB12-CD34EF57", "KЕI-AB12-CD34EF56"],
)
def test_what_is_no_key_or_one_of_two_is_none(text: str) -> None:
    assert numbers.licence_key(text) == ""


def test_order_numbers_are_taken_as_they_were_pasted() -> None:
    for text in ("kei-ab12cd34", "Order #KEI-AB12CD34.", "KEI AB12 CD34", "KEI–AB12CD34\u200b"):
        assert numbers.order_number(text) == "KEI-AB12CD34"
    assert numbers.order_number("transaksi kei-ab12") == "KEI-AB12"
    assert numbers.order_number("siti@example.com") == ""
    ref = "3f" * 16
    for text in (ref, f" {ref}\n", ref.upper(), f"#{ref}", f"{ref[:8]}-{ref[8:]}", f"“{ref}”"):
        assert numbers.order_ref(text) == ref
    assert numbers.order_ref("Odd.Ref_1") == "Odd.Ref_1", "what is not Lynk's is taken as it stands"
    for text in ("", "a/b", "a b", "x" * 129, "<script>x</script>"):
        assert numbers.order_ref(text) == ""


def test_numbers_have_the_documented_forms_and_follow_from_the_order_alone() -> None:
    keys = set()
    for number in range(2_000):
        ref = f"{number:032x}"
        key = numbers.make_licence_key("a", ref, 0, 0)
        found = re.fullmatch(r"KEI-([0-9A-F]{4})-([0-9A-F]{4})([0-9A-F]{4})", key)
        assert found and int(found[2], 16) & 0x4000 and int(found[3], 16) & 0x8000
        found = re.fullmatch(r"KEI-([0-9A-F]{4})([0-9A-F]{4})", numbers.make_order_number("a", ref))
        assert found and int(found[2], 16) & 0x8000
        found = re.fullmatch(r"KEI-([0-9A-F]{4})", numbers.make_transaction_number("a", ref))
        assert found and int(found[1], 16) & 0x8000
        keys.add(key)
    assert len(keys) == 2_000
    wide = numbers.make_transaction_number("a", "r", 9, widen=1)
    assert re.fullmatch(r"KEI-[0-9A-F]{8}", wide)


def test_another_secret_order_item_unit_or_draw_is_another_key() -> None:
    make = numbers.make_licence_key
    keys = [
        make("a", "r", 0, 0),
        make("b", "r", 0, 0),
        make("a", "s", 0, 0),
        make("a", "r", 1, 0),
        make("a", "r", 0, 1),
        make("a", "r", 0, 0, 1),
        make("a", "r1", 1, 0),
        make("a", "r", 11, 0),
    ]
    assert len(set(keys)) == len(keys)
    assert make("a", "r", 0, 0) == keys[0]
