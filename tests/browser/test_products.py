"""The operator's products, and the way between the operator's pages, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from jobs.persist.reader import LogReader
from tests.browser.people import PATIENCE_MS
from tests.client import Browser
from tests.lynk import EBOOK, KEY, deliver, payment

EMAIL, PASSWORD = "ratna@jaga.test", "jaga-admin"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

expect.set_options(timeout=PATIENCE_MS)


async def log_in(seat, web, email=EMAIL) -> None:
    form = {"username": email, "password": PASSWORD, "action": "keep"}
    assert (await seat.context.request.post(f"{web.url}/auth/authenticate", form=form)).ok


async def test_a_sold_product_is_mapped_to_a_package_and_back(serve, store, sit):
    web = await serve(LYNK_MERCHANT_KEYS=KEY)
    await store.members.create(email=EMAIL, password=PASSWORD, name="Ratna", role="admin")
    await store.hotspot.packages.make("Mingguan", 5120, 7, False, None)
    await deliver(Browser(web.settings.port), payment())
    await deliver(Browser(web.settings.port), payment(items=[EBOOK | {"title": "<b>E-Book"}]))
    await LogReader(store).run()
    seat = await sit(web)
    await log_in(seat, web)
    page = await seat.open("/admin/products")
    await expect(page.get_by_text("Belum ada produk yang diatur.")).to_be_visible()
    sold = page.locator("[data-sold] li")
    await expect(sold).to_contain_text("<b>E-Book")
    await expect(sold).to_contain_text("2 pembayaran terakhir")
    await expect(sold).to_contain_text("sekarang memberi lisensi")
    await sold.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("UUID produk")).to_have_value(str(EBOOK["uuid"]))
    await dialog.get_by_label("Judul produk di Lynk").fill("Wi-Fi Mingguan")
    await dialog.get_by_label("Pembeli mendapat").select_option("Paket hotspot")
    await dialog.get_by_role("button", name="Simpan").click()
    await expect(dialog.get_by_role("alert")).to_have_text("Pilih paket hotspotnya.")
    await dialog.get_by_label("Paket hotspot", exact=True).select_option("Mingguan")
    await expect(dialog.locator("[data-preview]")).to_have_text(
        "Wi-Fi Mingguan memberi paket hotspot. Mingguan: 5 GB, 7 hari."
    )
    await dialog.get_by_role("button", name="Simpan").click()
    row = page.locator("[data-products] tr")
    await expect(row).to_contain_text("Wi-Fi Mingguan")
    await expect(row).to_contain_text("Mingguan: 5 GB, 7 hari")
    await expect(sold).to_have_count(0)
    (kept,) = await store.payments.inbox.products()
    assert (kept["grants"], kept["title"]) == ("hotspot", "Wi-Fi Mingguan")

    await row.get_by_role("button", name="Ubah").click()
    await expect(dialog.get_by_label("UUID produk")).not_to_be_editable()
    await dialog.get_by_label("Pembeli mendapat").select_option("Lisensi")
    await dialog.get_by_label("Bila lisensi dipakai").select_option("Perangkat lama menang")
    await dialog.get_by_role("button", name="Simpan").click()
    await expect(row).to_contain_text("Perangkat lama menang")
    (kept,) = await store.payments.inbox.products()
    assert (kept["grants"], kept["policy"], kept["package_id"]) == ("licence", "first_wins", "")

    await row.get_by_role("button", name="Hapus").click()
    await expect(dialog).to_contain_text("memberi lisensi")
    await dialog.get_by_role("button", name="Hapus aturan").click()
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("heading", name="Yang sudah diatur")).to_be_focused()
    assert await store.payments.inbox.products() == []


@pytest.mark.parametrize("width", [390, 1280])
async def test_an_operators_pages_lead_to_each_other(serve, store, sit, width):
    web = await serve()
    await store.members.create(email=EMAIL, password=PASSWORD, name="Ratna", role="admin")
    seat = await sit(web, viewport={"width": width, "height": 800})
    await log_in(seat, web)
    page = await seat.open("/dashboard")
    pages = {
        "Hotspot": "hotspot",
        "Pembayaran": "webhooks",
        "Produk": "products",
        "Anggota": "members/import",
        "Kelas": "meetings",
    }
    for name, address in pages.items():
        nav = page.get_by_role("navigation", name=re.compile("^(Kelola|Halaman pengelola)$"))
        await nav.get_by_role("link", name=name).click()
        await expect(page).to_have_url(f"{web.url}/admin/{address}")
        here = page.get_by_role("link", name=name, exact=True)
        await expect(here).to_have_attribute("aria-current", "page")
        assert await page.evaluate(WIDER) <= 0, address
    await page.get_by_role("link", name="Dasbor").click()
    await expect(page).to_have_url(f"{web.url}/dashboard")


async def test_a_teacher_is_led_to_the_classes_and_a_member_nowhere(serve, store, sit):
    web = await serve()
    for role in ("teacher", "member"):
        await store.members.create(email=f"{role}@jaga.test", password=PASSWORD, role=role)
    teacher = await sit(web)
    await log_in(teacher, web, "teacher@jaga.test")
    page = await teacher.open("/dashboard")
    links = page.get_by_role("navigation", name="Mengajar").get_by_role("link")
    await expect(links).to_have_count(1)
    await links.click()
    await expect(page).to_have_url(f"{web.url}/admin/meetings")
    await expect(page.get_by_role("navigation", name="Halaman pengelola")).to_have_count(0)
    member = await sit(web)
    await log_in(member, web, "member@jaga.test")
    page = await member.open("/dashboard")
    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator("#operator-title")).to_have_count(0)
