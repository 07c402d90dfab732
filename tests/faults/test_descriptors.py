"""Few descriptors and many who say nothing: the server goes on, and its log stays readable."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from scripts.embedded.supervisor import Supervisor
from store.settings import SETTING_NAMES
from tests.client import Browser
from tests.parts import ROOT, status_of
from tests.serving import until

DESCRIPTORS = 300
HALF_SENT = 400

LAST_SECONDS = 5.0


async def test_half_sent_heads_keep_nobody_out(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> None:
    port = int(environment["PORT"])
    clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    log = tmp_path / "web.log"
    web = supervisor.start(
        "web",
        ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", sys.executable, "-m", "realtime"],
        env=clean | environment,
        cwd=ROOT,
        log=log,
    )
    writers: list[asyncio.StreamWriter] = []
    try:
        await until(lambda: _is_well(port), 30)
        slowest = 0.0
        for _ in range(HALF_SENT):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            writers.append(writer)
        enough = time.monotonic() + LAST_SECONDS
        while time.monotonic() < enough:
            began = time.monotonic()
            assert (await Browser(port).get("/healthz")).status == 200
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1.0
        assert await status_of(port, "/readyz") == 200
        assert len(log.read_text().splitlines()) < 100
    finally:
        for writer in writers:
            writer.close()
        await asyncio.to_thread(web.end, 10)


async def _is_well(port: int) -> bool:
    return await status_of(port, "/readyz") == 200
