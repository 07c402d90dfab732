"""An operator's walk through what goes wrong with orders: a mistyped address, a refund, a mail that
was given up, a package on top of another."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from jobs.mail import send
from tests.browser.people import EXPECTED, PATIENCE_MS
from tests.hotspot import customer
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, payment
from tests.orders import REF, RIGHT, WRONG, refund, rows, settle
from tests.serving import PASSWORD, Serving, serving

COUNTER = "admin@jaga.test"


@asynccontextmanager
async def desk(
    chromium: Browser, environment: dict[str, str]
) -> AsyncIterator[tuple[Serving, Page]]:
    """A server, and a page of an admin who is logged in."""
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        await site.member("admin", role="admin")
        context = await chromium.new_context()
        context.set_default_timeout(PATIENCE_MS)
        try:
            form: dict[str, str | float | bool] = {"username": COUNTER, "password": PASSWORD}
            url = f"http://127.0.0.1:{site.port}"
            await context.request.post(f"{url}/auth/authenticate", form=form)
            page = await context.new_page()
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))

            def heard(said: ConsoleMessage) -> None:
                if said.type == "error" and not EXPECTED.search(said.text):
                    complaints.append(said.text)

            page.on("console", heard)
            yield site, page
            assert complaints == []
        finally:
            await context.close()


@pytest.fixture
def posted(environment, monkeypatch):
    """Send what is owed, and return the mails that arrived."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def post(site: Serving) -> list[Any]:
        await settle(site.store)
        await send()
        files = sorted(
            (site.store.settings.jaga_home / "outbox").glob("*.eml"), key=os.path.getmtime
        )
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    return post


async def open_order(page: Page, site: Serving, *, find: str = "", state: str = "") -> None:
    await page.goto(f"http://127.0.0.1:{site.port}/admin/webhooks")
    if find:
        await page.get_by_label("Cari pesanan").fill(find)
        await page.locator("#inbox_search").get_by_role("button", name="Cari").click()
    if state:
        await page.get_by_role("button", name=state).click()
    await expect(page.locator("#inbox_rows tr")).to_have_count(1)
    await page.locator("#inbox_rows").get_by_role("button", name="Lihat").click()
    await expect(page.locator("payment-order")).to_be_visible()


async def test_a_mistyped_address_is_found_corrected_and_the_mail_seen(
    chromium, environment, posted
) -> None:
    async with desk(chromium, environment) as (site, page):
        await deliver(site.browser(), payment(REF, items=[EBOOK, MEMBERSHIP], email=WRONG))
        await deliver(site.browser(), payment(email="lain@example.com", name="Orang Lain"))
        before = [mail["To"] for mail in await posted(site)]
        assert sum(WRONG in to for to in before) == 2
        await open_order(page, site, find="siti rahma")
        order = page.locator("payment-order")
        await expect(order).to_contain_text(WRONG)
        await look(page, "order")
        await order.get_by_label("Alamat yang benar").fill("siti")
        await order.get_by_role("button", name="Perbaiki dan kirim ulang").click()
        await expect(order.locator("[data-message]")).to_contain_text("tidak bisa dipakai")
        await order.get_by_label("Alamat yang benar").fill(f" <{RIGHT}>. ")
        await order.get_by_role("button", name="Perbaiki dan kirim ulang").click()
        await expect(order.locator("[data-message]")).to_have_text(
            f"Alamatnya sekarang {RIGHT}. 2 email dikirim ulang."
        )
        await expect(page.locator("#licence_rows")).to_contain_text(RIGHT)
        mails = await posted(site)
        fresh = [mail for mail in mails if RIGHT in mail["To"]]
        assert len(fresh) == 2 and len({mail["Message-ID"] for mail in mails}) == len(mails)
        await page.reload()
        await open_order(page, site, find=REF[:20] + "\u200b" + REF[20:])
        await expect(page.locator("[data-mails]")).to_contain_text(f"{RIGHT} · terkirim")


async def test_an_order_without_a_usable_address_goes_on_once_it_has_one(
    chromium, environment, posted
) -> None:
    async with desk(chromium, environment) as (site, page):
        await deliver(site.browser(), payment(REF, email="siti@"))
        await settle(site.store)
        await open_order(page, site, state="Perlu dicek 1")
        order = page.locator("payment-order")
        await order.get_by_label("Alamat yang benar").fill(RIGHT)
        await order.get_by_role("button", name="Perbaiki dan kirim ulang").click()
        await expect(order.locator("[data-message]")).to_contain_text("Pesanan sedang diproses.")
        (mail,) = await posted(site)
        assert RIGHT in mail["To"]


