"""Who sits at the browsers: a member, and what their hands do on the pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, WebError, expect

from tests.parts import Site

EMAIL, PASSWORD, NAME = "budi@jaga.test", "rahasia budi", "Budi Santoso"

LOGIN = re.compile(r"/login(\?|$)")
DASHBOARD = re.compile(r"/dashboard$")

PATIENCE_MS = 10_000
"""How long a page may take on a machine that does other things as well."""

EXPECTED = re.compile(
    r"Failed to load resource|net::ERR_|WebSocket handshake|\[SSE\]|Realtime error:"
)
"""What Chromium itself writes of an HTTP status or a cut line; every other error is ours."""


@dataclass
class Seat:
    """One browser: a context of its own, and everything its pages complained of."""

    web: Site
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", self._heard)
        self.context.on("weberror", self._failed)

    async def open(self, path: str) -> Page:
        """A new tab at an address of the product."""
        page = await self.context.new_page()
        await page.goto(self.web.url + path)
        return page

    async def sign_in(self, page: Page, *, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Type name and password and send them; what follows is the caller's to expect."""
        await page.fill("#username", email)
        await page.fill("#password", password)
        await page.click("#login_button")

    async def arrive(self, tabs: int = 1) -> list[Page]:
        """Log in, and return that many tabs with the dashboard, connected."""
        first = await self.open("/login")
        await self.sign_in(first)
        await expect(first).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
        pages = [first, *[await self.open("/dashboard") for _ in range(tabs - 1)]]
        for page in pages:
            await connected(page)
        return pages

    async def take_the_place(self) -> Page:
        """Log in where another browser is, and stay; returns the tab."""
        page = await self.open("/login")
        await self.sign_in(page)
        await page.click("text=Tetap gunakan di sini")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            self.complaints.append(message.text)

    def _failed(self, error: WebError) -> None:
        self.complaints.append(str(error.error))


async def connected(page: Page) -> None:
    """Wait until a page says that its line is open."""
    await expect(page.locator("#line-state")).to_have_attribute(
        "data-state", "live", timeout=PATIENCE_MS
    )


async def is_out(page: Page, reason: str = "") -> None:
    """Wait until a page has left for the login page, which says why."""
    await expect(page).to_have_url(LOGIN, timeout=PATIENCE_MS)
    if reason:
        await expect(page.locator("section.notice")).to_contain_text(reason)


DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}


PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/150.0.0.0 Mobile Safari/537.36",
}


async def photograph(page: Page, folder: Path, name: str) -> None:
    """Light and dark."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")


async def sign_in_phone(page: Page) -> None:
    await page.fill("#email", EMAIL)
    await page.fill("#password", PASSWORD)
    await page.click("#login_button")
    await expect(page.locator("#view_login")).to_be_hidden(timeout=PATIENCE_MS)
