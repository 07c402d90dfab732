"""`scripts/test`: what it runs, what it says at the end, and that no second try is silent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scripts.tools import checking, chromium, testing
from tests.reporting import kind_of

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
pytest_plugins = ["reporting"]
"""

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers =\n  slow: x\n  timing: x\n"

SAMPLE = """
import random, subprocess, sys
import pytest
from hypothesis import given, settings, strategies

@pytest.fixture
def own_redis():
    subprocess.run([sys.executable, "-c", ""])

@pytest.mark.parametrize("number", range(6))
def test_here(number):
    print("drawn", number, random.random())

# in CI Hypothesis itself draws the same each time, whatever the seed
@settings(derandomize=False, max_examples=10, database=None)
@given(strategies.integers())
def test_drawn(number):
    with open(__file__ + ".drawn", "a") as file:
        file.write(f"{number} ")

def test_process(own_redis):
    pass

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.timing
def test_late():
    assert LATE

def test_other():
    assert OTHER
"""


class Sample:
    """A few tests, run by a pytest inside this one."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        pytester.makeini(INI)
        pytester.makeconftest(CONFTEST)
        self.noted = pytester.path / "noted"

    def run(self, *arguments: str, late: bool = True, other: bool = True, ci: str = "") -> str:
        text = SAMPLE.replace("LATE", str(late)).replace("OTHER", str(other))
        self._pytester.makepyfile(test_sample=text)
        self._monkeypatch.setenv("CI", ci)
        ours = ("-p", "no:cacheprovider", f"--timing-failures={self.noted}")
        return self._pytester.runpytest_inprocess(*ours, *arguments).stdout.str()

    def drawn(self) -> list[str]:
        return (self._pytester.path / "test_sample.py.drawn").read_text().split()


@pytest.fixture
def sample(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Sample:
    return Sample(pytester, monkeypatch)


@pytest.mark.parametrize("how", [[], ["-n", "2"]], ids=["alone", "side by side"])
def test_a_run_ends_with_where_the_time_went(sample: Sample, how: list[str]) -> None:
    said = sample.run(*how, "--seed", "77")
    ending = said.partition("where the time went")[2]
    assert re.search(r" s {2}test_sample\.py::test_process\n", ending), said
    assert re.search(r" s {2}in-process: 9 tests\n", ending)
    assert re.search(r" s {2}process: 1 tests\n", ending)
    # a worker of xdist's starts one of its own
    assert re.search(
        r"Started or made: [1-3] processes, 0 forks, 0 browsers, 0 databases\.\n", ending
    )
    assert "Left out: 1 slow tests; --slow takes them along, CI does.\n" in ending
    assert "Repeat it with: scripts/test --seed 77\n" in ending
    assert re.fullmatch(r"=* ?10 passed.*in .*", ending.splitlines()[-1])


def test_a_seed_repeats_order_and_all_that_is_drawn(sample: Sample) -> None:
    runs = [sample.run("-v", "-s", "--seed", seed) for seed in "556"]
    told = [re.findall(r"drawn \d \S+", run) for run in runs]
    assert len(told[0]) == 6 and told[0] == told[1] != told[2]
    drawn = sample.drawn()
    assert len(drawn) == 30 and drawn[:10] == drawn[10:20] != drawn[20:]


@pytest.mark.parametrize(
    ("arguments", "ci"),
    [(["--slow"], ""), ([], "true"), (["-m", "slow"], ""), (["-k", "slow", "--slow"], "")],
)
def test_slow_ones_come_along_when_asked_for(sample: Sample, arguments: list[str], ci: str) -> None:
    said = sample.run("-v", *arguments, ci=ci)
    assert "Left out" not in said
    assert re.findall(r"::(test_\w+)\S* PASSED", said)[0] == "test_slow"


def test_what_depends_on_clocks_is_noted_only_when_nothing_else_failed(sample: Sample) -> None:
    sample.run()
    assert sample.noted.read_text() == "[]"
    sample.run(late=False)
    assert re.fullmatch(r'\["[^"]*test_sample\.py::test_late"\]', sample.noted.read_text())
    sample.run(late=False, other=False)
    assert sample.noted.read_text() == "[]"


def test_kinds_are_told_by_the_fixtures() -> None:
    assert kind_of(["chromium", "product"]) == kind_of(["sit"]) == "browser"
    assert kind_of(["product"]) == kind_of(["own_redis", "store"]) == "process"
    assert kind_of(["store"]) == kind_of([]) == "in-process"


Ran = list[list[str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """What `scripts/test` runs, instead of being run; tests fail as `late` says."""
    ran: Ran = []
    monkeypatch.setattr(chromium, "install", lambda: Path("/a/chromium"))
    monkeypatch.setenv("CHROMIUM", "")
    monkeypatch.setattr(checking, "checks", lambda: {"lint": ["true"], "types": ["sh", "-c", "x"]})
    return ran


def let_tests(
    ran: Ran, late: str, second: bool, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Sequence[str], float], bool]:
    def run(name: str, command: Sequence[str], seconds: float = 0.0) -> bool:
        ran.append([name, *command[3:]])
        (place,) = [word[18:] for word in command if word.startswith("--timing-failures=")] or [""]
        if place:
            Path(place).write_text(late)
        return second if name == "second try" else late == "none"

    monkeypatch.setattr(checking, "run", run)
    return run


def test_a_second_try_is_said_last_and_by_name(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checking, "checks", lambda: {"lint": ["true"]})
    let_tests(ran, '["tests/a.py::b"]', True, monkeypatch)
    assert testing.main(["--seed", "7"]) == 0
    first, second = ran
    assert first[:5] == ["tests", "-n", testing.SIDE_BY_SIDE, "--dist", "worksteal"]
    assert second == ["second try", "--seed", "7", "-v", "tests/a.py::b"]
    *_, passed, last = capsys.readouterr().out.splitlines()
    assert passed == "Passed: lint, tests"
    assert last == "MEND: it passed only alone, at a second try: tests/a.py::b"


def test_what_fails_again_has_failed(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_tests(ran, '["tests/a.py::b"]', False, monkeypatch)
    assert testing.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "FAILED: types, tests"


def test_what_else_fails_is_not_tried_again(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_tests(ran, "[]", True, monkeypatch)
    assert testing.main(["--slow"]) == 1
    assert len(ran) == 1 and ran[0][-1] == "--slow"
    said = capsys.readouterr().out
    assert "== lint passed in" in said and "== types failed with status 127" in said
    assert "FAILED: types, tests" in said


def test_other_arguments_are_pytests(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    let_tests(ran, "none", True, monkeypatch)
    assert testing.main(["-k", "login", "--slow"]) == 0
    assert ran == [["tests", "--slow", "-k", "login"]]
