"""Pages that are not ours: the listing of the monitoring document, and our `/js/realtime.js`."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.people import EMAIL, PATIENCE_MS, Seat, is_out

LISTING = (
    (Path(__file__).parent / "monitoring_document.html").read_text().replace("{{user}}", EMAIL)
)
REPLACED = "Session digantikan oleh login baru"

OWN_PAGE = f"""<!doctype html><html lang="id"><title>Kelas</title>
<body class="protected-page" data-user="{EMAIL}"><h1>Kelas</h1>
<script src="/js/realtime.js"></script></body></html>"""

VIDEO_PAGE = OWN_PAGE.replace("<h1>", '<iframe id="videoFrame" src="/video"></iframe><h1>')
VIDEO = """<!doctype html><html lang="id"><title>Video</title><script>
addEventListener("message", () => parent.postMessage({type: "VIDEO_READY"}, "*"));
</script></html>"""


async def _member_page(browser: Seat, html: str) -> Page:
    """A page of another program on the same serve, opened by a member who is logged in."""

    async def answer(route):
        await route.fulfill(body=html, content_type="text/html; charset=utf-8")

    await browser.arrive()
    await browser.context.route("**/kelas", answer)
    return await browser.context.new_page()


async def _monitoring(page: Page, address: str) -> None:
    async with page.expect_console_message(lambda said: said.text == "Realtime monitoring aktif"):
        await page.goto(address)


async def test_the_listing_of_the_monitoring_document_logs_out_unchanged(serve, budi, sit):
    web = await serve()
    first = await sit(web)
    page = await _member_page(first, LISTING)
    await _monitoring(page, web.url + "/kelas")
    await (await sit(web)).take_the_place()
    await is_out(page, REPLACED)


async def test_our_script_logs_a_member_page_out(serve, budi, sit):
    web = await serve()
    first = await sit(web)
    page = await _member_page(first, OWN_PAGE)
    await _monitoring(page, web.url + "/kelas")
    await (await sit(web)).take_the_place()
    await is_out(page, REPLACED)


async def test_a_page_that_slept_through_the_end_learns_of_it_and_leaves(serve, store, budi, sit):
    web = await serve()
    first = await sit(web)
    page = await _member_page(first, OWN_PAGE)
    await page.goto(web.url + "/kelas")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await store.sessions.end(budi.id, "web", reason="admin", by="admin")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await is_out(page, "Session dihentikan oleh admin")


async def test_a_page_with_a_video_is_watched_once_the_video_is_ready(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await _member_page(browser, VIDEO_PAGE)

    async def answer(route):
        await route.fulfill(body=VIDEO, content_type="text/html; charset=utf-8")

    await browser.context.route("**/video", answer)
    await page.goto(web.url + "/kelas")
    await expect(page.locator("body")).to_have_class("protected-page video-render")
    await page.evaluate("postMessage({ type: 'VIDEO_READY' }, '*')")
    await expect(page.locator("body")).to_have_class("protected-page video-render")
    async with page.expect_console_message(
        lambda said: said.text == "Realtime monitoring aktif", timeout=PATIENCE_MS
    ):
        await page.evaluate("videoFrame.contentWindow.postMessage('', '*')")
    await expect(page.locator("body")).to_have_class("protected-page")
