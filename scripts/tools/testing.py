"""`scripts/test`: everything that must be right, on a machine where nothing is prepared.

Brings a Chromium and a pgbouncer, then runs every test with the checks of checking.py beside them.
`--slow` adds the slow tests (bench, scale, real clocks; CI runs them always) and `--seed N` repeats
a run. Other arguments are pytest's, which is run with them and nothing else, as
`scripts/test -k login`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from scripts.tools import checking, chromium, debian

TESTS_SECONDS = 30 * 60
"""Only something that hangs takes so long, also on one slow core."""

SIDE_BY_SIDE = str(min(4, (os.cpu_count() or 1) + 1))
"""One more than there are cores: a third of the time a test waits for a process that starts or a
clock that runs out."""


def main(arguments: list[str]) -> int:
    """Run what the arguments ask for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__, allow_abbrev=False)
    parser.add_argument("--slow", action="store_true", help="also benchmarks, scale, real clocks")
    parser.add_argument("--seed", help="as the end of a run says, to repeat it")
    options, others = parser.parse_known_args(arguments)
    asked = ["--slow"] * options.slow + (["--seed", options.seed] if options.seed else [])
    try:
        # Found once here, so the tests take exactly the one that was brought.
        os.environ["CHROMIUM"] = str(chromium.install())
    except chromium.NoChromium as error:
        print(f"The browser tests cannot run: {error}.", file=sys.stderr)
        return 1
    debian.bring()
    if others:
        return 0 if checking.run("tests", _pytest([*asked, *others]), TESTS_SECONDS) else 1
    return _everything(asked)


def _everything(asked: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(1) as beside:
        noted = Path(place) / "timing"
        # one after another, behind the tests: they take what these leave of the processors
        checks = {
            name: beside.submit(checking.quietly, command)
            for name, command in checking.checks().items()
        }
        side_by_side = ["-n", SIDE_BY_SIDE, "--dist", "worksteal", f"--timing-failures={noted}"]
        passed = {"tests": checking.run("tests", _pytest([*side_by_side, *asked]), TESTS_SECONDS)}
        late = json.loads(noted.read_text()) if noted.exists() else []
        if late:
            passed["tests"] = _once_more(late, asked)
        passed = _of_checks(checks) | passed
    status = checking.conclude(passed)
    for name in late if passed["tests"] else []:
        print(f"MEND: it passed only alone, at a second try: {name}")
    return status


def _once_more(late: Sequence[str], asked: Sequence[str]) -> bool:
    """Only where nothing failed but tests of the mark `timing`: by themselves, once."""
    print("\nOnce more, alone, what depends on real clocks or browsers:", flush=True)
    return checking.run("second try", _pytest([*asked, "-v", *late]), TESTS_SECONDS)


def _of_checks(checks: dict[str, Future[checking.Said]]) -> dict[str, bool]:
    for name, check in checks.items():
        checking.show(name, check.result())
    return {name: check.result().passed for name, check in checks.items()}


def _pytest(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
