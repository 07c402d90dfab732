"""`python -m scripts.backup FOLDER`: copies Redis and Postgres into a new folder.

It may run beside the servers. `python -m scripts.restore --from FOLDER` puts the copies back.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import psycopg
from redis import RedisError

from scripts import copies
from store.opening import open_store
from store.settings import Settings, SettingsError


def main() -> int:
    """Copy what the environment's settings name; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="backup", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    try:
        asyncio.run(_back_up(Settings.from_environment(), folder))
    except (SettingsError, copies.CopyError, RedisError, OSError, psycopg.Error) as error:
        print(f"backup: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


async def _back_up(settings: Settings, folder: Path) -> None:
    async with open_store(settings) as store:
        prefix = settings.redis_prefix
        await copies.write(folder, store.redis, prefix, settings.database_url, print)


if __name__ == "__main__":
    sys.exit(main())
