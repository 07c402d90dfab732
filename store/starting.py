"""The start of a process: its settings, and how it logs."""

from __future__ import annotations

import sys

from store.logs import log_as
from store.settings import Settings, SettingsError


def started(name: str, refused: int = 1) -> Settings:
    """Read the settings and set the logging up; returns the settings.

    Where a setting cannot be used the process `name` says so in one line and ends with the status
    `refused`.
    """
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(refused) from None
    log_as(settings)
    return settings
