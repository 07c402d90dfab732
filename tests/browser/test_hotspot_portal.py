"""The portal as phones see it: in a window without cookies, over a reload, with too many devices;
and the member's page, which turns by itself."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from scripts.simulator.part import RouterPart
from store.hotspot.otp import REQUESTS_PER_PHONE
from store.members import Member
from store.opening import Store
from tests.browser.people import EMAIL, PASSWORD, PATIENCE_MS, Seat
from tests.chromium import ARGUMENTS
from tests.hotspot import code_in
from tests.parts import Product, Site

PHONE = "081234567890"
MACS = [f"A4:BB:CC:00:00:0{n}" for n in range(1, 5)]
SHEET = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
"""How Apple's captive sheet names itself."""

Start = Callable[..., Awaitable[Site]]


@pytest.fixture
async def siti(store: Store) -> Member:
    member = await store.members.create(
        email="siti@jaga.test", password_hash="x", name="Siti", phone=PHONE
    )
    package = await store.hotspot.packages.make("Harian", 2048, 30, False, None)
    await store.hotspot.quota.give(member.id, package.id)
    return member


async def house(serve: Start, router: RouterPart) -> Site:
    return await serve(worker=True, MIKROTIK_HOST="127.0.0.1", **router.settings)


def join(router: RouterPart, n: int) -> str:
    """A device joins the Wi-Fi; returns where the router sends its browser."""
    router.control("join", mac=MACS[n], ip=f"192.168.200.1{n}")
    redirected = str(router.control("http", mac=MACS[n])["redirected_to"])
    return "/hotspot/login?" + redirected.partition("?")[2]


def passes(router: RouterPart, n: int) -> bool:
    return bool(router.control("traffic", mac=MACS[n], bytes_in=1, bytes_out=1)["passed"])


async def ask_for_code(page: Page) -> None:
    await page.fill("#phone", PHONE)
    await page.click("form[data-step=phone] [type=submit]")
    await expect(page.locator("#code")).to_be_focused(timeout=PATIENCE_MS)


@asynccontextmanager
async def without_storage(chromium_path: Path, folder: Path) -> AsyncIterator[BrowserContext]:
    """A browser that refuses cookies and storage, as captive mini-browsers do."""
    (folder / "Default").mkdir(parents=True)
    refused = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (folder / "Default" / "Preferences").write_text(json.dumps(refused))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium_path,
            headless=False,
            args=ARGUMENTS,
            user_agent=SHEET,
            viewport={"width": 390, "height": 780},
        )
        context.set_default_timeout(PATIENCE_MS)
        yield context
        await context.close()


async def test_without_cookies_and_storage_all_of_it_works_and_moves_to_a_browser(
    serve: Start,
    siti: Member,
    router: RouterPart,
    sit: Callable[..., Awaitable[Seat]],
    whole_chromium_path: Path,
    tmp_path: Path,
) -> None:
    web = await house(serve, router)
    async with without_storage(whole_chromium_path, tmp_path / "profile") as context:
        page = await context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(web.url + join(router, 0))
        kept = await page.evaluate(KEPT)
        assert kept == "cookie:, storage:refused"
        await ask_for_code(page)
        code = await code_in(web.settings.jaga_home / "messages")
        # the window was closed to read the message; it comes back where it was
        await page.reload()
        await expect(page.locator("#code")).to_be_focused()
        await expect(page.locator("[data-phone]")).to_have_text(PHONE)
        await expect(page.locator("[data-go=again]")).to_be_disabled()
        await page.locator("#code").evaluate(PASTE, f"Kode masuk Jaga: {code}. Berlaku 5 menit.")
        title = page.locator("[data-done-title]")
        await expect(title).to_have_text("Anda tersambung", timeout=PATIENCE_MS)
        await expect(page.locator("[data-done-text]")).to_have_text("Sisa kuota Anda 2 GB.")
        assert await context.cookies() == [] and passes(router, 0)
        assert not [url for url in asked if PHONE in url or code in url]
        assert "#" not in page.url

        await page.click("[data-make]")
        field = page.locator("#handover-link")
        await expect(field).to_have_value(re.compile("/hotspot/masuk#.{22}$"))
        link = await field.input_value()
        assert await page.locator("[data-open]").get_attribute("href") == link
        await page.screenshot(path=tmp_path / "handover.png")
        seat = await sit(web)
        real = await seat.open(link.removeprefix(web.url))
        whose = real.locator("[data-view=whose]")
        await expect(whose.locator("h1")).to_have_text("Masuk sebagai Siti?")
        await whose.get_by_role("button", name="Masuk").click()
        await expect(real).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)
        await expect(real.locator("h1")).to_have_text("Internet Anda aktif")
        # and the window it came from says quietly that it is not needed any more
        over = page.locator("[data-over-title]")
        await expect(over).to_have_text("Sudah pindah ke browser Anda", timeout=PATIENCE_MS)

        again = await (await sit(web)).open(link.removeprefix(web.url))
        await expect(again.locator("[data-why]")).to_contain_text("sudah dipakai")
        assert "#" not in again.url


