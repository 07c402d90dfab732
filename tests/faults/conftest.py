"""`watched`: a Redis with a replica, and a Sentinel that watches them (tests/sentinels.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Supervisor
from tests.sentinels import Sentinel, Watched, follow


@pytest.fixture
async def watched(supervisor: Supervisor, tmp_path: Path) -> AsyncIterator[Watched]:
    with ExitStack() as stack:
        master, replica = (RedisServer(tmp_path / name, supervisor) for name in ("one", "other"))
        for server in (master, replica):
            server.start()
            stack.callback(server.stop)
        await follow(replica, master)
        sentinel = Sentinel(tmp_path / "sentinel", supervisor, master.port)
        sentinel.start()
        stack.callback(sentinel.stop)
        yield Watched(master, replica, sentinel)
