"""Installable on the phone: a page for no network is kept, and nothing of a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import expect

from store.members import Member
from tests.browser.people import PATIENCE_MS, PHONE, Seat, sign_in_phone
from tests.client import Browser
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]
Sit = Callable[..., Awaitable[Seat]]

KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys())
        for (const request of await (await caches.open(name)).keys())
            found.push(new URL(request.url).pathname);
    return found;
}"""


async def test_without_a_network_there_is_a_page_and_no_trace_of_a_session(
    serve: Start, budi: Member, sit: Sit
) -> None:
    web = await serve()
    seat = await sit(web, **PHONE)
    page = await seat.open("/link")
    await sign_in_phone(page)
    await page.goto(web.url + "/devices")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.wait_for_function("navigator.serviceWorker.controller !== null")
    await page.goto(web.url + "/devices")
    await expect(page.locator(".device-row")).to_have_count(1)
    kept = await page.evaluate(KEPT)
    assert "/offline" in kept and "/static/css/jaga.css" in kept
    # the scripts of other pages are the browser's own cache's: none waits until it is kept here
    assert all(path == "/offline" or path.startswith("/static/") for path in kept)
    assert not [path for path in kept if path.startswith("/static/js/session/")]

    await seat.context.set_offline(True)
    await page.goto(web.url + "/devices")
    await expect(page.locator("h1")).to_contain_text("tidak tersambung")
    assert "Budi" not in await page.content()
    await seat.context.set_offline(False)
    await page.click("text=Coba lagi")
    await expect(page.locator("#view_scan")).to_be_visible(timeout=PATIENCE_MS)


async def test_the_manifest_and_its_icons_are_there(serve: Start) -> None:
    web = await serve()
    browser = Browser(web.settings.port)
    manifest = await browser.get("/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json["icons"]:
        answer = await browser.get(icon["src"])
        assert answer.headers["content-type"].startswith(icon["type"])
        if icon["type"] == "image/png":
            width = int.from_bytes(answer.body[16:20], "big")
            assert icon["sizes"] == f"{width}x{width}"
    worker = await browser.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert (await browser.get("/offline")).status == 200
