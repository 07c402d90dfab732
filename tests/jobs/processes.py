"""Processes of ours beside the web, which a test starts and ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.embedded.supervisor import Child, Supervisor
from store.settings import SETTING_NAMES

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[..., Child]


@asynccontextmanager
async def starting(
    supervisor: Supervisor, environment: dict[str, str], logs: Path, name: str, *usual: str
) -> AsyncIterator[Start]:
    """Yields what starts Python with the words it is given, or else the `usual` ones, on settings
    that may be changed. The n-th, from 0, logs to `<name>-<n>.log`; all are ended."""
    started: list[Child] = []

    def start(*words: str, **changes: str) -> Child:
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        child = supervisor.start(
            name,
            [sys.executable, *(words or usual)],
            env=clean | environment | changes,
            cwd=ROOT,
            log=logs / f"{name}-{len(started)}.log",
        )
        started.append(child)
        return child

    yield start
    for child in started:
        await asyncio.to_thread(child.end, 10)
