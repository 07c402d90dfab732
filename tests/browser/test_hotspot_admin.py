"""The operator's hotspot desk in a real browser: everything is done there, and seen to be done."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from scripts.simulator.part import RouterPart
from store.opening import Store
from tests.browser.people import PATIENCE_MS, Seat
from tests.hotspot import customer, routers_of
from tests.parts import Site

EMAIL, PASSWORD = "ratna@jaga.test", "jaga-admin"
MB = 1 << 20

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Desk:
    """A product with two routers, an operator who is logged in, and the store behind it."""

    web: Site
    store: Store
    seat: Seat
    utama: RouterPart
    utara: RouterPart

    async def guest(self, name: str, number: int, used_mb: int = 0, *macs: str) -> str:
        """A member with 100 MB, some of it used, and devices."""
        member = await customer(self.store, number, *macs, name=name, device="Ponsel Siti")
        await self.store.hotspot.quota.correct(member, used=used_mb * MB)
        return member

    async def open(self, section: str = "") -> Page:
        return await self.seat.open(f"/admin/hotspot{section}")


@pytest.fixture
async def desk(
    serve: Callable[..., Awaitable[Site]],
    store: Store,
    sit: Callable[..., Awaitable[Seat]],
    router: RouterPart,
    utara: RouterPart,
) -> AsyncIterator[Desk]:
    await store.members.create(email=EMAIL, password=PASSWORD, name="Ratna", role="admin")
    web = await serve(worker=True, **routers_of(router, utara))
    seat = await sit(web, viewport={"width": 1280, "height": 900})
    await log_in(seat, web)
    yield Desk(web, store, seat, router, utara)


async def log_in(seat: Seat, web: Site) -> None:
    form: dict[str, str | float | bool] = {
        "username": EMAIL,
        "password": PASSWORD,
        "action": "keep",
    }
    answer = await seat.context.request.post(f"{web.url}/auth/authenticate", form=form)
    assert answer.ok


def row_of(page: Page, name: str) -> Locator:
    return page.locator("[data-members] tr").filter(has_text=name)


async def synchronise(page: Page) -> None:
    """Have both routers agree, and stay at the list of members."""
    await page.click("a[href='#rencana']")
    await page.click("[data-sync]")
    for name in ("utama", "utara"):
        line = page.locator("[data-progress] li").filter(has_text=name)
        await expect(line).to_have_attribute("data-state", "done")
    await page.click("a[href='#anggota']")


async def test_a_row_turns_by_itself_when_its_routers_agree(desk: Desk) -> None:
    await desk.guest("Siti <b>", 1)
    await desk.guest("Budi", 2, 90)
    page = await desk.open()
    row = row_of(page, "Siti <b>")
    await expect(row).to_contain_text("menunggu router: utama, utara")
    await expect(row).to_contain_text("0 MB dari 100 MB")
    await expect(page.get_by_role("button", name="2 Menunggu router")).to_be_visible()
    await synchronise(page)
    await expect(row).to_contain_text("sesuai")
    await expect(page.locator(".router-card").first).to_contain_text("tulis")
    # one of the two goes away, and what is done meanwhile waits for it alone
    desk.utara.control("fault", max_sessions=0)
    await row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("heading", name="Siti <b>")).to_be_visible()
    await dialog.get_by_role("button", name="Blokir").click()
    await expect(dialog.locator("[data-message]")).to_have_text(
        "Siti <b>: Diblokir. Semua sesinya berakhir. Menunggu router: utara…"
    )
    await expect(row).to_contain_text("menunggu router: utara")
    await expect(row).to_contain_text("Diblokir")
    away = page.locator(".router-card[data-router=utara]")
    await expect(away).to_have_attribute("data-tone", "bad")
    await expect(away).to_contain_text("Tidak terjangkau sejak")
    desk.utara.control("fault", clear=True)
    await desk.store.redis.delete(desk.store.keys.hotspot_away("utara"))
    await dialog.get_by_role("button", name="Sinkronkan anggota ini").click()
    await expect(dialog.locator("[data-message]")).to_contain_text("utara: ")
    await expect(row).to_contain_text("sesuai")
    await expect(dialog).to_contain_text("Router sesuai")
    # the keyboard is where it was
    await page.keyboard.press("Escape")
    await expect(row.get_by_role("button")).to_be_focused()


async def test_members_are_searched_and_filtered(desk: Desk) -> None:
    await desk.guest("Siti", 1)
    await desk.guest("Budi", 2, 90)
    await desk.guest("Rina", 3, 100)
    page = await desk.open()
    rows = page.locator("[data-members] tr")
    await expect(rows).to_have_count(3)
    await page.get_by_label("Nama atau nomor HP").fill("0812 00000002")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Budi")
    await page.get_by_role("button", name="1 Kuota habis").click()
    await expect(rows).to_contain_text("Rina")
    await expect(page.get_by_label("Status")).to_have_value("habis")
    await page.get_by_label("Nama atau nomor HP").fill("tidak ada")
    await expect(page.get_by_text("Tidak ada anggota yang cocok.")).to_be_visible()
    await expect(page.get_by_role("button", name="Berikutnya")).to_be_hidden()


async def test_in_a_house_of_thousands_the_one_who_waits_is_found(
    serve: Callable[..., Awaitable[Site]],
    store: Store,
    sit: Callable[..., Awaitable[Seat]],
) -> None:
    await store.members.create(email=EMAIL, password=PASSWORD, name="Ratna", role="admin")
    async with store.redis.pipeline(transaction=False) as pipe:
        for number in range(5_000):
            member = f"{number:016x}"
            approved = "0" if number == 4_999 else "1"
            pipe.hset(
                store.keys.member(member),
                mapping={"status": "active", "name": f"Anggota {number}", "username": member},
            )
            pipe.hset(
                store.keys.hotspot(member),
                mapping={"phone": f"6281{number:08d}", "approved": approved},
            )
            pipe.sadd(store.keys.hotspot_accounts(), member)
        await pipe.execute()
    web = await serve()
    seat = await sit(web)
    await log_in(seat, web)
    page = await seat.open("/admin/hotspot")
    await expect(page.locator("[data-waiting]")).to_contain_text("Anggota 4999")
    await expect(page.locator("[data-members] tr")).to_have_count(50)
    await page.get_by_role("button", name="Berikutnya").click()
    await expect(page.locator("[data-members] tr").first).to_contain_text("Anggota 50")
    await page.get_by_role("button", name="Ke awal").click()
    await expect(page.locator("[data-members] tr").first).to_contain_text("Anggota 0")
    await page.get_by_label("Nama atau nomor HP").fill("anggota 4998")
    await expect(page.locator("[data-members] tr")).to_have_count(1)
    await expect(page.get_by_role("button", name="Berikutnya")).to_be_hidden()


async def test_a_newcomer_is_approved_given_a_package_and_deleted_by_name(desk: Desk) -> None:
    await desk.guest("Siti", 1, 10, "A4:BB:CC:00:00:01")
    for number, name in ((5, "Rina"), (6, "Tono")):
        await desk.store.members.register(f"628120000000{number}", name)
    page = await desk.open()
    waiting = page.locator("[data-waiting]")
    await expect(waiting).to_contain_text("Menunggu persetujuan 2")
    await waiting.get_by_role("button", name="Setujui Rina").click()
    await expect(page.get_by_text("Rina disetujui.")).to_be_visible()
    await expect(waiting.get_by_role("button", name="Setujui Tono")).to_be_focused()
    await expect(row_of(page, "Rina")).to_contain_text("Kuota habis")

    await row_of(page, "Rina").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    message = dialog.locator("[data-message]")
    await dialog.get_by_role("button", name="Beri paket").click()
    await expect(message).to_have_text("Pilih paketnya dulu.")
    await dialog.get_by_label("Paket yang diberikan").select_option("Harian 1")
    await dialog.get_by_role("button", name="Beri paket").click()
    await expect(message).to_have_text("Rina: Paket Harian 1 diberikan. Router sudah sesuai.")
    await expect(row_of(page, "Rina")).to_contain_text("Aktif")
    await dialog.get_by_role("button", name="Tutup").click()

    await row_of(page, "Siti").get_by_role("button").click()
    await expect(dialog.locator("svg rect")).to_have_count(14)
    await dialog.get_by_role("button", name="Lepas Ponsel Siti").click()
    await (
        page.get_by_role("dialog", name="Lepas perangkat?")
        .get_by_role("button", name="Lepas")
        .click()
    )
    await expect(dialog).to_contain_text("Belum ada perangkat.")
    await expect(message).to_contain_text("Ponsel Siti dilepas.")
    await dialog.get_by_role("button", name="Hapus…").click()
    removal = dialog.get_by_role("button", name="Hapus anggota")
    await dialog.get_by_label("Hapus untuk selamanya?").fill("siti")
    await expect(removal).to_be_disabled()
    await dialog.get_by_label("Hapus untuk selamanya?").fill("Siti")
    await removal.click()
    await expect(message).to_contain_text("sudah dihapus")
    await expect(row_of(page, "Siti")).to_have_count(0)
    for part in (desk.utama, desk.utara):
        names = [user["name"] for user in part.read("state")["tables"]["/ip/hotspot/user"]]
        assert "081200000001" not in names


async def test_packages_are_made_changed_and_removed(desk: Desk) -> None:
    page = await desk.open("#paket")
    await page.get_by_role("button", name="Paket baru").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Nama")).to_be_focused()
    await dialog.get_by_role("button", name="Simpan").click()
    await expect(dialog.get_by_role("alert")).to_have_text("Beri nama paketnya.")
    await dialog.get_by_label("Nama").fill("Bulanan")
    await dialog.get_by_label("Kuota", exact=True).fill("10")
    preview = dialog.locator("[data-preview]")
    await expect(preview).to_have_text("10 GB, 30 hari, pelan setelah 85 %")
    await dialog.get_by_label("Saat kuota tinggal sekian").check()
    await expect(preview).to_have_text("10 GB, 30 hari, pelan saat sisa 1 GB")
    await dialog.get_by_label("Sisa kuota", exact=True).fill("20")
    await dialog.get_by_role("button", name="Simpan").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("harus lebih kecil")
    await dialog.get_by_label("Sisa kuota", exact=True).fill("0.5")
    await dialog.get_by_role("button", name="Simpan").click()
    item = page.locator("[data-packages] li")
    await expect(item).to_contain_text("10 GB, 30 hari, pelan saat sisa 512 MB")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Paket baru")).to_be_focused()

    await item.get_by_role("button", name="Ubah Bulanan").click()
    await expect(dialog.get_by_label("Saat kuota tinggal sekian")).to_be_checked()
    await expect(dialog.get_by_label("Sisa kuota", exact=True)).to_have_value("512")
    await dialog.get_by_label("Setelah terpakai sekian persen").check()
    await dialog.get_by_label("Persen terpakai").fill("70")
    await dialog.get_by_role("button", name="Simpan").click()
    await expect(item).to_contain_text("pelan setelah 70 %")

    await item.get_by_role("button", name="Hapus Bulanan").click()
    await expect(dialog).to_contain_text("tetap memakainya sampai habis")
    await dialog.get_by_role("button", name="Batal").click()
    await expect(item).to_have_count(1)
    await item.get_by_role("button", name="Hapus Bulanan").click()
    await dialog.get_by_role("button", name="Hapus paket").click()
    await expect(item).to_have_count(0)
    await expect(page.get_by_text("Belum ada paket.")).to_be_visible()


async def test_the_drift_is_shown_by_router_and_reason_and_made_good(desk: Desk) -> None:
    await desk.guest("Siti", 1, 82)
    await desk.guest("Budi", 2)
    page = await desk.open("#rencana")
    drift = page.locator("hotspot-drift")
    await expect(drift).to_contain_text("Ada 4 perbedaan.")
    for name in ("utama", "utara"):
        part = drift.locator(".plan-router").filter(has_text=name)
        await expect(part).to_contain_text("Belum ada akunnya di router 2")
        await part.get_by_text("Belum ada akunnya di router").click()
        await expect(part).to_contain_text("Siti")
    await page.get_by_role("button", name="Sinkronkan sekarang").click()
    progress = drift.locator("[data-progress] li")
    await expect(progress).to_have_text(
        [re.compile(r"utama: 2 perubahan"), re.compile(r"utara: 2 perubahan")]
    )
    await expect(drift.locator("[data-message]")).to_have_text("Router sesuai.")

    await page.get_by_label("FUP mulai dari (persen)").fill("80")
    await page.get_by_role("button", name="Lihat dampaknya").click()
    trial = page.locator("hotspot-trial")
    await expect(trial).to_contain_text("FUP mulai 80 %: 1 anggota berubah status, 2 perubahan")
    bars = trial.get_by_role("img")
    await expect(bars.first).to_have_attribute("aria-label", "Aktif 2")
    await expect(bars.last).to_have_attribute("aria-label", "Aktif 1, Pelan (FUP) 1")
    await trial.get_by_text("1 anggota berubah", exact=True).click()
    await expect(trial.locator(".moved-list li")).to_have_text("SitiAktif → Pelan (FUP)")
    assert await page.evaluate(WIDER) <= 0

    await page.click("a[href='#riwayat']")
    runs = page.locator("[data-runs] tr")
    await expect(runs).to_have_count(2)
    await page.locator("#router").select_option("utara")
    await expect(runs).to_have_count(1)
    await expect(runs).to_contain_text("utara")
    await expect(runs).to_contain_text("Selesai")


async def test_a_router_that_is_away_is_said_in_words(desk: Desk) -> None:
    await desk.guest("Siti", 1)
    desk.utara.control("fault", max_sessions=0)
    page = await desk.open("#rencana")
    drift = page.locator("hotspot-drift")
    part = drift.locator(".plan-router").filter(has_text="utara")
    await expect(part).to_contain_text("sesinya penuh")
    await page.get_by_role("button", name="Sinkronkan sekarang").click()
    away = drift.locator("[data-progress] li").filter(has_text="utara")
    await expect(away).to_have_attribute("data-state", "away")
    await expect(page.locator(".router-card[data-router=utara]")).to_contain_text(
        "Tidak terjangkau sejak"
    )
    await page.click("a[href='#riwayat']")
    run = page.locator("[data-runs] tr").filter(has_text="utara")
    await expect(run).to_contain_text("Router tidak terjangkau")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_cut_off_on_a_phone(
    desk: Desk, sit: Callable[..., Awaitable[Seat]], scheme: Any
) -> None:
    await desk.guest("Nama yang cukup panjang sekali untuk sebuah telepon", 1, 90)
    phone = await sit(desk.web, viewport={"width": 390, "height": 780}, color_scheme=scheme)
    await log_in(phone, desk.web)
    page = await phone.open("/admin/hotspot")
    await expect(page.locator("[data-members] tr")).to_have_count(1)
    await expect(page.locator("h1")).to_have_count(1)
    for section in ("anggota", "paket", "rencana", "riwayat"):
        await page.click(f"a[href='#{section}']")
        await expect(page.locator(f"#{section}")).to_be_visible()
        assert await page.evaluate(WIDER) <= 0, section
    await page.click("a[href='#anggota']")
    await page.locator("[data-members] button").click()
    await expect(page.locator("dialog svg")).to_be_visible()
    wide = "one => one.scrollWidth - one.clientWidth"
    assert await page.locator("hotspot-member dialog").evaluate(wide) <= 0


async def test_a_session_that_ends_takes_the_desk_along(desk: Desk) -> None:
    page = await desk.open()
    await expect(page.locator("session-guard")).to_have_attribute("state", "live")
    member = await desk.store.members.find(EMAIL)
    assert member is not None
    await desk.store.sessions.end(member.id, "all", reason="admin", by="admin")
    await expect(page).to_have_url(re.compile(r"/login"))
