"""`python -m realtime`: the web process."""

from __future__ import annotations

import asyncio
import resource
import sys

from realtime.server import serve
from store.starting import started


def main() -> int:
    """Read the settings and serve. A setting that cannot be used ends the start with one line."""
    settings = started("jaga", refused=2)
    _take_every_descriptor()
    return asyncio.run(serve(settings))


def _take_every_descriptor() -> None:
    """Raise the soft limit of descriptors: each connection needs one, and the usual 1,024 is meant
    for shells."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
