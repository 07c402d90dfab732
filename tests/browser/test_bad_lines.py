"""Lines that only look alive: a page hears at the latest 2.5 beats after the network is well."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

from scripts.embedded.ports import free_port
from tests.browser.people import DESKTOP, EMAIL, PATIENCE_MS, is_out
from tests.lines import Mode, bad_lines
from tests.serving import open_session, until

MONITORED = f"""<!doctype html><html lang="id"><title>Kelas</title>
<body class="protected-page" data-user="{EMAIL}"><h1>Kelas</h1>
<script src="/js/realtime.js"></script></body></html>"""

ENDED = "Session dihentikan oleh admin"


@dataclass(frozen=True)
class Through:
    """The server as the browser sees it: behind the proxy."""

    settings: object
    url: str
    websocket_url: str = ""


async def at_monitored_page(page: Page) -> None:
    """A page that is not ours, with the documented script, and its line open."""

    async def answer(route):
        await route.fulfill(body=MONITORED, content_type="text/html; charset=utf-8")

    await page.context.route("**/kelas", answer)
    async with page.expect_console_message(lambda said: said.text == "Realtime monitoring aktif"):
        await page.goto(page.url.replace("/dashboard", "/kelas"))


@pytest.mark.parametrize(("mode", "own"), [("swallow", True), ("mute", False), ("pause", False)])
async def test_a_line_that_went_bad_is_noticed(serve, budi, store, sit, mode: Mode, own: bool):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = await serve(PUBLIC_URL=url, HEARTBEAT_SECONDS="0.5")
    async with bad_lines(port, web.port) as proxy:
        (page,) = await (await sit(Through(web.settings, url))).arrive()
        if not own:
            await at_monitored_page(page)
        proxy.mode = mode
        await store.sessions.end(budi.id, "web", reason="admin", by="admin")
        await until(lambda: _nobody_is_here(web))
        proxy.mode = "pass"
        await is_out(page, ENDED)


async def _nobody_is_here(web) -> bool:
    return bool(web.hub.count == 0)


async def test_where_sockets_are_stripped_the_page_goes_on_by_stream(serve, budi, store, sit):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = await serve(PUBLIC_URL=url, HEARTBEAT_SECONDS="0.5")
    async with bad_lines(port, web.port) as proxy:
        proxy.mode = "strip"
        (page,) = await (await sit(Through(web.settings, url))).arrive()
        assert web.hub.counts["sse"] == 1
        await store.sessions.end(budi.id, "web", reason="admin", by="admin")
        await is_out(page, ENDED)


async def test_a_login_page_whose_socket_is_mute_asks(serve, budi, sit):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = await serve(PUBLIC_URL=url)
    async with bad_lines(port, web.port) as proxy:
        proxy.mode = "mute"
        seat = await sit(Through(web.settings, url), **DESKTOP)
        page = await seat.context.new_page()
        async with page.expect_response("**/api/auth/qr/generate") as asked:
            await page.goto(url + "/login")
        code = (await (await asked.value).json())["token"]
        phone = await open_session(web.store, budi, method="mobile", carrier="bearer")
        bearer = f"Bearer {phone.bearer}"
        scanned = await web.browser().post(
            "/api/auth/qr/scan", {"token": code}, Authorization=bearer
        )
        assert scanned.status == 200
        await expect(page.locator("qr-login")).to_have_attribute(
            "state", "scanned", timeout=PATIENCE_MS
        )
        await page.close()
