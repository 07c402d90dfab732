"""Every page as a browser shows it: nothing refused, nothing cut off, usable without a mouse."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.people import DASHBOARD, EMAIL, PASSWORD, PATIENCE_MS, connected

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}

OPEN_PAGES = ["/login", "/login?reason=replaced", "/akun-diblokir", "/tidak/ada"]


@pytest.mark.parametrize("view", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_cut_off_or_refused_anything(serve, budi, sit, view, scheme):
    browser = await sit(await serve(), **view, color_scheme=scheme)
    for path in OPEN_PAGES:
        await _is_whole(await browser.open(path))
    [dashboard] = await browser.arrive()
    await _is_whole(dashboard)


async def _is_whole(page) -> None:
    """In Indonesian, with one heading, nothing wider than the window, everything loaded."""
    assert await page.get_attribute("html", "lang") == "id"
    await expect(page.locator("h1")).to_have_count(1)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) <= 0, page.url
    assert await page.evaluate("document.styleSheets.length") >= 1


async def test_the_first_tab_stop_skips_to_the_content(serve, budi, sit):
    web = await serve()
    page = await (await sit(web)).open("/login")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Langsung ke isi")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#username")).to_be_focused()


async def test_the_whole_login_goes_by_keyboard(serve, budi, sit):
    web = await serve()
    page = await (await sit(web)).open("/login")
    await page.focus("#username")
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await connected(page)


async def test_without_javascript_the_login_page_says_what_it_needs(serve, budi, sit):
    web = await serve()
    page = await (await sit(web, java_script_enabled=False)).open("/login")
    await expect(page.locator("noscript p")).to_be_visible()
    await expect(page.locator("noscript p")).to_contain_text("membutuhkan JavaScript")
    await expect(page.locator("#login_button")).to_be_disabled()


async def test_who_motions_less_sees_less_motion(serve, budi, sit):
    web = await serve()
    [page] = await (await sit(web, reduced_motion="reduce")).arrive()
    style = "element => getComputedStyle(element).transitionDuration"
    assert await page.locator("#ring-idle").evaluate(style) == "0s"


async def test_a_bought_membership_chooses_a_password_first(serve, store, sit):
    await store.members.create(email=EMAIL, password="081234567890", must_change=True)
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await browser.sign_in(page, password="081234567890")
    await expect(page).to_have_url(f"{web.url}/password", timeout=PATIENCE_MS)
    await page.fill("#current", "bukan ini")
    await page.fill("#new", "kalimat pendek saya")
    await page.click("#password_button")
    await expect(page.locator("#password_message")).to_have_text("Username atau Password salah.")
    await page.fill("#current", "081234567890")
    await page.click("#password_button")
    await expect(page).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
    await connected(page)


async def test_the_page_for_a_new_password_is_left_when_the_session_ends(serve, store, sit):
    member = await store.members.create(email=EMAIL, password="081234567890", must_change=True)
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await browser.sign_in(page, password="081234567890")
    await expect(page.locator("session-guard")).to_have_attribute(
        "state", "live", timeout=PATIENCE_MS
    )
    await store.sessions.end(member.id, "web", reason="admin", by="admin")
    await expect(page.locator("section.notice")).to_contain_text("Session dihentikan oleh admin")
