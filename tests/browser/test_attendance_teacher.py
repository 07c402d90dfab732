"""The teacher's pages in a real browser: a board that fills itself, and the desk behind it."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.people import PATIENCE_MS
from tests.client import Browser
from tests.pupils import (
    TEACHER,
    TEACHER_PASSWORD,
    Phone,
    day_at,
    meeting_of,
    patch,
    teacher_at,
)

WIDER = """[...document.querySelectorAll("main *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest(".table-frame *"))
  .map((one) => `${one.tagName}#${one.id}.${one.className}`)"""


@pytest.fixture
async def desk(serve, store, sit):
    """A serve, a teacher with a meeting, and a browser that is logged in as the teacher."""
    web = await serve(worker=True)
    teacher = await teacher_at(store, web.settings.port)
    seat = await sit(web)
    await seat.context.add_cookies(
        [{"name": name, "value": value, "url": web.url} for name, value in teacher.cookies.items()]
    )
    return web, teacher, await meeting_of(teacher), seat


async def is_live(page) -> None:
    await expect(page.locator("#line-state")).to_have_attribute(
        "data-state", "live", timeout=PATIENCE_MS
    )


async def test_the_bound_of_an_address_is_set_on_the_meetings_page(desk):
    web, teacher, meeting, seat = desk
    page = await seat.open(f"/admin/meetings/{meeting}")
    field = page.get_by_label("Pengisian dari satu alamat internet")
    await expect(field).to_have_value("300")
    await field.fill("5")
    await page.get_by_role("button", name="Simpan", exact=True).click()
    await expect(page.locator("#form-message")).to_contain_text("10 sampai 100000")
    await field.fill("900")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Simpan", exact=True).click()
    await expect(field).to_have_value("900")
    kept = await teacher.get(f"/api/admin/meetings/{meeting}")
    assert kept.json["meeting"]["per_address"] == 900


async def comes_in(phone: Phone, meeting: str, name: str) -> None:
    """Fill in, and again when the server was too busy, as its answer asks for."""
    for _ in range(100):
        answer = await phone.fill(meeting, name)
        if answer.status != 503:
            break
        await asyncio.sleep(0.2)
    assert answer.status == 201, answer


@pytest.mark.timing
async def test_the_board_fills_itself(desk):
    web, teacher, meeting, seat = desk
    page = await seat.open(f"/board/{meeting}")
    await is_live(page)
    await expect(page.locator("#count")).to_have_text("0")
    port = web.settings.port
    await Phone(port).fill(meeting, "Budi <b>Santoso</b>", "10A")
    await expect(page.locator("#rows .row-who").first).to_have_text("Budi <b>Santoso</b>")
    await asyncio.gather(*(comes_in(Phone(port), meeting, f"Siswa {n}") for n in range(199)))
    await expect(page.locator("#count")).to_have_text("200")
    await Phone(port).fill(meeting, "Siswa 7")
    await expect(page.locator("#refused-count")).to_have_text("1")
    # a list: who is missing stands there until they come
    await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": "Citra,10A\nDewi,10A"})
    await expect(page.locator("#missing li")).to_have_text(["Citra · 10A", "Dewi · 10A"])
    await Phone(port).fill(meeting, "citra")
    await expect(page.locator("#missing li")).to_have_text(["Dewi · 10A"])


async def test_a_board_survives_its_server(desk, store):
    web, _, meeting, seat = desk
    page = await seat.open(f"/board/{meeting}")
    await is_live(page)
    await seat.context.set_offline(True)
    await Phone(web.settings.port).fill(meeting, "Budi")
    await seat.context.set_offline(False)
    await expect(page.locator("#rows .row-who")).to_have_text(["Budi"], timeout=PATIENCE_MS)


async def test_the_code_rotates_and_goes_blank_with_the_session(desk, store):
    web, teacher, _, seat = desk
    meeting = await meeting_of(teacher, rotating=True)
    page = await seat.open(f"/board/{meeting}")
    await is_live(page)
    code = page.locator("#code-image")
    await expect(code).to_be_visible()
    first = await code.get_attribute("src")
    await expect(code).not_to_have_attribute("src", first, timeout=20_000)
    await page.route("**/login*", lambda route: route.fulfill(status=204))
    elsewhere = Browser(web.settings.port)
    await elsewhere.login(TEACHER, TEACHER_PASSWORD)
    await expect(code).to_be_hidden()
    assert await code.get_attribute("src") is None


async def test_a_meeting_is_made_on_the_page_and_leads_to_its_desk(desk):
    _, teacher, _, seat = desk
    page = await seat.open("/admin/meetings")
    await expect(page.locator(".meeting-item")).to_have_count(1)
    await page.click("#new")
    await page.fill("#title", "Biologi")
    await page.fill("#starts", "2026-11-23T07:00")
    await page.fill("#ends", "2026-11-23T08:30")
    await page.select_option("#zone", "Asia/Jayapura")
    await page.get_by_role("button", name="Buat pertemuan").click()
    await expect(page).to_have_url(re.compile(r"/admin/meetings/[0-9a-f]{16}$"))
    await expect(page.locator("#heading")).to_have_text("Biologi")
    made = (await teacher.get("/api/admin/meetings")).json["meetings"]
    [biology] = [one for one in made if one["title"] == "Biologi"]
    assert biology["starts_at"] == "2026-11-23T07:00:00.000+09:00"
    assert biology["ends_at"] == "2026-11-23T08:30:00.000+09:00"
    await expect(page.locator("#starts")).to_have_value("2026-11-23T07:00")


async def test_the_list_switches_a_meeting_off_and_on(desk):
    web, _, meeting, seat = desk
    page = await seat.open("/admin/meetings")
    await page.click("text=Nonaktifkan")
    await expect(page.locator(".state")).to_have_text("Tidak aktif")
    assert (await Phone(web.settings.port).fill(meeting)).json["type"] == "MEETING_INACTIVE"
    await page.click("text=Aktifkan")
    await expect(page.locator(".state")).to_have_text("Berlangsung")
    assert (await Phone(web.settings.port).fill(meeting)).status == 201


async def test_the_desk_corrects_marks_and_takes_back(desk):
    web, teacher, meeting, seat = desk
    port = web.settings.port
    for name in ("Budi", "Siti", "Agus"):
        await Phone(port).fill(meeting, name)
    await teacher.post(
        f"/api/admin/meetings/{meeting}/students", {"csv": "Budi,10A\nSiti,10A\nAgus,10A\nDewi,10A"}
    )
    page = await seat.open(f"/admin/meetings/{meeting}")
    page.on("dialog", lambda dialog: dialog.accept())
    await is_live(page)
    await expect(page.locator("#rows tr")).to_have_count(3)
    await page.select_option("[aria-label='Status Budi']", "IZIN")
    await expect(page.locator("#count-IZIN")).to_have_text("1")
    await page.locator("#rows tr", has_text="Siti").locator("text=Batalkan").click()
    await expect(page.locator("#count-total")).to_have_text("2")
    await expect(page.locator("#missing li")).to_have_text(["Dewi · 10A", "Siti · 10A"])
    await page.click("#absent-all")
    await expect(page.locator("#count-TIDAK_HADIR")).to_have_text("2")
    await page.fill("#hand-name", "Tamu")
    await page.fill("#hand-class", "12B")
    await page.click("text=Catat >> nth=-1")
    await expect(page.locator("#count-total")).to_have_text("5")
    await page.fill("#search", "dewi")
    await expect(page.locator("#rows tr")).to_have_count(1)
    await page.fill("#search", "")
    await page.check("#pick-all")
    await page.select_option("#bulk-status", "HADIR")
    await page.click("#bulk-go")
    await expect(page.locator("#count-HADIR")).to_have_text("5")
    counts = (await day_at(teacher, meeting))["counts"]
    assert counts == {"total": 5, "HADIR": 5, "TERLAMBAT": 0, "IZIN": 0, "TIDAK_HADIR": 0}


async def test_the_desk_reads_a_list_and_shows_a_history(desk, store):
    web, teacher, meeting, seat = desk
    await Phone(web.settings.port).fill(meeting, "Budi")
    page = await seat.open(f"/admin/meetings/{meeting}")
    await is_live(page)
    csv = {
        "name": "kelas.csv",
        "mimeType": "text/csv",
        "buffer": b"nama,kelas\nBudi,10A\nSiti,10A\n,",
    }
    await page.set_input_files("#students-file", csv)
    await page.click("text=Periksa daftar")
    await expect(page.locator(".preview-head")).to_contain_text("2 siswa di 1 kelas")
    await expect(page.locator("list-preview td")).to_have_text(["Budi", "10A", "Siti", "10A"])
    await page.click("text=Ganti daftar")
    await expect(page.locator("#students-message")).to_contain_text("2 siswa dibaca, 2 di daftar")
    await expect(page.locator("#students-count")).to_have_text("2 siswa")
    await page.locator(".row-name", has_text="Budi").click()
    await expect(page.locator("#history-rows")).to_contain_text("Fisika 10A")
    day = page.locator("#history-rows .row-at")
    await expect(day).to_have_text(re.compile(r"^\d+ \w{3} \d{4}$"))
    await page.click("text=Tutup")
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"title": "Fisika lanjut"})
    await expect(page.locator("#heading")).to_have_text("Fisika lanjut")


@pytest.mark.parametrize("path", ["/admin/meetings/{}/qr", "/admin/meetings/{}/print"])
async def test_paper_is_black_on_white_without_buttons(desk, path):
    web, _, meeting, seat = desk
    await Phone(web.settings.port).fill(meeting, "Budi")
    page = await seat.open(path.format(meeting))
    await expect(page.locator("#print")).to_be_visible()
    await page.emulate_media(media="print", color_scheme="dark")
    await expect(page.locator("#print")).to_be_hidden()
    ground = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    paper = await page.pdf(format="A4", prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") == 1


@pytest.mark.parametrize("path", ["/admin/meetings", "/admin/meetings/{}", "/board/{}"])
async def test_no_page_is_wider_than_a_phone(desk, path):
    web, _, meeting, seat = desk
    await Phone(web.settings.port).fill(meeting, "Budi Santoso yang namanya panjang sekali")
    page = await seat.open(path.format(meeting))
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.wait_for_timeout(300)
    assert await page.evaluate(WIDER) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
