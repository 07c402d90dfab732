"""`python -m scripts.restore`: brings Redis and Postgres together by hand, and says how far it is.

    (nothing)       put into Redis what it lacks; nothing newer is overwritten
    --to-redis      the same, and where the histories have parted Postgres is right
    --to-postgres   put into Postgres what Redis knows; where they have parted, Redis is right
    --from FOLDER   put a backup back (`--only redis` or `--only postgres`: one of the two), then
                    bring both together; stop the workers first

The server does the first by itself when it finds Redis emptied or older than Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from redis import RedisError

from jobs.persist.refilling import refill
from scripts import copies
from store.continuity import HistoryBroken
from store.errors import Unavailable
from store.opening import Store, open_store
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
    which.add_argument("--from", dest="folder", type=Path, help="a folder that backup made")
    parser.add_argument("--only", choices=("redis", "postgres"), help="with --from")
    asked = parser.parse_args()
    try:
        asyncio.run(_restore(Settings.from_environment(), asked))
    except (SettingsError, RedisError, OSError, HistoryBroken, copies.CopyError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    except Unavailable as error:
        reason = f"Postgres: {error.__cause__}" if error.__cause__ else "another process is at it"
        print(f"restore: {' '.join(reason.split())}", file=sys.stderr)
        return 1
    return 0


async def _restore(settings: Settings, asked: argparse.Namespace) -> None:
    async with open_store(settings) as store:
        if asked.folder:
            await _put_back(store, asked)
        elif asked.to_postgres:
            await refill(store, print)
        else:
            await restore(store, print, is_right=asked.to_redis)


async def _put_back(store: Store, asked: argparse.Namespace) -> None:
    settings = store.settings
    if asked.only != "redis":
        await asyncio.to_thread(
            copies.put_back_postgres, asked.folder, settings.database_url, print
        )
    if asked.only != "postgres":
        await copies.put_back_redis(asked.folder, store.redis, settings.redis_prefix, print)
    await restore(store, print)


if __name__ == "__main__":
    sys.exit(main())
