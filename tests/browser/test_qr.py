"""A phone lets a desktop in, with a browser for each; every page is photographed on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Page, expect

from store.members import Member
from store.opening import Store
from tests.browser.people import (
    DASHBOARD,
    DESKTOP,
    EMAIL,
    PASSWORD,
    PATIENCE_MS,
    PHONE,
    Seat,
    is_out,
    photograph,
    sign_in_phone,
)
from tests.parts import Site

Start = Callable[..., Awaitable[Site]]
Sit = Callable[..., Awaitable[Seat]]

expect.set_options(timeout=PATIENCE_MS)


async def ask_for_code(seat: Seat) -> tuple[Page, str]:
    """Open the login page, and return it with the address that its code stands for."""
    page = await seat.context.new_page()
    async with page.expect_response("**/api/auth/qr/generate") as asked:
        await page.goto(seat.web.url + "/login")
    answer = await (await asked.value).json()
    await expect(page.locator("qr-login")).to_have_attribute("state", "waiting")
    return page, str(answer["qr_url"])


async def test_the_whole_story(serve: Start, budi: Member, sit: Sit, photos: Path) -> None:
    web = await serve()
    old, desk, hand = await sit(web), await sit(web, **DESKTOP), await sit(web, **PHONE)
    (old_tab,) = await old.arrive()
    login, address = await ask_for_code(desk)
    await photograph(login, photos, "1-desktop-login")

    # the phone's camera app opens the address; the phone is not logged in yet
    phone = await hand.open(address.removeprefix(web.url))
    assert phone.url == web.url + "/link"
    await expect(phone.locator("#waiting_code")).to_be_visible()
    await photograph(phone, photos, "2-phone-login")
    await sign_in_phone(phone)
    await expect(phone.locator("#view_ask")).to_be_visible(timeout=PATIENCE_MS)
    await expect(phone.locator("#ask_browser")).to_have_text("Chrome")
    await expect(phone.locator("#ask_os")).to_have_text("Linux")
    await expect(phone.locator("#ask_new")).to_be_visible()
    await photograph(phone, photos, "3-phone-asks")
    first, second = phone.locator("#decline"), phone.locator("#numbers button").first
    above, below = await first.bounding_box(), await second.bounding_box()
    assert above and below and above["y"] < below["y"] and above["width"] > below["width"]

    await expect(login.locator("qr-login")).to_have_attribute("state", "scanned")
    await photograph(login, photos, "4-desktop-number")
    number = await login.locator('[data-text="number"]').inner_text()
    assert (await old_tab.evaluate("fetch('/api/session').then(a => a.status)")) == 200
    await phone.click(f'#numbers [data-number="{number}"]')
    await expect(login).to_have_url(DASHBOARD, timeout=PATIENCE_MS)
    await is_out(old_tab, "digantikan")
    await expect(phone.locator("#done_title")).to_have_text("Komputer sudah masuk")
    await photograph(phone, photos, "5-phone-done")

    await phone.click("text=Lihat perangkat")
    await expect(phone.locator(".device-row")).to_have_count(3)
    await expect(phone.locator(".device-row").first).to_contain_text("Perangkat ini")
    await photograph(phone, photos, "6-phone-devices")
    await phone.click("#end-all-web")
    await photograph(phone, photos, "7-phone-question")
    await phone.click('[data-answer="end"]')
    await is_out(login, "Semua sesi web dihentikan")
    await expect(phone.locator("#devices_message")).to_contain_text("1 tab diberi tahu, 1 menjawab")
    await photograph(phone, photos, "8-phone-ended")
    await expect(phone.locator("#end-all-web")).to_be_disabled()


async def test_declining_ends_it(serve: Start, budi: Member, sit: Sit, photos: Path) -> None:
    web = await serve()
    desk, hand = await sit(web, **DESKTOP), await sit(web, **PHONE)
    login, address = await ask_for_code(desk)
    phone = await hand.open("/link")
    await sign_in_phone(phone)
    await expect(phone.locator("#view_scan")).to_be_visible(timeout=PATIENCE_MS)
    await photograph(phone, photos, "9-phone-scan")
    await phone.fill("#paste", "https://jahat.test/link#" + address.partition("#")[2])
    await phone.click("#paste_button")
    await expect(phone.locator("#scan_message")).to_contain_text("bukan dari situs ini")
    await phone.fill("#paste", address)
    await phone.click("#paste_button")
    await phone.click("#decline")
    await expect(phone.locator("#done_title")).to_have_text("Ditolak")
    await expect(login.locator("qr-login")).to_have_attribute("state", "rejected")
    await photograph(login, photos, "10-desktop-rejected")
    async with login.expect_response("**/api/auth/qr/generate"):
        await login.click("[data-begin]:visible")
    await expect(login.locator("qr-login")).to_have_attribute("state", "waiting")


async def test_a_code_runs_out(serve: Start, budi: Member, sit: Sit, photos: Path) -> None:
    web = await serve(QR_TOKEN_TTL_SECONDS="2")
    login, _ = await ask_for_code(await sit(web, **DESKTOP))
    await expect(login.locator("qr-login")).to_have_attribute(
        "state", "expired", timeout=PATIENCE_MS
    )
    await photograph(login, photos, "11-desktop-expired")
    await expect(login.locator("[data-begin]:visible")).to_have_text("Buat kode baru")


async def test_the_picture_is_changed_every_half_minute(
    serve: Start, budi: Member, sit: Sit
) -> None:
    web = await serve()
    desk = await sit(web, **DESKTOP)
    page = await desk.context.new_page()
    await page.clock.install()
    async with page.expect_response("**/api/auth/qr/image/*?0"):
        await page.goto(web.url + "/login")
    async with page.expect_response("**/api/auth/qr/image/*?1"):
        await page.clock.fast_forward(30_500)
    await expect(page.locator('[data-text="left"]')).to_have_text("1:29")
    async with page.expect_response("**/api/auth/qr/image/*?2"):
        await page.clock.fast_forward(30_000)


CAMERA = """
globalThis.BarcodeDetector = class {
    async detect() { return [{ rawValue: ADDRESS }]; }
};
const canvas = document.createElement("canvas");
canvas.getContext("2d").fillRect(0, 0, 9, 9);
const tracks = globalThis.tracks = canvas.captureStream(5).getTracks();
Object.defineProperty(navigator, "mediaDevices", {
    value: { getUserMedia: async () => new MediaStream(tracks) },
});
"""


async def test_the_page_scans_by_itself_where_the_browser_can(
    serve: Start, budi: Member, sit: Sit
) -> None:
    web = await serve()
    desk, hand = await sit(web, **DESKTOP), await sit(web, **PHONE)
    _, address = await ask_for_code(desk)
    phone = await hand.open("/link")
    await sign_in_phone(phone)
    await expect(phone.locator("#camera_part")).to_be_hidden()
    await phone.add_init_script(CAMERA.replace("ADDRESS", repr(address)))
    await phone.reload()
    await phone.click("#camera_start")
    await expect(phone.locator("#view_ask")).to_be_visible(timeout=PATIENCE_MS)
    states = await phone.evaluate("tracks.map((track) => track.readyState)")
    assert states == ["ended"], "the camera is let go"


async def test_who_must_change_the_password_first_is_led_there(
    serve: Start, store: Store, sit: Sit
) -> None:
    await store.members.create(email=EMAIL, password=PASSWORD, name="Budi", must_change=True)
    web = await serve()
    phone = await (await sit(web, **PHONE)).open("/link")
    await phone.fill("#email", EMAIL)
    await phone.fill("#password", PASSWORD)
    await phone.click("#login_button")
    await expect(phone).to_have_url(web.url + "/password", timeout=PATIENCE_MS)


async def test_it_works_where_sockets_are_blocked(
    serve: Start, budi: Member, sit: Sit, store: Store
) -> None:
    web = await serve()
    desk, hand = await sit(web, **DESKTOP), await sit(web, **PHONE)
    await desk.context.add_init_script("delete globalThis.WebSocket")
    login, address = await ask_for_code(desk)
    phone = await hand.open(address.removeprefix(web.url))
    await sign_in_phone(phone)
    await expect(login.locator("qr-login")).to_have_attribute(
        "state", "scanned", timeout=PATIENCE_MS
    )
    number = await login.locator('[data-text="number"]').inner_text()
    await phone.click(f'#numbers [data-number="{number}"]')
    await expect(login).to_have_url(DASHBOARD, timeout=PATIENCE_MS)


async def test_on_a_phone_the_login_page_offers_the_code_only_when_asked(
    serve: Start, budi: Member, sit: Sit, photos: Path
) -> None:
    web = await serve()
    page = await (await sit(web, **PHONE)).open("/login")
    await expect(page.locator("qr-login")).to_have_attribute("state", "idle")
    await photograph(page, photos, "12-phone-login-page")
    await page.click("[data-begin]:visible")
    await expect(page.locator("qr-login")).to_have_attribute("state", "waiting")