KEPT = """() => {
  document.cookie = "x=1";
  let storage = "open";
  try { localStorage.setItem("x", "1") } catch { storage = "refused" }
  return `cookie:${document.cookie}, storage:${storage}`;
}"""

PASTE = """(field, text) => {
  const data = new DataTransfer();
  data.setData("text", text);
  field.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


async def test_a_link_asks_before_it_changes_who_is_logged_in(
    serve: Start,
    siti: Member,
    budi: Member,
    store: Store,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    web = await serve()
    seat = await sit(web)
    await seat.arrive()
    page = await seat.open("/hotspot/masuk#" + "x" * 22)
    await expect(page.locator("[data-view=ask] h1")).to_be_visible()
    await expect(page.locator("[data-view=ask]")).to_contain_text("Budi Santoso")
    assert "#" not in page.url
    await page.click("[data-view=ask] [data-act]")
    await expect(page.locator("[data-why]")).to_contain_text("kedaluwarsa")


async def test_whoever_has_a_code_goes_on_with_it_and_waits_for_another(
    serve: Start, siti: Member, sit: Callable[..., Awaitable[Seat]]
) -> None:
    web = await serve(worker=True)
    seat = await sit(web)
    page = await seat.context.new_page()
    await page.clock.install()
    await page.goto(web.url + "/hotspot/login")
    await page.click("[data-go=code]")
    await expect(page.locator("#complaint-phone")).to_contain_text("nomor HP")
    await expect(page.locator("#phone")).to_be_focused()
    await ask_for_code(page)
    again = page.locator("[data-go=again]")
    await expect(again).to_have_text(re.compile(r"Kirim ulang dalam (1:00|0:5\d)"))
    await page.click("form[data-step=code] [data-go=phone]")
    await page.click("[data-go=code]")
    await expect(page.locator("[data-phone]")).to_have_text(PHONE)
    await page.fill("#code", "12345")
    await page.click("form[data-step=code] [type=submit]")
    await expect(page.locator("#complaint-code")).to_contain_text("6 angka")
    await page.clock.fast_forward(61_000)
    await expect(again).to_be_enabled()
    await expect(again).to_have_text("Kirim ulang kode")
    code = await code_in(web.settings.jaga_home / "messages")
    await page.fill("#code", f"{(int(code) + 1) % 1_000_000:06d}")
    await expect(page.locator("#complaint-code")).to_contain_text("Kode salah", timeout=PATIENCE_MS)
    await expect(page.locator("#code")).to_be_focused()
    await page.fill("#code", code)
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)


async def test_too_many_questions_say_how_long_to_wait(
    serve: Start, store: Store, sit: Callable[..., Awaitable[Seat]]
) -> None:
    web = await serve()
    # who asks within a minute gets no code, and it does not count: these were an hour's
    hour = REQUESTS_PER_PHONE.of("6281234567890")
    await store.limits.take(hour, amount=hour.most)
    page = await (await sit(web)).open("/hotspot/login")
    await page.fill("#phone", PHONE)
    await page.click("form[data-step=phone] [type=submit]")
    await expect(page.locator("#complaint-phone")).to_contain_text(
        re.compile(r"Coba lagi dalam (1 jam|59 menit)")
    )


async def test_a_newcomer_registers_and_hears_what_comes_next(
    serve: Start, store: Store, sit: Callable[..., Awaitable[Seat]]
) -> None:
    web = await serve(worker=True, MIKROTIK_HOST="127.0.0.1", MIKROTIK_PORT="1")
    page = await (await sit(web)).open("/hotspot/login")
    await page.fill("#phone", "0812 0000 0005")
    await page.click("[data-go=register]")
    await expect(page.locator("#name")).to_be_focused()
    await expect(page.locator("#new-phone")).to_have_value("0812 0000 0005")
    await page.click("form[data-step=register] [type=submit]")
    await expect(page.locator("#complaint-register")).to_contain_text("Nama harus diisi")
    await expect(page.locator("#name")).to_be_focused()
    await page.fill("#name", "Rina")
    await page.click("form[data-step=register] [type=submit]")
    await expect(page.locator("form[data-step=code]")).to_be_visible(timeout=PATIENCE_MS)
    assert await store.hotspot.accounts.member_of("6281200000005") is None
    await page.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    waiting = page.locator("hotspot-connect [data-view=approval]")
    await expect(waiting).to_be_visible(timeout=PATIENCE_MS)
    member = await store.hotspot.accounts.member_of("6281200000005")
    assert member and not (await store.hotspot.accounts.get(member)).approved
    # whoever comes back finds the same
    await page.reload()
    await expect(waiting).to_be_visible(timeout=PATIENCE_MS)
    other = await page.context.new_page()
    await other.goto(f"{web.url}/dashboard")
    await expect(other).to_have_url(f"{web.url}/hotspot")
    await expect(other.locator("h1")).to_have_text("Menunggu persetujuan")
    await store.members.approve(member, True, by="admin")
    await expect(other.locator("h1")).to_have_text("Belum ada paket", timeout=2_000)
    await expect(page).to_have_url(f"{web.url}/kuota-habis", timeout=PATIENCE_MS)


async def take_all_places(store: Store, member: Member) -> None:
    """Three devices, seen one after the other."""
    for n in range(3):
        await store.hotspot.devices.bind(
            member.id, MACS[n], f"192.168.200.1{n}", name=f"HP {n + 1}"
        )
        await asyncio.sleep(0.01)


async def test_a_full_set_of_devices_is_chosen_from(
    serve: Start,
    siti: Member,
    store: Store,
    router: RouterPart,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    await take_all_places(store, siti)
    web = await house(serve, router)
    for n in range(3):
        join(router, n)
    page = await (await sit(web)).open(join(router, 3))
    await ask_for_code(page)
    await page.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    choices = page.locator("[data-devices] label")
    await expect(choices).to_have_count(3, timeout=PATIENCE_MS)
    await expect(choices.first).to_contain_text("HP 1")
    await expect(choices.first).to_contain_text("…00:01")
    await page.click("[data-act=cancel]")
    await expect(page.locator("[data-advice]")).to_contain_text("belum tersambung")
    await page.click("[data-view=trouble] [data-act=retry]")
    await page.click("[data-act=replace]")
    await expect(page.locator("hotspot-connect .form-message")).to_contain_text("Pilih dulu")
    await page.get_by_text("HP 2").click()
    await page.click("[data-act=replace]")
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)
    assert passes(router, 3) and not passes(router, 1)


async def waiting_for_the_router(web: Site, router: RouterPart, browser: Seat) -> Page:
    """A page whose code was right while the router took nobody; now it does."""
    page = await browser.open(join(router, 0))
    await ask_for_code(page)
    router.control("fault", max_sessions=0)
    await page.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    await expect(page.locator("[data-view=waiting]")).to_be_visible(timeout=PATIENCE_MS)
    router.control("fault", clear=True)
    return page


async def test_a_router_that_comes_back_connects_the_page_by_itself(
    serve: Start, siti: Member, router: RouterPart, sit: Callable[..., Awaitable[Seat]]
) -> None:
    web = await house(serve, router)
    page = await waiting_for_the_router(web, router, await sit(web))
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=25_000)
    assert passes(router, 0)


async def test_a_pass_that_took_the_device_in_is_noticed_at_once(
    serve: Start,
    siti: Member,
    store: Store,
    router: RouterPart,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    web = await house(serve, router)
    page = await waiting_for_the_router(web, router, await sit(web))
    await store.queue.enqueue("jobs.hotspot.run", queue="hotspot")
    # sooner than the page would have asked the router itself
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=12_000)


async def test_a_device_that_the_router_does_not_know_is_told_what_to_do(
    serve: Start, siti: Member, router: RouterPart, sit: Callable[..., Awaitable[Seat]]
) -> None:
    web = await house(serve, router)
    page = await (await sit(web)).open(join(router, 0))
    router.control("leave", mac=MACS[0])
    router.control("advance", seconds=600)
    await ask_for_code(page)
    await page.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    await expect(page.locator("[data-advice]")).to_contain_text("Wi-Fi", timeout=PATIENCE_MS)
    join(router, 0)
    await page.click("[data-view=trouble] [data-act=retry]")
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)


async def test_where_presence_is_proven_the_way_leads_over_the_router(
    serve: Start,
    siti: Member,
    store: Store,
    router: RouterPart,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    """And who has too many devices chooses before, for on the way back there is no asking."""
    await take_all_places(store, siti)
    web = await serve(
        worker=True, MIKROTIK_HOST="127.0.0.1", HOTSPOT_PRESENCE="proof", **router.settings
    )
    for n in range(3):
        join(router, n)
    seat = await sit(web)
    asked: list[str] = []
    seat.context.on("request", lambda request: asked.append(request.url))
    page = await seat.open(join(router, 3))
    await ask_for_code(page)
    await page.fill("#code", await code_in(web.settings.jaga_home / "messages"))
    await expect(page.locator("[data-devices] label")).to_have_count(3, timeout=PATIENCE_MS)
    assert not [url for url in asked if "username=jaga-" in url]
    await page.get_by_text("HP 1").click()
    await page.click("[data-act=replace]")
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)
    (proof,) = [url for url in asked if "username=jaga-" in url]
    assert MACS[3] in proof and proof.startswith(router.control_url)
    assert passes(router, 3) and not passes(router, 0)
    await expect(page.locator("[data-device]")).to_have_count(3)
    late = await seat.open("/hotspot/bukti#" + "x" * 24)
    await expect(late.locator("[data-advice]")).to_contain_text("Sambungkan ulang Wi-Fi")
    assert "#" not in late.url


async def test_whoever_is_logged_in_connects_a_device_without_a_code(
    serve: Start,
    budi: Member,
    store: Store,
    router: RouterPart,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    package = await store.hotspot.packages.make("Harian", 1024, 30, False, None)
    await store.hotspot.accounts.enrol(budi.id, PHONE)
    await store.hotspot.quota.give(budi.id, package.id)
    web = await house(serve, router)
    seat = await sit(web)
    await seat.arrive()
    page = await seat.open(join(router, 0))
    await expect(page.locator("[data-step=known]")).to_contain_text("Budi Santoso")
    await page.click("[data-go=connect]")
    await expect(page).to_have_url(re.compile(r"/hotspot$"), timeout=PATIENCE_MS)
    assert passes(router, 0)
    page = await seat.open(join(router, 1))
    await page.click("[data-go=phone]")
    await expect(page.locator("#phone")).to_be_focused()


async def test_every_open_tab_turns_by_itself(
    serve: Start, budi: Member, store: Store, sit: Callable[..., Awaitable[Seat]], tmp_path: Path
) -> None:
    package = await store.hotspot.packages.make("Harian", 1024, 30, False, None)
    await store.hotspot.accounts.enrol(budi.id, PHONE)
    await store.hotspot.quota.give(budi.id, package.id)
    web = await serve()
    seat = await sit(web, viewport={"width": 390, "height": 780})
    first = await seat.open("/login")
    await seat.sign_in(first, email=EMAIL, password=PASSWORD)
    await first.wait_for_url("**/dashboard")
    pages = [first, await seat.open("/hotspot")]
    await first.goto(web.url + "/hotspot")
    for page in pages:
        await expect(page.locator("session-guard")).to_have_attribute("state", "live")
        await page.evaluate("document.querySelector('details').open = true")
    began = time.monotonic()
    await store.hotspot.quota.correct(budi.id, used=924 << 20)
    # the tab in the background is looked at first: it must not need to be in front
    for page in pages:
        await expect(page.locator(".quota-text .quota-number")).to_have_text("100 MB")
        await expect(page.locator("h1")).to_have_text("Kecepatan sedang dikurangi")
        assert await page.evaluate("document.querySelector('details').open") is True
    print(f"\nboth tabs turned {time.monotonic() - began:.3f} s after the change")
    await expect(first.locator("#hotspot-news")).to_have_text("Kecepatan sedang dikurangi")
    await asyncio.sleep(1.1)
    await store.hotspot.devices.bind(budi.id, MACS[0], "192.168.200.10", name="HP <b>Budi</b>")
    for page in pages:
        await expect(page.locator("[data-device] strong")).to_have_text("HP <b>Budi</b>")
    await asyncio.sleep(1.1)
    await store.hotspot.quota.correct(budi.id, ends_at=int(time.time() * 1000) + 2_000)
    await expect(first.locator("h1")).to_have_text("Masa aktif sudah habis", timeout=PATIENCE_MS)
    await expect(first.locator(".quota-advice")).to_contain_text("pengelola")


async def test_what_happened_while_the_line_was_cut_is_seen_after_it(
    product: Callable[..., Awaitable[Product]],
    budi: Member,
    store: Store,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    await store.hotspot.accounts.enrol(budi.id, PHONE)
    web = await product()
    seat = await sit(web)
    page = await seat.open("/login")
    await seat.sign_in(page)
    await page.wait_for_url("**/dashboard")
    await page.goto(web.url + "/hotspot")
    await expect(page.locator("session-guard")).to_have_attribute("state", "live")
    await expect(page.locator("h1")).to_have_text("Belum ada paket")
    web.kill()
    package = await store.hotspot.packages.make("Harian", 1024, 30, False, None)
    await store.hotspot.quota.give(budi.id, package.id)
    await product(PORT=str(web.settings.port))
    await expect(page.locator("h1")).to_have_text("Internet Anda aktif", timeout=PATIENCE_MS)
