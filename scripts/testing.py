"""`scripts/test`: everything that must be right, on a machine where nothing is prepared.

Without arguments it brings a Chromium, runs the checks of checking.py and then every test. With
arguments it runs pytest with them and nothing else, as `scripts/test -k login`.
"""

from __future__ import annotations

import os
import sys

from scripts import checking, chromium

TESTS_SECONDS = 45 * 60
"""Only something that hangs takes so long: all of it takes 10 to 17 minutes on two cores."""

SIDE_BY_SIDE = str(min(4, (os.cpu_count() or 2) + 1))
"""Tests wait for browsers, clocks and processes for a third of their time: one more at once than
there are cores keeps these busy."""


def main(arguments: list[str]) -> int:
    """Run what the arguments ask for; returns the exit status."""
    try:
        # Found once here, so the tests take exactly the one that was brought.
        os.environ["CHROMIUM"] = str(chromium.install())
    except chromium.NoChromium as error:
        print(f"The browser tests cannot run: {error}.", file=sys.stderr)
        return 1
    if arguments:
        return 0 if checking.run("tests", _pytest(arguments), TESTS_SECONDS) else 1
    passed = {name: checking.run(name, command) for name, command in checking.checks().items()}
    passed["tests"] = _side_by_side() or _alone()
    return checking.conclude(passed)


def _side_by_side() -> bool:
    command = _pytest(["-n", SIDE_BY_SIDE, "--durations=10"])
    return checking.run("tests", command, TESTS_SECONDS)


def _alone() -> bool:
    """What failed in the crowd, once more by itself: browsers and clocks that share two cores with
    each other may come too late. What fails alone as well has failed; what passes is named."""
    print("\nOnce more, one after another, what failed side by side:", flush=True)
    command = _pytest(["--last-failed", "--last-failed-no-failures=none", "-v"])
    return checking.run("tests that failed side by side", command, TESTS_SECONDS)


def _pytest(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
