"""`python -m realtime`: the web process."""

from __future__ import annotations

import asyncio
import sys

from realtime.server import serve
from store.logs import log_as
from store.settings import Settings, SettingsError


def main() -> int:
    """Read the settings and serve; a setting that cannot be used is one line and a failure."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"jaga: {error}", file=sys.stderr)
        return 2
    log_as(settings)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
