"""`python -m scripts.set_aside`: events that could not be applied to Postgres.

list           what waits, the newest first (the default)
retry          try all of them now; each is tried by itself too, ever more rarely
drop ID …      forget these for good
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from store.errors import Unavailable
from store.opening import Store, open_store
from store.settings import Settings, SettingsError


def main() -> int:
    """Do what the command line says; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="set_aside", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("act", nargs="?", choices=("list", "retry", "drop"), default="list")
    parser.add_argument("ids", nargs="*", metavar="ID")
    asked = parser.parse_args()
    try:
        return asyncio.run(_run(Settings.from_environment(), asked.act, asked.ids))
    except SettingsError as error:
        print(f"set_aside: {error}", file=sys.stderr)
    except Unavailable as error:
        print(f"set_aside: Postgres: {' '.join(str(error.__cause__).split())}", file=sys.stderr)
    return 1


async def _run(settings: Settings, act: str, ids: Sequence[str]) -> int:
    async with open_store(settings) as store:
        if act == "drop":
            return await _drop(store, ids)
        if act == "retry":
            await store.set_aside.try_now()
            print("a worker tries them now")
        for row in await store.set_aside.rows():
            print(f"{row['event_id']}  {row['at']:%Y-%m-%d %H:%M}  {row['type']}  {row['error']}")
        return 0


async def _drop(store: Store, ids: Sequence[str]) -> int:
    gone = [event_id for event_id in ids if await store.set_aside.drop(event_id)]
    for event_id in ids:
        print(f"{event_id}: {'dropped' if event_id in gone else 'waits not'}")
    return 0 if len(gone) == len(ids) else 1


if __name__ == "__main__":
    sys.exit(main())
