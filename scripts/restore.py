"""`python -m scripts.restore`: brings Redis and Postgres together by hand, and says how far it is.

    (nothing)       put into Redis what it lacks; nothing newer is overwritten
    --to-redis      the same, and where the histories have parted Postgres is right
    --to-postgres   put into Postgres what Redis knows; where they have parted, Redis is right

The server does the first by itself when it finds Redis emptied or older than Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from redis import RedisError

from jobs.persist.refilling import refill
from store.continuity import HistoryBroken
from store.errors import Unavailable
from store.opening import open_store
from store.restoring import restore
from store.settings import Settings, SettingsError


def main() -> int:
    """Restore by the environment's settings; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="restore", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--to-redis", action="store_true", help="Postgres is right")
    which.add_argument("--to-postgres", action="store_true", help="Redis is right")
    asked = parser.parse_args()
    try:
        asyncio.run(_restore(Settings.from_environment(), asked))
    except (SettingsError, RedisError, OSError, HistoryBroken) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    except Unavailable as error:
        reason = f"Postgres: {error.__cause__}" if error.__cause__ else "another process is at it"
        print(f"restore: {' '.join(reason.split())}", file=sys.stderr)
        return 1
    return 0


async def _restore(settings: Settings, asked: argparse.Namespace) -> None:
    async with open_store(settings) as store:
        if asked.to_postgres:
            await refill(store, print)
        else:
            await restore(store, print, is_right=asked.to_redis)


if __name__ == "__main__":
    sys.exit(main())
