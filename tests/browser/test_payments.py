"""Payments in real browsers: the buyer's page, a licensed video, the operator's inbox."""

from __future__ import annotations

import secrets

from playwright.async_api import Route, expect

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from store.opening import Store
from tests.browser.people import EMAIL, NAME, PASSWORD
from tests.client import Browser
from tests.lynk import KEY, deliver, payment

PATIENCE_MS = 15_000


async def settle(store: Store) -> None:
    await LogReader(store).run()
    await Processing(store).run()


async def only_key(store: Store) -> str:
    (row,) = await store.database.fetch(b"SELECT key_license FROM lynk_webhook")
    return str(row["key_license"])


async def test_the_buyers_page_turns_without_being_touched(serve, store, sit):
    web = await serve(LYNK_MERCHANT_KEYS=KEY)
    browser = await sit(web)
    page = await browser.context.new_page()
    ref = secrets.token_hex(16)
    await page.goto(f"{web.url}/order/{ref}")
    await expect(page.locator("h1")).to_have_text("Menunggu pembayaran")
    await page.wait_for_timeout(300)
    await deliver(Browser(web.settings.port), payment(ref))
    await expect(page.locator("h1")).to_contain_text("sedang kami siapkan", timeout=PATIENCE_MS)
    await settle(store)
    await expect(page.locator("h1")).to_have_text(
        "Pembayaran Anda sudah kami terima", timeout=PATIENCE_MS
    )
    await expect(page.locator("#order_lead")).to_contain_text("s•••@e•••.com")
    assert await only_key(store) not in await page.content()


async def product_page(seat, web):
    """The sample product, for a member who has just logged in."""
    page = await seat.context.new_page()
    await seat.context.request.post(
        f"{web.url}/auth/authenticate",
        form={"username": EMAIL, "password": PASSWORD, "action": "keep"},
    )
    await page.goto(f"{web.url}/produk/contoh")
    return page


async def test_a_video_is_locked_the_moment_its_licence_is_used_elsewhere(serve, store, budi, sit):
    web = await serve(LYNK_MERCHANT_KEYS=KEY)
    await deliver(Browser(web.settings.port), payment())
    await settle(store)
    key = await only_key(store)
    page = await product_page(await sit(web), web)
    await expect(page.locator("[data-locked]")).to_be_visible()
    await expect(page.locator("#videoFrame")).to_be_hidden()

    await page.get_by_role("textbox", name="Kunci lisensi").fill("KEI-0000-00000000")
    await page.get_by_role("button", name="Aktifkan").click()
    await expect(page.locator("[data-note]")).to_contain_text("tidak ditemukan")

    await page.get_by_role("textbox", name="Kunci lisensi").fill(key)
    await page.get_by_role("button", name="Aktifkan").click()
    await expect(page.locator("[data-open]")).to_be_visible(timeout=PATIENCE_MS)
    film = page.frame_locator("#videoFrame").locator("#film")
    await expect(film).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("body")).to_have_class("protected-page", timeout=PATIENCE_MS)

    # the device is known again after the page was left, also when the page's script comes last
    async def late(route: Route) -> None:
        await expect(page.locator("[data-open]")).to_be_visible(timeout=PATIENCE_MS)
        await route.continue_()

    await page.route("**/js/payments/product.js*", late, times=1)
    await page.reload()
    await expect(film).to_be_visible(timeout=PATIENCE_MS)

    other = Browser(web.settings.port)
    taken = await other.post("/api/license/activate", {"license_key": key, "fingerprint": "other"})
    assert taken.status == 200
    await expect(page.locator("[data-locked]")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("[data-note]")).to_contain_text("perangkat lain")
    await expect(page.locator("#videoFrame")).to_be_hidden()
    assert await page.evaluate("localStorage.getItem('jaga_licence_contoh')") is None
    await page.reload()
    await expect(page.locator("[data-locked]")).to_be_visible()


async def test_an_operator_looks_before_replaying(serve, store, sit):
    web = await serve(LYNK_MERCHANT_KEYS=KEY)
    await store.members.create(email=EMAIL, password=PASSWORD, name=NAME, role="admin")
    wire = Browser(web.settings.port)
    await deliver(wire, payment())
    await deliver(wire, payment(name="</pre><script>alert(1)</script>", email="x"))
    await settle(store)
    seat = await sit(web)
    await seat.context.request.post(
        f"{web.url}/auth/authenticate",
        form={"username": EMAIL, "password": PASSWORD, "action": "keep"},
    )
    page = await seat.context.new_page()
    await page.goto(f"{web.url}/admin/webhooks")
    rows = page.locator("#inbox_rows tr")
    await expect(rows).to_have_count(2, timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Perlu dicek 1").click()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("alamat email tidak bisa dipakai")
    await rows.first.get_by_role("button", name="Lihat").click()
    await page.get_by_role("button", name="Periksa dulu").click()
    await expect(page.locator("#detail_plan")).to_contain_text("alamat email tidak bisa dipakai")
    await expect(page.locator("#detail_replay")).to_be_hidden()
    await page.get_by_role("button", name="Selesai 1").click()
    await expect(rows.first).to_contain_text("Selesai")
    await rows.first.get_by_role("button", name="Lihat").click()
    await expect(page.locator("#detail_body")).to_contain_text('"refId"')
    await page.get_by_role("button", name="Periksa dulu").click()
    await expect(page.locator("#detail_plan")).to_contain_text("0 lisensi, 0 akun, 0 email")
    await page.get_by_role("button", name="Proses ulang").click()
    await expect(page.locator("#detail_plan")).to_have_text("Sedang diproses ulang.")

    key = await only_key(store)
    await expect(page.locator("#licence_rows")).to_contain_text(key)
    async with page.expect_response("**/api/admin/licenses/*"):
        await page.get_by_label("Status").select_option("disabled")
    await expect(page.locator("#inbox_message")).to_be_hidden()
    refused = await wire.post("/api/license/validate", {"license_key": key, "fingerprint": "a"})
    assert refused.status == 404


async def test_a_mailed_link_sets_the_password(serve, store, budi, sit):
    web = await serve()
    link = await store.password_links.make(budi.id)
    token = link.partition("#")[2]
    seat = await sit(web)
    page = await seat.context.new_page()
    await page.goto(f"{web.url}/atur-password#{token}")
    assert token not in page.url
    await page.get_by_label("Password baru", exact=True).fill("kalimat baru saya")
    await page.get_by_role("button", name="Simpan password").click()
    await page.wait_for_url("**/login?reason=password_set", timeout=PATIENCE_MS)
    after = await store.members.get(budi.id)
    assert (await store.passwords.check("kalimat baru saya", after.password)).fits
