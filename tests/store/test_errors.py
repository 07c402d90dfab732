"""The tree of failures: each has a status, a type and Indonesian words, as its docstring draws."""

from __future__ import annotations

import ast
import json
import re

import pytest

from store import errors
from store.ends import EXPIRY_REASONS, REASONS
from store.errors import (
    JagaError,
    SessionEnded,
    of_status,
)
from tests.sources import sources

DRAWN = re.findall(r"── (\w+)\s+(\d{3})\s+([A-Z_]+)", errors.__doc__ or "")


def test_what_is_drawn_is_so() -> None:
    assert len(DRAWN) > 12
    for name, status, type_ in DRAWN:
        kind = getattr(errors, name)
        assert kind.status == int(status), name
        assert kind.type == type_ or name in ("SessionEnded",) or not kind.__dict__.get("type"), (
            name
        )


def test_everything_is_drawn() -> None:
    there = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, JagaError) and kind is not JagaError
    }
    assert there - {name for name, _, _ in DRAWN} <= {"AccountBlocked"}


@pytest.mark.parametrize("package", ["store", "web", "realtime", "jobs"])
def test_none_is_defined_anywhere_else(package: str) -> None:
    known = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    wrong = [
        f"{place}: {node.name}"
        for place, tree in sources(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and place != "store/errors.py"
        if known & {base.id for base in node.bases if isinstance(base, ast.Name)}
    ]
    assert wrong == []


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_each_reason_has_words_and_a_body(reason: str) -> None:
    if reason in EXPIRY_REASONS:
        body = errors.SessionExpired(reason).body()
        assert body["type"] == "SESSION_EXPIRED" and "force_logout" not in body
    else:
        body = SessionEnded({"reason": reason}).body()
        assert body["force_logout"] is True
        assert body["type"] in ("SESSION_REPLACED", "SESSION_REVOKED", "ACCOUNT_BLOCKED")
    assert body["success"] is False and body["reason"] == reason and json.dumps(body)


@pytest.mark.parametrize("wait", [0.0, 0.2, 1.0, 59.9, 900.0])
def test_a_wait_is_rounded_up(wait: float) -> None:
    error = errors.RateLimited(wait)
    assert isinstance(error.retry_after, int) and wait <= error.retry_after <= wait + 1.5
    assert error.retry_after >= 1 and error.body()["retry_after"] == error.retry_after


@pytest.mark.parametrize(
    ("status", "answered"), [(404, 404), (405, 405), (400, 400), (413, 400), (500, 500), (599, 500)]
)
def test_a_status_without_a_name_gets_one(status: int, answered: int) -> None:
    assert of_status(status).status == answered
