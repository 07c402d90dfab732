"""The back button: a page that is shown again, new or from the browser's memory (bfcache)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Playwright, Route, expect

from tests.browser.people import DASHBOARD, LOGIN, PATIENCE_MS, Seat, connected, is_out
from tests.chromium import launched


@pytest.fixture
async def chromium(playwright: Playwright, whole_chromium_path: Path) -> AsyncIterator[Browser]:
    """A Chromium that keeps pages in memory, as people's browsers do and Playwright's do not."""
    forgets = ["--disable-back-forward-cache"]
    async with launched(playwright, whole_chromium_path, ignore_default_args=forgets) as browser:
        yield browser


async def _remembered(browser: Seat) -> Page:
    """A dashboard that the browser has put into its memory, and left.

    Chromium remembers no page with a socket that says `no-store`; others do, so that word is
    taken from this one.
    """

    async def storable(route: Route) -> None:
        answer = await route.fetch(max_redirects=0)
        headers = {**answer.headers, "cache-control": "no-cache"}
        await route.fulfill(response=answer, headers=headers)

    await browser.context.route("**/dashboard", storable)
    [tab] = await browser.arrive()
    await tab.evaluate(
        """() => addEventListener("pageshow", ({ persisted }) => {
             const { visibility } = getComputedStyle(document.body);
             window.cameBack = { persisted, visibility };
           })"""
    )
    await tab.goto(browser.web.url + "/akun-diblokir")
    return tab


async def _back(tab: Page) -> None:
    # A page from memory is not loaded again, so there is no `load` to wait for.
    await tab.go_back(wait_until="commit")


async def test_a_page_from_memory_is_hidden_until_checked_and_goes_on(serve, budi, sit):
    tab = await _remembered(await sit(await serve()))
    await _back(tab)
    await connected(tab)
    came_back = await tab.evaluate("window.cameBack")
    assert came_back == {"persisted": True, "visibility": "hidden"}
    await expect(tab.locator("h1")).to_be_visible()


async def test_a_page_from_memory_whose_session_ended_leaves_at_once(serve, store, budi, sit):
    tab = await _remembered(await sit(await serve()))
    await store.sessions.end(budi.id, "web", reason="admin", by="admin")
    await _back(tab)
    await is_out(tab, "Session dihentikan oleh admin")


async def test_a_page_from_memory_still_hears_of_a_login_elsewhere(serve, budi, sit):
    web = await serve()
    tab = await _remembered(await sit(web))
    await _back(tab)
    await connected(tab)
    second = await sit(web)
    await second.take_the_place()
    await is_out(tab, "Session digantikan oleh login baru")


async def test_after_logout_the_back_button_shows_no_dashboard(serve, budi, sit):
    [tab] = await (await sit(await serve())).arrive()
    await tab.click("text=Keluar")
    await is_out(tab)
    await _back(tab)
    await expect(tab).to_have_url(LOGIN, timeout=PATIENCE_MS)
    await expect(tab).not_to_have_url(DASHBOARD)
    assert "Batas waktu" not in await tab.inner_text("body")
