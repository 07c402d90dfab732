"""`python -m scripts.restore`: rebuilds Redis from Postgres by hand, and says how far it is.

The server does the same by itself when it finds Redis emptied; nothing newer is overwritten.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from redis import RedisError

from store.errors import Unavailable
from store.opening import open_store
from store.restoring import restore
from store.settings import Settings, SettingsError


def main() -> int:
    """Restore by the environment's settings; returns the process's exit status."""
    argparse.ArgumentParser(prog="restore", description=__doc__).parse_args()
    try:
        asyncio.run(_restore(Settings.from_environment()))
    except (SettingsError, RedisError, OSError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    except Unavailable as error:
        reason = f"Postgres: {error.__cause__}" if error.__cause__ else "another process is at it"
        print(f"restore: {' '.join(reason.split())}", file=sys.stderr)
        return 1
    return 0


async def _restore(settings: Settings) -> None:
    async with open_store(settings) as store:
        await restore(store, print)


if __name__ == "__main__":
    sys.exit(main())
