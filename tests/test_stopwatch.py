"""The stopwatch of the tests: what others do on this machine does not run on it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import stopwatch
from tests.stopwatch import Stopwatch


def test_it_stands_while_others_have_the_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    schedule = tmp_path / "schedstat"
    monkeypatch.setattr(stopwatch, "SCHEDULE", schedule)
    monkeypatch.setattr(time, "monotonic", iter([100.0, 103.0]).__next__)
    schedule.write_text("7 1000000000 3\n")
    watch = Stopwatch()
    schedule.write_text("9 3500000000 8\n")
    assert watch.seconds == 0.5


def test_where_the_system_does_not_say_all_of_it_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stopwatch, "SCHEDULE", tmp_path / "none")
    monkeypatch.setattr(time, "monotonic", iter([100.0, 103.0]).__next__)
    assert Stopwatch().seconds == 3.0
