"""Finds a Chromium for the browser tests, and brings one when there is none.

As root from the distribution, else as Playwright's own download. What `CHROMIUM` names is taken
as it is. The headless shell comes first: the same engine without the window around it, which in the
other headless mode is drawn for every context, and took three quarters of the browser tests' time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from scripts.tools import debian

WHOLE = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

COMMANDS = ("chromium-headless-shell", *WHOLE)

START_SECONDS = 60.0
"""The first start reads 250 MB from a cold disk."""


class NoChromium(Exception):
    """There is no Chromium that runs; the text says what to do."""


def find() -> Path | None:
    """The Chromium to use, None when no candidate runs."""
    return next((path for path in _candidates() if _runs(path)), None)


def whole() -> Path | None:
    """The Chromium with its window, for what only a profile decides; None where there is none."""
    installed = (shutil.which(command) for command in WHOLE)
    return next((Path(path) for path in installed if path and _runs(Path(path))), None)


def install() -> Path:
    """Return a Chromium that runs, installing one when there is none; raises NoChromium."""
    for command in _installers():
        found = find()
        if found is not None:
            return found
        print(f"Chromium is missing: {' '.join(command)}", flush=True)
        debian.attempt(command)
    found = find()
    if found is None:
        raise NoChromium(_advice())
    return found


def _candidates() -> Iterator[Path]:
    named = os.environ.get("CHROMIUM")
    if named:
        yield Path(named)
        return
    for command in COMMANDS:
        installed = shutil.which(command)
        if installed:
            yield Path(installed)
    yield _downloaded()


def _downloaded() -> Path:
    """Where Playwright keeps its own, there or not."""
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def _runs(path: Path) -> bool:
    """Ubuntu's `chromium-browser` is there and only says that a snap is wanted."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, timeout=START_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return b"Chrom" in answer.stdout


def _installers() -> list[list[str]]:
    """What to try, in this order."""
    playwright = [sys.executable, "-m", "playwright", "install"]
    if os.geteuid() != 0:
        return [[*playwright, "chromium"]]
    return [
        debian.UPDATE,
        debian.installing("chromium", "chromium-headless-shell"),
        debian.installing("chromium"),
        [*playwright, "--with-deps", "chromium"],
    ]


def _advice() -> str:
    named = os.environ.get("CHROMIUM")
    if named:
        return f"CHROMIUM is {named}, which is not a Chromium that runs"
    return (
        "no Chromium: install your system's package `chromium`, or run "
        "`sudo .venv/bin/playwright install --with-deps chromium`, or set CHROMIUM to the path "
        "of one"
    )
