"""Reading deliveries and orders: signatures, odd payloads, ids; the spool's files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import Unavailable
from store.payments import orders, spool
from store.payments.delivery import Delivery, forms_of, read, sign
from store.payments.intake import _record
from store.payments.orders import Order, Product, Unusable, order_of
from store.payments.spool import Spool
from tests.lynk import EBOOK, KEY, MEMBERSHIP, encode, payment, signature_of

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "scripts" / "lynk_samples"
VECTORS = json.loads((ROOT / "tests/data/lynk/signatures.json").read_text())["files"]


def order(items: list[Any] | None = None, **more) -> Order:
    body = payment(items=items, **more)
    return order_of(read(encode(body)), {}, "Daftar Member KEI")


@pytest.mark.parametrize("name", ["01_single_item.json", "03_member_kei.json"])
def test_the_samples_signatures_are_right(name: str) -> None:
    body, signature = (SAMPLES / name).read_bytes(), VECTORS[name]["x_lynk_signature"]
    delivery = read(body, [signature])
    assert delivery.key_that_signed([KEY]) is not None
    assert delivery.key_that_signed(["another key", KEY]) is not None
    assert delivery.key_that_signed(["another key"]) is None
    assert read(body, [signature.upper()]).key_that_signed([KEY]) is not None
    for odd in ([], ["x"], [signature, signature], [f"{signature},{signature}"], [signature[:-1]]):
        assert read(body, odd).key_that_signed([KEY]) is None


@pytest.mark.parametrize(
    ("literal", "signed"),
    [
        ("96000", "96000"),
        ("96000.00", "96000.00"),
        ("96000.0", "96000"),
        ("9.6e4", "9.6e4"),
        ("9.6e4", "96000"),
        ("96000", "96000.0"),
        ("96000", "96000.00"),
        ("0", "0"),
        ('"96000"', "96000"),
    ],
)
def test_an_amount_is_signed_as_it_stands_or_as_it_is_usually_written(
    literal: str, signed: str
) -> None:
    body = encode(payment("ref", total=4711)).replace(b"4711", literal.encode())
    right = sign(signed, "ref", "API_CALL_1774145761204417_590011", KEY)
    assert read(body, [right]).key_that_signed([KEY]) is not None


@pytest.mark.parametrize("literal", ["96001", "null", "true", "[]", "NaN", '""', "9" * 5000])
def test_another_amount_is_not_signed(literal: str) -> None:
    body = encode(payment("ref", total=4711)).replace(b"4711", literal.encode())
    right = sign("96000", "ref", "API_CALL_1774145761204417_590011", KEY)
    assert read(body, [right]).key_that_signed([KEY]) is None


def test_a_body_is_one_delivery_with_its_signature() -> None:
    body = encode(payment())
    assert read(body, ["a" * 64]).id == read(body, ["a" * 64]).id
    assert read(body, ["a" * 64]).id != read(body, ["b" * 64]).id
    assert read(body, ["a" * 64]).id != read(body + b" ", ["a" * 64]).id


def test_a_retry_with_a_new_message_id_is_about_the_same() -> None:
    first, again = payment("r"), payment("r", message_id="API_CALL_1774145999_1")
    assert read(encode(first)).content == read(encode(again)).content
    assert read(encode(first)).content != read(encode(payment("r", email="x@y.id"))).content


POISON = {
    "nul": encode(payment(name="a\0b")),
    "surrogate": encode(payment(name="\ud800")),
    "nan": encode(payment()).replace(b"96000", b"NaN"),
    "deep": b'{"a":' * 60_000,
    "deep array": b"[" * 100_000 + b"]" * 100_000,
    "digits": encode(payment()).replace(b"96000", b"9" * 5000),
    "many numbers": b'{"a":[' + b"1," * 125_000 + b"1]}",
    "many objects": b'{"a":[' + b'{"b":1},' * 30_000 + b"1]}",
    "huge title": encode(payment(items=[EBOOK | {"title": "Judul " * 40_000}])),
    "not utf-8": b"\xff\xfe\x00",
    "empty": b"",
    "a list": b"[]",
    "exponent": encode(payment()).replace(b"96000", b"1e999999999"),
    "items": encode(payment(items=[EBOOK] * 300)),
}


@pytest.mark.parametrize("name", POISON)
def test_nothing_in_a_body_raises_or_takes_long(name: str) -> None:
    def everything() -> None:
        delivery = read(POISON[name], ["a" * 64])
        delivery.key_that_signed([KEY, "another"])
        assert delivery.id

    quickest = min(_seconds(everything) for _ in range(3))
    assert quickest < 0.05


def _seconds(call) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(data=JSON, customer=JSON, items=JSON, total=JSON, ref=JSON)
def test_whatever_stands_in_the_fields_is_an_order_or_unusable(
    data, customer, items, total, ref
) -> None:
    message = {"customer": customer, "items": items, "refId": ref, "totals": {"grandTotal": total}}
    for inside in (data, message):
        body = {"event": "payment.received", "data": {"message_data": inside}}
        delivery = read(json.dumps(body).encode())
        try:
            order_of(delivery, {}, "Daftar Member KEI")
        except Unusable:
            continue


def test_every_item_counts_as_often_as_it_was_bought() -> None:
    found = order([EBOOK | {"qty": 2}, MEMBERSHIP, EBOOK | {"uuid": "u2", "title": "Kelas"}])
    assert [(unit.item, unit.unit, unit.title) for unit in found.units] == [
        (0, 0, "E-Book Panduan Ekspor Pemula"),
        (0, 1, "E-Book Panduan Ekspor Pemula"),
        (2, 0, "Kelas"),
    ]
    assert found.membership
    assert found.paid_at.isoformat() == "2026-03-22T09:15:20+07:00"
    assert found.total == 100500


@pytest.mark.parametrize(
    "title",
    [
        "Daftar Member KEI",
        " daftar  member kei ",
        "DAFTAR MEMBER KEI\n",
        "\uff24aftar Member KEI",
        "Daftar\u00a0Member KEI",
        "Daftar Member\u200b KEI",
    ],
)
def test_the_membership_is_known_however_its_title_is_typed(title: str) -> None:
    found = order([MEMBERSHIP | {"title": title}])
    assert found.membership and not found.units


def test_a_mapped_product_grants_what_the_table_says() -> None:
    delivery = read(encode(payment(items=[EBOOK, MEMBERSHIP])))
    products = {
        str(EBOOK["uuid"]): Product(str(EBOOK["uuid"]), "membership"),
        str(MEMBERSHIP["uuid"]): Product(str(MEMBERSHIP["uuid"]), "licence", "first_wins"),
    }
    found = order_of(delivery, products, "Daftar Member KEI")
    assert found.membership
    assert [unit.policy for unit in found.units] == ["first_wins"]


def test_a_hotspot_package_is_due_for_each_unit() -> None:
    products = {str(EBOOK["uuid"]): Product(str(EBOOK["uuid"]), "hotspot", package_id="p")}
    found = order_of(read(encode(payment())), products, "Daftar Member KEI")
    assert {quota.package_id for quota in found.quotas} == {"p"}
    assert len({(quota.item, quota.unit) for quota in found.quotas}) == len(found.quotas)
    assert all(unit.uuid != str(EBOOK["uuid"]) for unit in found.units)


@pytest.mark.parametrize("qty", [0, -1, 1.5, 51, "banyak", None, [], True, 10**30])
def test_an_odd_quantity_is_looked_at(qty) -> None:
    with pytest.raises(Unusable):
        order([EBOOK | {"qty": qty}])


@pytest.mark.parametrize("qty", [3, 3.0, "3"])
def test_a_quantity_may_be_written_in_three_ways(qty) -> None:
    assert len(order([EBOOK | {"qty": qty}]).units) == 3


def test_fifty_units_are_granted_and_one_more_is_looked_at() -> None:
    assert len(order([EBOOK | {"qty": 25}] * 2).units) == 50
    with pytest.raises(Unusable):
        order([EBOOK | {"qty": 25}] * 2 + [EBOOK])


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "@b.id",
        "a@b",
        "a@b.id, c@d.id",
        "a@b.id\nBcc: c@d.id",
        '"a b"@c.id',
        "a" * 65 + "@b.id",
        "a@" + "b" * 200 + ".id",
        "ä@b.id",
        "a@toko_budi.id",
        "a@-b.id",
        "=?utf-8?q?a?=@b.id",
        "a\0@b.id",
        None,
        5,
        [],
    ],
)
def test_an_address_that_no_mail_reaches_is_looked_at(email) -> None:
    with pytest.raises(Unusable):
        order(email=email)


@pytest.mark.parametrize("phone", ["", "0812", "-" * 80, "1" * 73])
def test_what_is_no_phone_is_no_password(phone: str) -> None:
    password, is_phone = orders.initial_password(phone, "phone")
    assert not is_phone and len(password) == 16


def test_the_phone_is_the_password_as_it_was_sent_unless_the_site_says_otherwise() -> None:
    assert orders.initial_password("+62 812-3456-789", "phone") == ("+62 812-3456-789", True)
    assert orders.initial_password("081234567890", "random")[0] != "081234567890"


def test_an_address_is_masked() -> None:
    assert orders.masked("siti.rahma@example.com") == "s•••@e•••.com"


def test_the_forms_of_an_odd_amount_are_few() -> None:
    assert forms_of("1e999999999") == ["1e999999999"]
    assert forms_of("9" * 5000) == ["9" * 5000]
    assert forms_of("1e-999999999") == ["1e-999999999"]
    assert forms_of("Infinity") == ["Infinity"]


async def test_the_spool_gives_back_what_it_took_in_its_order(tmp_path: Path) -> None:
    files = Spool(tmp_path)
    for number in (3, 1, 2):
        await files.keep(f"{number}-x", {"number": number})
    (tmp_path / "spool" / ".4-x").write_text("half a fi")
    assert await files.count() == 3
    seen: list[int] = []

    async def keep_two(record: dict[str, Any]) -> bool:
        seen.append(record["number"])
        return len(seen) < 3

    assert await files.drain(keep_two) == 2
    assert await Spool(tmp_path).count() == 1
    assert await files.drain(keep_two) == 0
    assert seen == [1, 2, 3, 3]
    files.close()


async def test_a_file_that_is_no_delivery_is_put_aside_and_holds_nobody_up(store) -> None:
    files, folder = store.payments.spool, store.settings.jaga_home / "spool"
    await files.keep("1", {"id": "none of ours"})
    (folder / "2.json").write_text("half a fi")
    (folder / "3.json").write_text("[]")
    body = encode(payment())
    delivery = read(body)
    await files.keep("4", _record(delivery, store.payments.intake.judge(delivery), "::1"))
    assert await store.payments.intake.drain_once() == 1
    assert await files.count() == 0
    left = sorted(path.name for path in folder.iterdir())
    assert left == [".odd-1.json", ".odd-2.json", ".odd-3.json"]


async def test_a_full_spool_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 2)
    files = Spool(tmp_path)
    await files.keep("1", {})
    await files.keep("2", {})
    with pytest.raises(Unavailable):
        await files.keep("3", {})
    files.close()


async def test_a_disk_that_is_full_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = Spool(tmp_path)
    await files.keep("1", {})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            await files.keep("2", {})
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["1.json"]
    await files.keep("2", {})
    assert await files.count() == 2 and await files.room() > 0
    files.close()


async def test_a_home_that_was_emptied_is_made_again_and_said_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def keep(record: dict[str, Any]) -> bool:
        return True

    files = Spool(tmp_path / "home")
    for name in ("1", "2"):
        await files.keep(name, {})
    shutil.rmtree(tmp_path / "home")
    assert await files.drain(keep) == 0 and await files.count() == 0
    (said,) = [line.getMessage() for line in caplog.records]
    assert said.endswith("is gone, with 2 deliveries that waited")
    await files.keep("3", {})
    assert await files.drain(keep) == 1
    files.close()


def test_a_delivery_has_no_text_where_the_body_has_none() -> None:
    empty = read(b"null")
    assert isinstance(empty, Delivery) and not empty.is_object
    assert (empty.event, empty.ref, empty.amount, empty.data) == ("", "", "", {})


def test_signature_of_and_the_product_agree() -> None:
    body = payment()
    assert read(encode(body), [signature_of(body)]).key_that_signed([KEY])
