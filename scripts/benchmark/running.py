"""A product that runs already: filled and measured, but neither restarted nor asked to collect.

What needs a process of its own (a restart, what vanished crowds leave) is not measured there.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from scripts.benchmark.machine import Cores
from scripts.benchmark.product import Product, each
from scripts.embedded.supervisor import StartError, Supervisor
from store.errors import NotFound


class Running(Product):
    """The product of a run.json, or the one that listens where the environment says."""

    is_ours = False
    remark = "jaga ran already: memory holds garbage that is not collected yet"

    def __init__(
        self, supervisor: Supervisor, env: Mapping[str, str], cores: Cores, home: Path, pid: int
    ) -> None:
        super().__init__(supervisor, env, cores, home)
        self._pid = pid

    async def start(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await asyncio.sleep(0)

    async def settle(self) -> None:
        await asyncio.sleep(0)

    def pids(self) -> list[int]:
        return [self._pid]

    async def close(self) -> None:
        """Take the members of this run out again."""

        async def remove(member: str) -> None:
            try:
                await self.store.members.delete(member, by="bench")
            except NotFound:
                return

        await each([member for member in self.members if member], remove)
        await super().close()


def environment_of(run_file: Path) -> tuple[dict[str, str], int]:
    """Return the settings of a run.json as environment, and its web process. Raises StartError."""
    try:
        facts = json.loads(run_file.read_text())
        return {**os.environ, **facts["env"]}, int(facts["pids"]["web"])
    except (OSError, ValueError, KeyError) as error:
        raise StartError(f"{run_file} is no run.json of a running product: {error}") from None


def environment_for(url: str) -> tuple[dict[str, str], int]:
    """Return our own environment, which must name its Redis, and the process behind `url`.

    Raises StartError when no process of this machine that we may look at listens there.
    """
    port = urlsplit(url).port or 80
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
        if listens and connection.pid:
            return {**os.environ, "PORT": str(port), "PUBLIC_URL": url}, connection.pid
    raise StartError(f"nobody on this machine listens on port {port}: its /proc must be readable")
