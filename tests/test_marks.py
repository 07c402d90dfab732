"""The marks that let a test off something are few, and each stands at its test."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent

MOST_TIMING = 10
"""Issue by issue they get fewer: each is a fault to mend, kept in sight."""


def marked(name: str) -> list[str]:
    """Where a mark is worn, as `path:line`."""
    mark = re.compile(rf"^(\s*@|pytestmark\b.*)pytest\.mark\.{name}\b")
    return [
        f"{path.relative_to(TESTS)}:{number}{' (a whole module)' * found[0].startswith('pytestm')}"
        for path in sorted(TESTS.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := mark.match(line))
    ]


def test_ten_at_most_are_tried_once_more() -> None:
    worn = marked("timing")
    assert len(worn) <= MOST_TIMING, worn
    assert not [place for place in worn if place.endswith("(a whole module)")]


def test_nothing_is_left_out_for_good() -> None:
    assert marked("skip") + marked("skipif") + marked("xfail") + marked("flaky") == []
