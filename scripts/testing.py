"""`scripts/test`: everything that must be right, on a machine where nothing is prepared.

Without arguments it brings a Chromium, runs the checks of checking.py and then every test. With
arguments it runs pytest with them and nothing else, as `scripts/test -k login`.
"""

from __future__ import annotations

import os
import sys

from scripts import checking, chromium

TESTS_SECONDS = 45 * 60
"""Only something that hangs takes so long: all of it takes ten minutes on two busy cores."""

SIDE_BY_SIDE = str(max(2, min(4, os.cpu_count() or 2)))
"""Most tests wait for a browser, a clock or a process, so two at once are twice as fast."""


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
    passed["tests"] = checking.run(
        "tests", _pytest(["-n", SIDE_BY_SIDE, "--durations=10"]), TESTS_SECONDS
    )
    return checking.conclude(passed)


def _pytest(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
