"""Chromium for the tests: started one way, and gone when a test is."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

CLOSE_SECONDS = 10.0
"""A Chromium with a window has been seen not to close for a minute, in a crowd, when its test had
passed: it is killed then."""


@asynccontextmanager
async def launched(
    playwright: Playwright, path: Path, *arguments: str, **options: Any
) -> AsyncIterator[Browser]:
    """Run a Chromium with more `arguments`; `options` are those of Playwright's `launch`."""
    # one with a window would be started in its old headless mode by Playwright's own `headless`;
    # the shell has no window anyway
    browser = await playwright.chromium.launch(
        executable_path=path, headless=False, args=[*ARGUMENTS, *arguments], **options
    )
    process = await _process_of(browser)
    yield browser
    closing = asyncio.ensure_future(browser.close())
    if not (await asyncio.wait({closing}, timeout=CLOSE_SECONDS))[0]:
        os.kill(process, signal.SIGKILL)
    await closing


async def _process_of(browser: Browser) -> int:
    session = await browser.new_browser_cdp_session()
    told = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return next(int(one["id"]) for one in told["processInfo"] if one["type"] == "browser")
