"""`scripts/check`: the list of checks that need no running server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CHECK_SECONDS = 600
"""mypy takes a minute without its cache, and several behind the tests; longer is a hang."""


def checks() -> dict[str, Sequence[str]]:
    """Each check's name and command, in the order they run."""
    python = [sys.executable, "-m"]
    return {
        "lint": [*python, "ruff", "check", "."],
        "format": [*python, "ruff", "format", "--check", "."],
        "types": [*python, "mypy"],
        **_javascript(),
    }


@dataclass(frozen=True)
class Said:
    """What became of a check that ran beside others."""

    command: Sequence[str]
    outcome: str
    output: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it did."""
        return self.outcome == "passed"


def run(name: str, command: Sequence[str], seconds: float = CHECK_SECONDS) -> bool:
    """Run one check in the project's directory; returns whether it passed, having said so."""
    print(_heading(name, command), flush=True)
    began = time.monotonic()
    outcome, _ = _outcome(command, seconds)
    print(f"== {name} {outcome} in {time.monotonic() - began:.1f} s", flush=True)
    return outcome == "passed"


def quietly(command: Sequence[str]) -> Said:
    """Run one check behind whatever else runs on this machine, and keep what it says. Not far
    behind: mypy is one long thread, and would be left over when the tests are done."""
    began = time.monotonic()
    gentle = [*(("nice", "-n", "5") if shutil.which("nice") else ()), *command]
    outcome, output = _outcome(gentle, CHECK_SECONDS, subprocess.PIPE)
    return Said(command, outcome, output, time.monotonic() - began)


def show(name: str, said: Said) -> None:
    """Print what a quiet check said: all of it when it failed."""
    print(_heading(name, said.command))
    if not said.passed:
        print(said.output)
    print(f"== {name} {said.outcome} in {said.seconds:.1f} s", flush=True)


def _outcome(command: Sequence[str], seconds: float, output: int | None = None) -> tuple[str, str]:
    """`passed`, or how it failed; and what it said where that is kept."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except FileNotFoundError:
        return f"failed: {command[0]} is not installed", ""
    except subprocess.TimeoutExpired:
        return f"failed: not over after {seconds:.0f} s", ""
    status = done.returncode
    return "passed" if status == 0 else f"failed with status {status}", done.stdout or ""


def _heading(name: str, command: Sequence[str]) -> str:
    return f"\n== {name}: {' '.join(_short(word) for word in command)}"


def conclude(passed: dict[str, bool]) -> int:
    """Print one line for all of them; returns the exit status."""
    failed = [name for name, good in passed.items() if not good]
    print(f"\nFAILED: {', '.join(failed)}" if failed else f"\nPassed: {', '.join(passed)}")
    return 1 if failed else 0


def _javascript() -> dict[str, Sequence[str]]:
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/js/**/*.test.*js"))
    # Named one by one: what `node --test` makes of a directory differs between its versions.
    return {
        "javascript": [_node(), "--test", "--test-reporter=spec", *files],
        "javascript types": [_npx(), "--yes", "--package", _typescript(), *_TSC],
    }


_TSC = ("tsc", "--project", "jsconfig.json")


def _node() -> str:
    return shutil.which("node") or "node (20 or newer, needed for tests/js)"


def _npx() -> str:
    return shutil.which("npx") or "npx (comes with npm, needed for tsc)"


def _typescript() -> str:
    """The compiler in the version that package.json names; npx brings and keeps it."""
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]["typescript"]
    return f"typescript@{wanted}"


def _short(word: str) -> str:
    return os.path.relpath(word, ROOT) if word.startswith(str(ROOT)) else word


def main() -> int:
    """Run every check, also after one has failed; returns the exit status."""
    return conclude({name: run(name, command) for name, command in checks().items()})


if __name__ == "__main__":
    sys.exit(main())
