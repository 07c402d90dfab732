"""A login elsewhere asks the device that is in; one that was put out may say "not me"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import expect

from store.members import Member
from tests.browser.people import (
    DASHBOARD,
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Seat,
    connected,
    is_out,
    photograph,
)
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]
Sit = Callable[..., Awaitable[Seat]]

expect.set_options(timeout=PATIENCE_MS)


async def test_every_tab_asks_and_a_refusal_holds(
    serve: Start, budi: Member, sit: Sit, photos: Path
) -> None:
    web = await serve()
    live, other = await sit(web, **PHONE), await sit(web, **DESKTOP)
    first, second = await live.arrive(2)
    login = await other.open("/login")
    await other.sign_in(login)
    await expect(login.locator("#alert-modal")).to_be_visible(timeout=PATIENCE_MS)
    for tab in (first, second):
        await expect(tab.locator(".attempt")).to_contain_text("izinkan atau tolak?")
    await photograph(second, photos, "13-attempt")
    await second.click(".attempt .danger")
    await expect(second.locator(".attempt")).to_contain_text("Ditolak")
    await expect(first.locator(".attempt")).to_have_count(0)
    await login.click('#alert-modal [data-answer="keep"]')
    await expect(login.locator("#login_message")).to_contain_text("ditolak")
    await photograph(login, photos, "14-refused")
    await connected(first)


async def test_bukan_saya_ends_both(serve: Start, budi: Member, sit: Sit, photos: Path) -> None:
    web = await serve()
    mine, intruder = await sit(web, **PHONE), await sit(web, **DESKTOP)
    (tab,) = await mine.arrive()
    login = await intruder.open("/login")
    await intruder.sign_in(login)
    await login.click('#alert-modal [data-answer="keep"]')
    await expect(login).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
    await is_out(tab, "digantikan")
    await photograph(tab, photos, "15-not-me")
    await tab.click("#not-me button")
    await expect(tab.locator("#not-me")).to_contain_text("Kedua sesi sudah dihentikan")
    await is_out(login, "dilaporkan bukan oleh pemilik")
    await photograph(login, photos, "16-intruder")
    await mine.sign_in(tab)
    await expect(tab).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
