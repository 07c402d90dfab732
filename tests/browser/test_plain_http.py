"""A school's own server on plain http, by a name: Chromium says less there than on this machine.

To what is no trustworthy origin it sends no Fetch Metadata, so that a form's `Origin: null` is all
that is known of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Playwright, expect

from tests.browser.people import LOGIN
from tests.chromium import launched
from tests.serving import PASSWORD, Serving, serving

HOST = "sekolah.test"
FOREIGN = "lain.test"


@pytest.fixture
async def site(environment) -> AsyncIterator[Serving]:
    url = f"http://{HOST}:{environment['PORT']}"
    async with serving(environment, PUBLIC_URL=url, JAGA_ENV="production") as site:
        yield site


@pytest.fixture
async def page(playwright: Playwright, chromium_path: Path) -> AsyncIterator[Page]:
    names = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP {FOREIGN} 127.0.0.1"
    async with launched(playwright, chromium_path, names) as browser:
        yield await browser.new_page()


@asynccontextmanager
async def foreign_page(html: str) -> AsyncIterator[str]:
    """Another site's page, from a server of its own; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(html)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{html}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://{FOREIGN}:{server.sockets[0].getsockname()[1]}/"


async def log_in(page: Page, site: Serving) -> None:
    await site.member("budi")
    await page.goto(f"{site.store.settings.public_url}/login")
    await page.fill("#username", "budi@jaga.test")
    await page.fill("#password", PASSWORD)
    await page.click("#login_button")
    await expect(page.get_by_role("button", name="Keluar")).to_be_visible()


async def test_keluar_works_on_plain_http(site: Serving, page: Page) -> None:
    await log_in(page, site)

    async with page.expect_request("**/logout") as asked:
        await page.get_by_role("button", name="Keluar").click()
    headers = await (await asked.value).all_headers()
    # what makes this test worth having: the browser gives nothing else to go by
    assert headers["origin"] == "null" and "sec-fetch-site" not in headers
    await expect(page).to_have_url(LOGIN)
    await page.goto(f"{site.store.settings.public_url}/dashboard")
    await expect(page.locator("#formLogin")).to_be_visible()


async def test_a_foreign_or_sandboxed_form_ends_nothing(site: Serving, page: Page) -> None:
    await log_in(page, site)
    ours = site.store.settings.public_url
    target = f"{ours}/logout"
    form = f'<form method="post" action="{target}"><button>x</button></form>'
    for html in (form, f"<iframe sandbox='allow-forms allow-scripts' srcdoc='{form}'></iframe>"):
        async with foreign_page(html) as address:
            await page.goto(address)
            where = page.frame_locator("iframe") if "iframe" in html else page
            async with page.expect_response(target) as answer:
                await where.get_by_role("button").click()
            assert (await answer.value).status == 403
    await page.goto(f"{ours}/dashboard")
    await expect(page.get_by_role("button", name="Keluar")).to_be_visible()


async def test_the_documented_logout_by_address_works_there(site: Serving, page: Page) -> None:
    await log_in(page, site)
    await page.evaluate("location.href = '/logout'")
    await expect(page).to_have_url(LOGIN)
    await page.goto(f"{site.store.settings.public_url}/dashboard")
    await expect(page.locator("#formLogin")).to_be_visible()
