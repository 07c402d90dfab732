"""Bodies as structs: each kind's folding and refusals, and every body of the route table held
against whatever may be in it."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from store.errors import InvalidRequest, JagaError, NotFound
from store.opening import Store
from tests.client import Browser
from tests.routes import addresses
from tests.serving import serving
from tests.sources import sources
from web.fields import (
    Body,
    Delivery,
    Flag,
    as_sent,
    decoded,
    fields_of,
    read,
    read_by,
    refusing,
    text,
    whole,
)
from web.qr import CodeBody


class Sample(Body):
    name: Annotated[str, text(10, needed="Nama harus diisi.")]
    class_: Annotated[Any, as_sent(type="string")] = msgspec.field(name="class", default=None)
    note: Annotated[str, text(10)] = ""
    share: Annotated[int, whole(1, 100)] | None = 50
    on: Flag = False
    delivery: Delivery = "token"
    rows: Annotated[list[dict[str, Any]], refusing("{field}?", min_length=1)] = []
    odd: Flag | msgspec.UnsetType = msgspec.UNSET
    digits: Annotated[int, read_by(lambda field, value: int(str(value)))] | None = 7


GOOD: dict[str, list[tuple[Any, Any]]] = {
    "name": [(" Budi ", "Budi"), ("x" * 10, "x" * 10)],
    "class": [("7A", "7A"), (5, 5), (None, None), ([], [])],
    "note": [("", ""), ("  ", "")],
    "share": [(1, 1), (100, 100), (None, None)],
    "on": [(True, True), (False, False)],
    "delivery": [("cookie", "cookie")],
    "rows": [([{"a": 1}], [{"a": 1}])],
    "odd": [(True, True)],
    "digits": [("12", 12), (None, None)],
}
BAD: dict[str, list[Any]] = {
    "name": [None, 1, True, [], "", "  ", "x" * 11, "a\nb", "\ud800"],
    "note": [None, 0, "a\x00", "x" * 11],
    "share": [0, 101, 5.5, True, "5", 10**400, []],
    "on": [None, 0, 1, "true", []],
    "delivery": [None, "pigeon", "Token", [], {}, "\ud800"],
    "rows": [[], [1], {}, None, "ab"],
    "odd": [None, 1],
}


@pytest.mark.parametrize("name", GOOD)
def test_a_kind_folds_what_is_sent(name: str) -> None:
    attribute = {"class": "class_"}.get(name, name)
    for sent, kept in GOOD[name]:
        assert getattr(read(Sample, {"name": "Budi", name: sent}), attribute) == kept


@pytest.mark.parametrize("name", BAD)
def test_a_kind_names_the_field_it_refuses(name: str) -> None:
    for sent in BAD[name]:
        with pytest.raises(InvalidRequest) as refused:
            read(Sample, {"name": "Budi", name: sent})
        assert (refused.value.field, name in str(refused.value) or name == "name") == (name, True)


def test_what_is_missing_is_refused_as_null_is() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(Sample, {})
    assert refused.value.body() == {
        "success": False,
        "type": "INVALID_REQUEST",
        "message": "Isian 'name' tidak valid.",
        "field": "name",
    }


def test_the_first_field_that_will_not_do_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(Sample, {"delivery": 1, "on": 1, "share": 0, "name": ""})
    assert (refused.value.field, str(refused.value)) == ("name", "Nama harus diisi.")


def test_other_fields_are_passed_over_unless_the_body_is_strict() -> None:
    class Strict(Body, forbid_unknown_fields=True):
        name: str = ""

    assert read(Sample, {"name": "Budi", "more": 1}).name == "Budi"
    with pytest.raises(InvalidRequest) as refused:
        read(Strict, {"name": "Budi", "m" * 100: 1})
    assert refused.value.field == "m" * 80


def test_null_is_absent_where_the_body_says_so() -> None:
    class Lenient(Body):
        null_is_absent = True

        phone: str
        name: Annotated[str, text(5)] = ""

    assert read(Lenient, {"phone": "x", "name": None}).name == ""
    with pytest.raises(InvalidRequest) as refused:
        read(Lenient, {"phone": None})
    assert refused.value.field == "phone"


def test_a_change_of_nothing_is_refused() -> None:
    class Change(Body):
        name: str | msgspec.UnsetType = msgspec.UNSET
        on: Flag | msgspec.UnsetType = msgspec.UNSET

    assert read(Change, {"on": False, "other": 1}).changes() == {"on": False}
    with pytest.raises(InvalidRequest) as refused:
        read(Change, {"other": 1}).changes()
    assert refused.value.field == "body"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_mark_of_windows_is_passed_over(mark: bytes) -> None:
    assert decoded(mark + b'{"a": 1}') == {"a": 1}
    assert decoded('{"a": 1}'.encode("utf-16")) == {"a": 1}


@pytest.fixture
async def admin(environment) -> AsyncIterator[Browser]:
    async with serving(environment) as site:
        yield await site.logged_in(await site.member("kepala", role="admin"))


async def test_a_change_names_what_it_does_not_know(admin: Browser) -> None:
    """A misspelt field must not be an answer that says it was done."""
    for path in ("members/0123456789abcdef", "packages/0123456789abcdef", "licenses/1"):
        answer = await admin.send("PATCH", f"/api/admin/{path}", b'{"emial": "a@b.id"}', JSON)
        assert (answer.status, answer.json["field"]) == (400, "emial"), path


async def test_no_body_is_an_empty_one_only_where_that_is_said(admin: Browser) -> None:
    answer = await admin.send("POST", f"/api/admin/webhooks/{'0' * 32}/replay", b"", JSON)
    assert answer.status == 404
    answer = await admin.send("POST", "/api/admin/orders/x/deactivate", b"", JSON)
    assert answer.status == 404
    answer = await admin.send("POST", "/api/admin/members/0123456789abcdef/approve", b"", JSON)
    assert (answer.status, answer.json["field"]) == (400, "body")


JSON = {"Content-Type": "application/json"}


def test_an_odd_code_is_one_that_was_never_made() -> None:
    for odd in ("", "x", "a b", "\ud800", "x" * 5000):
        with pytest.raises(NotFound):
            read(CodeBody, {"token": odd})


# The route table


def bodies(store: Store) -> Iterator[tuple[str, type[Body]]]:
    for address in addresses(store):
        kind = getattr(address.handler, "Body", None)
        if kind:
            yield address.path, kind


def test_every_body_is_declared_beside_its_handler() -> None:
    """So that whoever describes the addresses finds it there."""
    wrong = []
    for name, tree in sources("web"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.body":
                said = ast.unparse(node.args[0])
                if said != "self.Body":
                    wrong.append(f"{name}:{node.lineno} {said}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "self.request.body":
                if name not in READERS:
                    wrong.append(f"{name}:{node.lineno} reads the body itself")
    assert wrong == []


READERS = {"web/handler.py", "web/lists.py", "web/payments/webhook.py"}
"""JSON for everybody; files of lists; the webhook, whose bytes are signed."""


async def test_every_body_has_a_schema(store: Store) -> None:
    kinds = {kind for _, kind in bodies(store)}
    assert len(kinds) > 25
    named, components = msgspec.json.schema_components(kinds)
    assert len({one["$ref"] for one in named}) == len(kinds)
    vague = [
        f"{name}.{field}"
        for name, schema in components.items()
        for field, said in schema["properties"].items()
        if not said.keys() & {"type", "enum", "anyOf", "$ref"}
    ]
    assert vague == []


ODD: list[Any] = [
    None, True, False, 0, -1, 7, 1.5, 1e308, 10**400, float("nan"), [], {}, ["keep"], [None], [{}],
    {"a": {"b": []}}, [[[]]], "", " ", "\x00", "a\n\ndata: x", "\ud800", "\u202e\u200b", "x" * 5000,
    "<script>", "../../etc/passwd", "2026-11-30T07:00:00+07:00", "081234567890", "a@b.c",
]  # fmt: skip


async def test_nothing_odd_in_a_field_is_more_than_a_refusal(store: Store) -> None:
    wrong = []
    for path, kind in bodies(store):
        for field in fields_of(kind):
            for odd in ODD:
                try:
                    field.read(odd)
                except JagaError as error:
                    named = getattr(error, "field", field.name)
                    if error.status >= 500 or named != field.name:
                        wrong.append(f"{path} {field.name} {odd!r}: {error!r} of {named}")
                except Exception as error:  # whatever it is, it would be a 500
                    wrong.append(f"{path} {field.name} {odd!r}: {error!r}")
    assert wrong == []
