"""The login page: its words, the conflict, the keyboard, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.people import DASHBOARD, EMAIL, LOGIN, PASSWORD, PATIENCE_MS, Seat, connected

WRONG = "Username atau Password salah."


async def test_a_wrong_password_is_said_and_may_be_typed_again(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await browser.sign_in(page, password="salah")
    message = page.locator("#login_message")
    await expect(message).to_have_text(WRONG)
    assert await message.evaluate("element => getComputedStyle(element).display") == "flex"
    await expect(page.locator("#password")).to_be_focused()
    await browser.sign_in(page)
    await expect(page).to_have_url(DASHBOARD, timeout=PATIENCE_MS)


async def test_an_empty_form_is_not_sent(serve, budi, sit):
    web = await serve()
    page = await (await sit(web)).open("/login")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    await page.click("#login_button")
    await expect(page.locator("#login_message")).to_have_text("Isi username dan password dulu, ya.")
    await expect(page.locator("#username")).to_be_focused()
    assert sent == []


async def test_the_password_can_be_looked_at(serve, budi, sit):
    web = await serve()
    page = await (await sit(web)).open("/login")
    field = page.locator("#password")
    await page.get_by_role("button", name="Lihat password").click()
    await expect(field).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Sembunyikan password").click()
    await expect(field).to_have_attribute("type", "password")


async def test_the_browser_says_who_it_is_by_the_documents_cookie(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await expect(page.locator("#login_button")).to_be_enabled()
    kept = {cookie["name"]: cookie for cookie in await browser.context.cookies()}
    assert re.fullmatch(r"[0-9a-z]{1,7}", kept["device_fp"]["value"])
    assert kept["device_fp"]["sameSite"] == "Strict"
    assert kept["jaga_device"]["httpOnly"]
    value = kept["device_fp"]["value"]
    await browser.context.clear_cookies(name="device_fp")
    await page.reload()
    await expect(page.locator("#login_button")).to_be_enabled()
    again = {cookie["name"]: cookie["value"] for cookie in await browser.context.cookies()}
    assert again["device_fp"] == value


async def test_ingat_saya_outlives_the_browser(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await page.get_by_label("Ingat Saya").check()
    await browser.sign_in(page)
    await expect(page).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
    kept = {cookie["name"]: cookie for cookie in await browser.context.cookies()}
    assert kept["jaga_session"]["expires"] == -1
    assert kept["jaga_remember"]["expires"] > 0
    await expect(page.locator("#clock-remember")).to_contain_text("11 jam 59 menit")


# The conflict


async def _in_conflict(serve, sit) -> tuple[Seat, Page, Seat]:
    """A browser at the conflict question, and the one that holds the place."""
    web = await serve()
    holder, asking = await sit(web), await sit(web)
    await holder.arrive()
    page = await asking.open("/login")
    await page.fill("#username", EMAIL)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#alert-modal")).to_be_visible(timeout=PATIENCE_MS)
    return asking, page, holder


async def test_the_conflict_has_the_documents_words(serve, budi, sit):
    _, page, _ = await _in_conflict(serve, sit)
    dialog = page.get_by_role("alertdialog", name="Konflik Sesi Terdeteksi")
    await expect(dialog).to_contain_text(
        re.compile(r"Website ini \(.+\) sedang aktif di tab atau perangkat lain\.")
    )
    await expect(dialog).to_contain_text(
        "Beberapa sesi aktif tidak diizinkan karena alasan keamanan."
    )
    assert await dialog.evaluate("element => element.id") == "alert-modal"


async def test_the_conflict_is_answered_by_keyboard_alone(serve, budi, sit):
    _, page, _ = await _in_conflict(serve, sit)
    other = page.get_by_role("button", name="Gunakan di perangkat lain")
    keep = page.get_by_role("button", name="Tetap gunakan di sini")
    await expect(other).to_be_focused()
    for expected in (keep, other, keep):
        await page.keyboard.press("Tab")
        await expect(expected).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(other).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await connected(page)


async def test_escape_stays_out_and_leaves_the_other_device_alone(serve, budi, sit):
    _, page, holder = await _in_conflict(serve, sit)
    await page.keyboard.press("Escape")
    await expect(page.locator("#alert-modal")).to_be_hidden()
    await expect(page.locator("#login_message")).to_contain_text(
        "Anda tetap aktif di perangkat lain"
    )
    await expect(page.locator("#password")).to_have_value("")
    await connected(holder.context.pages[0])
    await page.click("#username")


async def test_use_on_the_other_device_leaves_it_alone(serve, budi, sit):
    _, page, holder = await _in_conflict(serve, sit)
    await page.click("text=Gunakan di perangkat lain")
    await expect(page).to_have_url(LOGIN)
    await connected(holder.context.pages[0])


# Credentials in the address


async def test_credentials_in_the_fragment_are_used_and_stripped(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    await browser.arrive()
    await browser.context.clear_cookies(name="jaga_session")
    page = await browser.open(f"/login#username={EMAIL}&password=salah")
    await expect(page.locator("#login_message")).to_have_text(WRONG)
    assert page.url == f"{web.url}/login"
    await page.goto(f"{web.url}/login#username={EMAIL}&password={PASSWORD}")
    await page.reload()
    assert await page.evaluate("history.length") <= 4
    await page.goto("about:blank")
    await page.goto(f"{web.url}/login#username={EMAIL}&password={PASSWORD}")
    await connected(page)


async def test_a_link_asks_once_where_its_member_never_was(serve, budi, sit):
    """Else anybody's link could put anybody's browser into an account of their own."""
    web = await serve()
    browser = await sit(web)
    page = await browser.open(f"/login#username={EMAIL}&password={PASSWORD}")
    dialog = page.get_by_role("alertdialog", name=f"Masuk sebagai {EMAIL}?")
    await expect(dialog).to_be_visible(timeout=PATIENCE_MS)
    await page.keyboard.press("Escape")
    await expect(page.locator("#login_message")).to_contain_text("tidak jadi masuk")
    assert not [one for one in await browser.context.cookies() if one["name"] == "jaga_session"]
    await page.goto("about:blank")
    await page.goto(f"{web.url}/login#username={EMAIL}&password={PASSWORD}")
    await dialog.get_by_role("button", name="Masuk").click()
    await connected(page)
    # and from now on by itself
    await browser.context.clear_cookies(name="jaga_session")
    await page.goto("about:blank")
    await page.goto(f"{web.url}/login#username={EMAIL}&password={PASSWORD}")
    await connected(page)


async def test_credentials_in_the_query_are_only_stripped(serve, budi, sit):
    web = await serve()
    page = await (await sit(web)).open(f"/login?username={EMAIL}&password={PASSWORD}")
    await expect(page.locator("#login_button")).to_be_enabled()
    assert page.url == f"{web.url}/login"
    await expect(page.locator("#username")).to_have_value("")


async def test_a_link_asks_before_it_changes_the_member(serve, store, budi, sit):
    await store.members.create(email="ani@jaga.test", password="rahasia ani", name="Ani")
    web = await serve()
    browser = await sit(web)
    await browser.arrive()
    page = await browser.open("/login#username=ani@jaga.test&password=rahasia%20ani")
    dialog = page.get_by_role("alertdialog", name="Ganti akun di browser ini?")
    await expect(dialog).to_contain_text(EMAIL)
    await page.keyboard.press("Escape")
    await connected(page)
    await expect(page.locator("h1")).to_have_text("Halo, Budi Santoso")
    await page.goto("about:blank")
    await page.goto(f"{web.url}/login#username=ani@jaga.test&password=rahasia%20ani")
    await page.click("text=Masuk dengan akun itu")
    await connected(page)
    await expect(page.locator("h1")).to_have_text("Halo, Ani")


# What can go wrong


async def test_too_many_tries_are_counted_down(serve, budi, sit):
    limit = {"status": 429, "headers": {"Retry-After": "2"}, "json": {"type": "RATE_LIMIT"}}
    page = await _answered(serve, sit, "**/cekfingerprint", limit)
    await expect(page.locator("#login_message")).to_contain_text("Coba lagi dalam 0:0")
    await expect(page.locator("#login_button")).to_be_disabled()
    await expect(page.locator("#login_button")).to_be_enabled(timeout=PATIENCE_MS)
    await page.click("#login_button")
    await connected(page)


async def test_a_busy_server_is_asked_again_without_a_hand(serve, budi, sit):
    busy = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"type": "UNAVAILABLE"}}
    page = await _answered(serve, sit, "**/cekfingerprint", busy, times=2)
    await expect(page.locator("#login_message")).to_contain_text("Dicoba lagi otomatis")
    await connected(page)


async def test_without_a_network_the_page_says_so(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    await browser.context.set_offline(True)
    await browser.sign_in(page)
    await expect(page.locator("#login_message")).to_contain_text("tidak tersambung ke internet")
    await expect(page.locator("#login_button")).to_be_enabled()
    await browser.context.set_offline(False)
    await page.click("#login_button")
    await connected(page)


async def _refused_with(serve, sit, status: int, code: str, message: str) -> Page:
    answer = {"status": status, "json": {"success": False, "type": code, "message": message}}
    return await _answered(serve, sit, "**/auth/authenticate", answer)


async def _answered(serve, sit, address: str, answer: dict[str, Any], times: int = 1) -> Page:
    """Log in where an address is answered for the server, so many times; returns the page."""
    browser = await sit(await serve())
    page: Page = await browser.open("/login")

    async def answer_it(route):
        await route.fulfill(**answer)

    await page.route(address, answer_it, times=times)
    await browser.sign_in(page)
    return page


async def test_a_later_login_that_overtook_is_said(serve, budi, sit):
    words = "Login ini didahului oleh login lain. Silakan coba lagi."
    page = await _refused_with(serve, sit, 409, "LOGIN_SUPERSEDED", words)
    await expect(page.locator("#login_message")).to_have_text(words)


async def test_a_refusal_by_the_live_device_is_said(serve, budi, sit):
    words = "Login ditolak dari perangkat yang sedang aktif."
    page = await _refused_with(serve, sit, 403, "LOGIN_REFUSED", words)
    await expect(page.locator("#login_message")).to_have_text(words)


async def test_a_conflict_that_arises_late_is_asked_about(serve, budi, sit):
    page = await _refused_with(serve, sit, 409, "SESSION_CONFLICT", "")
    await expect(page.locator("#alert-modal")).to_be_visible()
    await page.click("text=Tetap gunakan di sini")
    await connected(page)


async def test_the_button_shows_that_it_works(serve, budi, sit):
    web = await serve()
    browser = await sit(web)
    page = await browser.open("/login")
    released = asyncio.Event()

    async def hold(route):
        await released.wait()
        await route.continue_()

    await page.route("**/cekfingerprint", hold)
    await browser.sign_in(page)
    await expect(page.locator("#login_button")).to_have_attribute("aria-busy", "true")
    await expect(page.locator("#login_button")).to_have_text("Memeriksa…")
    released.set()
    await connected(page)


async def test_a_browser_that_refuses_cookies_is_told_so(serve, sit):
    browser = await sit(await serve())
    await browser.context.add_init_script(
        "Object.defineProperty(Document.prototype, 'cookie', {get: () => '', set() {}})"
    )
    page = await browser.open("/login#username=budi&password=rahasia")
    await expect(page.locator("#login_message")).to_contain_text("Browser ini menolak cookie")
    await expect(page.locator("#login_button")).to_be_disabled()
    await expect(page).to_have_url(re.compile(r"/login$"))
