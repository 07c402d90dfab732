"""What the fixtures of conftest.py hand out: the product as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.embedded.supervisor import Child, StartError, Supervisor, last_lines
from store.settings import SETTING_NAMES, Settings

ROOT = Path(__file__).resolve().parents[1]

READY_SECONDS = 30.0
"""From starting `python -m realtime` to /readyz 200; 2 s alone on a core, longer among others."""

STOP_SECONDS = 10.0


class Site(Protocol):
    """What a browser needs to know, whichever process serves it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def url(self) -> str: ...

    @property
    def websocket_url(self) -> str: ...


@dataclass(frozen=True)
class Product:
    """One `web` process and, when asked for, a worker and a scheduler beside it."""

    settings: Settings
    env: Mapping[str, str]
    web: Child
    web_log: Path
    worker: Child | None
    worker_log: Path
    scheduler: Child | None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def websocket_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self.settings.port}"

    def kill(self) -> None:
        """End the web process at once, as a crash would: SIGKILL."""
        self.web.send(signal.SIGKILL)
        self.web.wait(STOP_SECONDS)

    async def stop(self) -> None:
        """End every process as a deploy would, with SIGTERM, and what does not heed it."""
        children = [self.web, self.worker, self.scheduler]
        await asyncio.gather(
            *(asyncio.to_thread(child.end, STOP_SECONDS) for child in children if child)
        )


async def start_product(
    supervisor: Supervisor,
    env: Mapping[str, str],
    logs: Path,
    *,
    worker: bool = False,
    scheduler: bool = False,
) -> Product:
    """Start the processes with the settings `env` and wait until /readyz says 200.

    Their output goes to files in `logs`, whose end is in the StartError raised when they do not
    get ready.
    """
    settings = Settings.from_environment(env)
    clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    environ = {**clean, "PYTHONUNBUFFERED": "1", **env}

    def start(name: str, module: str) -> Child:
        command = [sys.executable, "-m", module]
        log = logs / f"{name}-{settings.port}.log"
        return supervisor.start(name, command, env=environ, cwd=ROOT, log=log)

    product = Product(
        settings=settings,
        env=env,
        web=start("web", "realtime"),
        web_log=logs / f"web-{settings.port}.log",
        worker=start("worker", "jobs") if worker else None,
        worker_log=logs / f"worker-{settings.port}.log",
        scheduler=start("scheduler", "jobs.schedule") if scheduler else None,
    )
    await _until_ready(product)
    return product


async def _until_ready(product: Product) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            while (await status_of(product.settings.port, "/readyz")) != 200:
                if product.web.returncode is not None:
                    raise StartError(f"web ended early{last_lines(product.web_log)}")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise StartError(f"web did not get ready{last_lines(product.web_log)}") from None


async def status_of(port: int, path: str) -> int | None:
    """The HTTP status of `GET path` on a loopback port, None when nobody answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1]) if line else None
    except OSError:
        return None
    finally:
        writer.close()