async def test_a_refund_is_reviewed_and_what_the_order_gave_switched_off(
    chromium, environment
) -> None:
    async with desk(chromium, environment) as (site, page):
        await deliver(site.browser(), payment(REF, items=[EBOOK, MEMBERSHIP], email=WRONG))
        await deliver(site.browser(), refund())
        await settle(site.store)
        await open_order(page, site, state="Perlu dicek 1")
        order = page.locator("payment-order")
        await expect(order).to_contain_text("Tidak ada yang berubah dengan sendirinya.")
        await look(page, "refund")
        await order.get_by_role("button", name="Nonaktifkan lisensi").click()
        await page.get_by_role("dialog").get_by_role("button", name="Nonaktifkan").click()
        await expect(order.locator("[data-message]")).to_have_text("Sudah dinonaktifkan.")
        await order.get_by_role("button", name="Nonaktifkan semua dari pesanan ini").click()
        await page.get_by_role("dialog").get_by_role("button", name="Nonaktifkan").click()
        await expect(order.locator("[data-off]")).to_be_hidden()
        await order.get_by_role("button", name="Tandai sudah dicek").click()
        await expect(order.locator("[data-news]")).to_be_hidden()
        await settle(site.store)
        (licence,) = await rows(site.store, "SELECT status FROM lynk_webhook")
        member = await site.store.members.find(WRONG)
        assert member and (licence["status"], member.status) == ("disabled", "inactive")


async def test_a_mail_that_was_given_up_is_sent_again(chromium, environment, posted) -> None:
    async with desk(chromium, environment) as (site, page):
        await deliver(site.browser(), payment(REF, email=WRONG))
        await settle(site.store)
        dead = "UPDATE email_outbox SET state = 'dead', last_error = '550 no' RETURNING id"
        await rows(site.store, dead)
        await open_order(page, site, find=REF)
        await expect(page.locator("[data-mails]")).to_contain_text("gagal")
        message = page.locator("payment-order [data-message]")
        await page.get_by_role("button", name="Kirim ulang Kunci lisensi").click()
        await expect(message).to_have_text(f"Email dikirim ulang ke {WRONG}.")
        await expect(page.locator("[data-mails]")).to_contain_text("menunggu dikirim")
        (mail,) = await posted(site)
        assert WRONG in mail["To"]
        await page.get_by_role("button", name="Kirim ulang semua email").click()
        await expect(message).to_have_text(f"1 email dikirim ulang ke {WRONG}.")
        assert len({mail["Message-ID"] for mail in await posted(site)}) == 2


async def test_the_buyer_asks_for_the_mail_again(chromium, environment, posted) -> None:
    async with desk(chromium, environment) as (site, page):
        await deliver(site.browser(), payment(REF, email=WRONG))
        assert len(await posted(site)) == 1
        await page.goto(f"http://127.0.0.1:{site.port}/order/{REF}")
        await look(page, "buyer")
        await page.get_by_role("button", name="Kirim ulang email").click()
        await expect(page.locator("#order_resent")).to_contain_text("s•••@g•••.com")
        assert len(await posted(site)) == 2


async def test_what_will_be_in_use_is_said_before_a_package_is_given(chromium, environment) -> None:
    async with desk(chromium, environment) as (site, page):
        await customer(site.store, 1, name="Siti", quota_mb=2048)
        await site.store.hotspot.packages.make("Tambahan 5 GB", 5 << 10, 0, False, None)
        await site.store.hotspot.packages.make("Bebas Sepekan", 0, 7, True, None)
        await page.goto(f"http://127.0.0.1:{site.port}/admin/hotspot")
        await page.locator("[data-members] tr").get_by_role("button").click()
        dialog = page.get_by_role("dialog")
        preview = dialog.locator("[data-preview]")
        choice = dialog.get_by_label("Paket yang diberikan")
        await choice.select_option("Tambahan 5 GB")
        await expect(preview.locator("li")).to_have_count(2)
        await expect(preview.locator("li").first).to_contain_text("Dipakai sekarang · sisa 2 GB")
        await expect(preview.locator("li").last).to_contain_text("Tambahan 5 GB (baru)")
        await expect(preview.locator("li").last).to_contain_text("Dipakai berikutnya")
        await choice.select_option("Bebas Sepekan")
        await expect(preview.locator("li").first).to_contain_text("Bebas Sepekan (baru)")
        await expect(preview.locator("li").last).to_contain_text("Dipakai mulai")
        await look(page, "stack")
        await dialog.get_by_role("button", name="Beri paket").click()
        await expect(dialog.locator("[data-turns] li").first).to_contain_text("Bebas Sepekan")
        await expect(preview).to_be_hidden()


async def look(page: Page, name: str) -> None:
    """Leave pictures where SHOTS names a folder."""
    folder = os.environ.get("SHOTS")
    if not folder:
        return
    for width in (360, 1366):
        for scheme in ("light", "dark"):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.emulate_media(color_scheme=scheme)
            shot = f"{folder}/{name}-{width}-{scheme}.png"
            await page.screenshot(path=shot, full_page=name != "stack")
