"""What a run of the tests says at its end: where the time went, what was started, the seed.

A pytest plugin, loaded by conftest.py. With pytest-xdist each worker counts for itself, and the
run that prints adds them up. It also decides what a run leaves out (`slow`) and notes which tests
of the mark `timing` failed, for `scripts/test` to try alone once more.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import hypothesis.core
import pytest
from playwright.async_api import BrowserType

from scripts.embedded.postgres_server import PostgresServer

SLOWEST = 10

BROWSER = frozenset({"chromium", "sit"})
PROCESS = frozenset({"product", "own_redis", "router", "utara", "terminal"})
"""Fixtures that make a test one of a browser, or one of processes; all others stay in this one."""

COUNTED = ("processes", "forks", "browsers", "databases")
"""What a run tells that it started or made; a fork is a process too (tests/forkserver.py)."""

KINDS = ("in-process", "process", "browser")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("jaga")
    group.addoption("--slow", action="store_true", help="also the tests marked slow (CI does)")
    group.addoption("--seed", type=int, help="repeat a run: its order and all that is drawn")
    group.addoption("--timing-failures", metavar="FILE", help="where to note failed timing tests")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is not None:
        config.option.randomly_seed = config.option.seed
    config.pluginmanager.register(Reporting(config), "jaga-reporting")


def kind_of(fixtures: Collection[str]) -> str:
    """Return the kind of a test by the fixtures that it uses."""
    if not BROWSER.isdisjoint(fixtures):
        return "browser"
    return "process" if not PROCESS.isdisjoint(fixtures) else "in-process"


class Reporting:
    """One run, or one worker's part of it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._patch = pytest.MonkeyPatch()
        self._seconds: dict[str, float] = defaultdict(float)
        self._kinds: dict[str, str] = {}
        self._failed: set[str] = set()
        self._timing: set[str] = set()
        self._left_out = 0
        self._is_shared = False
        self._counts: Counter[str] = Counter()

    # What is run, and how

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        # pytest-randomly has settled on a seed by now; Hypothesis draws by one of its own
        if self._config.getoption("hypothesis_seed", None) is None:
            seed = self._config.getoption("randomly_seed", None)
            self._patch.setattr(hypothesis.core, "global_force_seed", seed)
        self.count_at(subprocess.Popen, "__init__", "processes")
        self.count_at(BrowserType, "launch", "browsers")
        self.count_at(PostgresServer, "create", "databases")

    def count_at(self, owner: type, name: str, what: str) -> None:
        """Count from now on how often a method of `owner` is called, as one of COUNTED."""
        door: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(door)
        def counted(*args: Any, **named: Any) -> Any:
            self._counts[what] += 1
            return door(*args, **named)

        self._patch.setattr(owner, name, counted)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            fixtures = getattr(item, "fixturenames", ())
            item.user_properties.append(("kind", kind_of(fixtures)))
            item.user_properties.append(("timing", item.get_closest_marker("timing") is not None))
        # first: one of a minute that comes last keeps a run waiting while the other cores rest
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
        if not self._wants_slow():
            slow = [item for item in items if item.get_closest_marker("slow")]
            self._left_out = len(slow)
            self._config.hook.pytest_deselected(items=slow)
            items[:] = [item for item in items if not item.get_closest_marker("slow")]

    def _wants_slow(self) -> bool:
        """CI takes all; so does who names a test, or marks, outright."""
        option = self._config.option
        named = any("::" in str(argument) for argument in self._config.args)
        in_ci = os.environ.get("CI", "").lower() in ("1", "true", "yes")
        return bool(option.slow or in_ci or named or option.markexpr)

    # What became of it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        self._seconds[report.nodeid] += report.duration
        self._kinds[report.nodeid] = str(told.get("kind", KINDS[0]))
        if report.failed:
            self._failed.add(report.nodeid)
            if told.get("timing"):
                self._timing.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._patch.undo()
        if hasattr(self._config, "workeroutput"):
            # whatever a worker counted goes to the run that prints
            self._config.workeroutput["jaga"] = {
                "counts": dict(self._counts),
                "left_out": self._left_out,
            }
        elif place := self._config.option.timing_failures:
            only_timing = self._failed == self._timing
            Path(place).write_text(json.dumps(sorted(self._timing) if only_timing else []))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        told = getattr(node, "workeroutput", {}).get("jaga", {"counts": {}, "left_out": 0})
        if not self._is_shared:
            self._counts.clear()  # what this process started are the workers
        self._is_shared = True
        self._counts.update(told["counts"])
        # each worker has collected everything
        self._left_out = max(self._left_out, told["left_out"])

    # What is said

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("where the time went")
        for line in self._lines():
            terminalreporter.write_line(line)

    def _lines(self) -> Iterator[str]:
        slowest = sorted(self._seconds.items(), key=lambda one: one[1], reverse=True)
        for nodeid, seconds in slowest[:SLOWEST]:
            yield f"{seconds:7.2f} s  {nodeid}"
        for kind in KINDS:
            took = [self._seconds[nodeid] for nodeid, one in self._kinds.items() if one == kind]
            yield f"{sum(took):7.1f} s  {kind}: {len(took)} tests"
        made = ", ".join(f"{self._counts[what]} {what}" for what in COUNTED)
        yield f"Started or made: {made}."
        if self._left_out:
            yield f"Left out: {self._left_out} slow tests; --slow takes them along, CI does."
        yield f"Repeat it with: scripts/test --seed {self._config.getoption('randomly_seed', None)}"
