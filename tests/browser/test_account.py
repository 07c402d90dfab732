"""A member at their own account: back in after a forgotten password, and under another address."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from jobs.mail.outbox import MailSender
from jobs.persist.reader import LogReader
from tests.browser.people import DASHBOARD, EMAIL, NAME, PASSWORD
from tests.mail_server import MailServer, mail_server
from tests.serving import Serving

NEW = "kuda di tepi air"


async def newest(web: Serving, mails: MailServer) -> str:
    """The text of the mail that comes of what was just done."""
    await LogReader(web.store).run()
    assert await MailSender(web.store).run() == 1
    text, _page = mails.got[-1].iter_parts()
    return str(text.get_content())


async def log_in(page: Page, password: str) -> None:
    await page.fill("#username", EMAIL)
    await page.fill("#password", password)
    await page.click("#login_button")
    await expect(page).to_have_url(DASHBOARD)


async def test_from_a_forgotten_password_to_the_dashboard(serve, budi, sit):
    async with mail_server() as mails:
        web = await serve(SMTP_URL=mails.url)
        seat = await sit(web)
        page = await seat.open("/login")
        await page.get_by_role("link", name="Lupa password?").click()
        await page.get_by_label("Email, username, atau nomor HP").fill(EMAIL)
        await page.get_by_role("button", name="Kirim").click()
        await expect(page.get_by_role("heading", name="Periksa email Anda")).to_be_focused()
        text = await newest(web, mails)
        await page.goto(re.findall(r"http\S+/atur-password#\S+", text)[0])
        await page.get_by_label("Password baru", exact=True).fill(NEW)
        await page.get_by_role("button", name="Simpan password").click()
        await expect(page.get_by_role("heading", name="Password baru tersimpan")).to_be_visible()
        await log_in(page, NEW)


async def test_another_address_is_proven_by_a_code(serve, budi, sit):
    async with mail_server() as mails:
        web = await serve(SMTP_URL=mails.url)
        page = await (await sit(web)).open("/login")
        await log_in(page, PASSWORD)
        await page.get_by_role("navigation", name="Halaman Anda").get_by_text("Akun").click()
        await expect(page.get_by_label("Nama lengkap")).to_have_value(NAME)
        await page.get_by_label("Email baru").fill("baru@jaga.test")
        await page.locator("#email_password").fill(PASSWORD)
        await page.get_by_role("button", name="Kirim kode ke email baru").click()
        await expect(page.locator("#email_code")).to_be_focused()
        (code,) = re.findall(r"^\d{6}", await newest(web, mails), re.MULTILINE)
        await page.fill("#email_code", code)
        await page.get_by_role("button", name="Ganti email").click()
        await expect(page.locator("#email_now")).to_have_text("baru@jaga.test")
