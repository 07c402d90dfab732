"""`python -m scripts.tools.page_weight`: what each page weighs on a slow phone, first and again.

Wants a product that runs (`scripts/run`, found by `$JAGA_HOME/run.json`). Opens each page in a
Chromium of its own, 300 ms and 400 kbit/s away, counts what comes over the line until the page is
quiet, then reloads it. Prints a table for docs/figures.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import (
    APIResponse,
    Browser,
    CDPSession,
    Page,
    ViewportSize,
    async_playwright,
)

from scripts.tools import chromium

LATENCY_MS = 300
BYTES_A_SECOND = 400_000 / 8

QUIET_SECONDS = 4.0
"""A page whose line was silent for so long has all it needs: several journeys there and back."""

PHONE = ViewportSize(width=360, height=740)


@dataclass
class Weight:
    """What came over the line: bytes with their heads, requests, and answers that said 304."""

    bytes: int = 0
    requests: int = 0
    unchanged: int = 0
    ready_ms: int = 0


class Scale:
    """Counts what a page loads. Streams and sockets stay open, and are no weight of the page."""

    def __init__(self, session: CDPSession) -> None:
        self.weight = Weight()
        self._heard = asyncio.Event()
        self._kinds: dict[str, str] = {}
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", self._finished)

    def _sent(self, event: dict[str, Any]) -> None:
        self._kinds[event["requestId"]] = event["type"]
        self._heard.set()

    def _received(self, event: dict[str, Any]) -> None:
        answer = event["response"]
        if answer.get("fromDiskCache") or answer.get("fromServiceWorker"):
            self._kinds[event["requestId"]] = "kept"
        # a 304 is told as the answer that was kept; its head says who answered
        self.weight.unchanged += answer["status"] == 304

    def _finished(self, event: dict[str, Any]) -> None:
        kind = self._kinds.get(event["requestId"], "kept")
        self._heard.set()
        if kind == "kept" or not event["encodedDataLength"]:
            return
        self.weight.bytes += int(event["encodedDataLength"])
        self.weight.requests += 1

    async def take(self) -> Weight:
        """Wait until the line is quiet, return what was counted, and begin anew."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._heard.clear()
                await asyncio.wait_for(self._heard.wait(), QUIET_SECONDS)
        weight, self.weight = self.weight, Weight()
        return weight


async def main() -> None:
    """Weigh each page, and print the table."""
    run = json.loads((Path(os.environ.get("JAGA_HOME", "var")) / "run.json").read_text())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium.install()))
        cookies = await _logged_in(browser, run)
        pages = await _pages(browser, run, cookies)
        print("| page | first: bytes · requests · ready | reload: bytes · requests · 304 |")
        print("|---|---|---|")
        for name, (path, who) in pages.items():
            first, again = await _weigh(browser, run["url"] + path, cookies[who])
            print(
                f"| {name} | {first.bytes / 1000:.1f} KB · {first.requests} · {first.ready_ms} ms "
                f"| {again.bytes / 1000:.1f} KB · {again.requests} · {again.unchanged} |"
            )
        await browser.close()


async def _logged_in(browser: Browser, run: dict[str, Any]) -> dict[str, list[Any]]:
    """The cookies of nobody, of a member and of the administrator."""
    found: dict[str, list[Any]] = {"": []}
    for who in ("member", "admin"):
        context = await browser.new_context(base_url=run["url"])
        account = run["accounts"][who]
        form = {"username": account["email"], "password": account["password"], "action": "keep"}
        await context.request.get("/login")
        answer = await context.request.post("/auth/authenticate", form=form)
        await _require(answer)
        found[who] = await context.cookies()
        await context.close()
    return found


async def _pages(
    browser: Browser, run: dict[str, Any], cookies: dict[str, list[Any]]
) -> dict[str, tuple[str, str]]:
    context = await browser.new_context(base_url=run["url"])
    await context.add_cookies(cookies["admin"])
    now = datetime.now(UTC)
    wish = {
        "title": "Timbang",
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=5)).isoformat(),
        "is_active": True,
        "timezone": "Asia/Jakarta",
    }
    answer = await context.request.post("/api/admin/meetings", data=wish)
    await _require(answer)
    meeting = (await answer.json())["meeting"]["id"]
    await context.close()
    return {
        "login": ("/login", ""),
        "attendance": (f"/attendance/{meeting}", ""),
        "hotspot portal": ("/hotspot/login", ""),
        "dashboard": ("/dashboard", "member"),
        "hotspot": ("/hotspot", "member"),
        "meeting": (f"/admin/meetings/{meeting}", "admin"),
        "hotspot desk": ("/admin/hotspot", "admin"),
    }


async def _require(answer: APIResponse) -> None:
    if not answer.ok:
        raise SystemExit(f"{answer.url}: {answer.status} {await answer.text()}")


async def _weigh(browser: Browser, address: str, cookies: list[Any]) -> tuple[Weight, Weight]:
    context = await browser.new_context(viewport=PHONE)
    await context.add_cookies(cookies)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_A_SECOND,
            "uploadThroughput": BYTES_A_SECOND,
        },
    )
    scale = Scale(session)
    await page.goto(address)
    first = await scale.take()
    first.ready_ms = await _ready_ms(page)
    await page.reload()
    again = await scale.take()
    await context.close()
    return first, again


async def _ready_ms(page: Page) -> int:
    """When the page's scripts had run: modules do before DOMContentLoaded."""
    asked = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    return round(float(await page.evaluate(asked)))


if __name__ == "__main__":
    asyncio.run(main())
