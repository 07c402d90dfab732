"""The student's form in a real browser: once a day, light, and without a login."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.pupils import Phone, day_at, delete, iso, meeting_of, patch, teacher_at

FILLED = "Anda sudah mengisi absensi hari ini"

LARGEST_PAGE = 30_000
"""Bytes of our own, before fonts and images."""

DONE = "#done-title"


@pytest.fixture
async def place(serve, store):
    web = await serve()
    teacher = await teacher_at(store, web.settings.port)
    return web, teacher, await meeting_of(teacher)


def watched(page: Page) -> list[str]:
    """The requests that a page sends to the API from now on."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if "/api/" in one.url else None)
    return sent


async def fill(page: Page, name: str = "Budi", class_: str = "10A") -> None:
    await page.fill("#name", name)
    await page.fill("#class", class_)
    await page.click("#send")


async def filled_in(phone, meeting):
    page = await phone.open(f"/attendance/{meeting}")
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()
    return page


async def test_a_pupil_fills_in_once_and_the_second_visit_sends_nothing(place, sit):
    web, teacher, meeting = place
    phone = await sit(web)
    page = await phone.open(f"/attendance/{meeting}")
    await fill(page)
    await expect(page.locator(DONE)).to_have_text("Absensi berhasil dicatat")
    await expect(page.locator("#done-text")).to_contain_text("Budi (10A), pukul ")
    kept = await page.evaluate("Object.entries(localStorage)")
    device = dict(kept)["attendance_device_id"]
    entry = json.loads(dict(kept)[f"attendance_submitted_{meeting}_{device}"])
    assert {"name", "class", "timestamp", "attendanceId"} <= entry.keys()
    assert entry["name"] == "Budi" and entry["timestamp"].endswith("Z")

    again = await phone.context.new_page()
    sent = watched(again)
    await again.goto(f"{web.url}/attendance/{meeting}")
    await expect(again.locator("#already")).to_contain_text(FILLED)
    await expect(again.locator("#send")).to_be_disabled()
    await expect(again.locator("#name")).to_be_disabled()
    await again.locator("#send").click(force=True)
    await again.evaluate("document.getElementById('form').requestSubmit()")
    await again.wait_for_timeout(500)
    assert sent == []
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1


async def test_an_older_tab_notices_and_sends_nothing(place, sit):
    """By the storage's event; and, where that was missed, once more before it sends."""
    web, teacher, meeting = place
    phone = await sit(web)
    older, deaf = [await phone.context.new_page() for _ in range(2)]
    await deaf.add_init_script(
        "addEventListener('storage', (event) => event.stopImmediatePropagation(), true)"
    )
    for page in (older, deaf):
        await page.goto(f"{web.url}/attendance/{meeting}")
        await page.fill("#name", "Budi")
        await page.fill("#class", "10A")
    sent = [watched(page) for page in (older, deaf)]
    page = await phone.open(f"/attendance/{meeting}")
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()
    await expect(older.locator("#already")).to_contain_text(FILLED)
    await expect(older.locator("#send")).to_be_disabled()
    await expect(deaf.locator("#send")).to_be_enabled()
    await deaf.click("#send")
    await expect(deaf.locator("#already")).to_contain_text(FILLED)
    assert sent == [[], []]
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1


async def test_the_next_day_the_form_is_open(place, sit):
    web, _, meeting = place
    phone = await sit(web)
    page = await filled_in(phone, meeting)
    await page.evaluate(
        """() => {
          for (const key of Object.keys(localStorage)) {
            if (!key.startsWith("attendance_submitted_")) continue;
            const entry = JSON.parse(localStorage[key]);
            const yesterday = new Date(Date.parse(entry.timestamp) - 86_400_000);
            delete entry.day;
            localStorage[key] = JSON.stringify({ ...entry, timestamp: yesterday.toISOString() });
          }
        }"""
    )
    await page.reload()
    await expect(page.locator("#send")).to_be_enabled()
    await expect(page.locator("#already")).to_be_hidden()
    assert not [k for k in await page.evaluate("Object.keys(localStorage)") if "submitted" in k]


async def test_a_page_left_open_past_midnight_opens_its_form(place, sit):
    web, _, meeting = place
    phone = await sit(web)
    page = await phone.context.new_page()
    await page.clock.install()
    await page.goto(f"{web.url}/attendance/{meeting}")
    async with page.expect_navigation():
        await page.clock.fast_forward("25:00:00")


async def test_a_page_that_waits_opens_its_form_when_the_meeting_begins(place, sit):
    web, teacher, _ = place
    soon = await meeting_of(teacher, starts_at=iso(0.05), ends_at=iso(1))
    phone = await sit(web)
    page = await phone.context.new_page()
    await page.clock.install()
    await page.goto(f"{web.url}/attendance/{soon}")
    await expect(page.locator("#send")).to_have_text("Kirim permohonan izin")
    await patch(teacher, f"/api/admin/meetings/{soon}", {"starts_at": iso(-0.01)})
    await page.clock.fast_forward("04:00")
    await expect(page.locator("#send")).to_have_text("Kirim absensi")


async def test_clearing_the_storage_leaves_the_device_known(place, sit):
    web, _, meeting = place
    phone = await sit(web)
    page = await filled_in(phone, meeting)
    device = await page.evaluate("localStorage.attendance_device_id")
    await page.evaluate("localStorage.clear()")
    await page.reload()
    await fill(page, "Siti")
    await expect(page.locator("#message")).to_have_text("Device sudah digunakan oleh Budi (10A)")
    assert await page.evaluate("localStorage.attendance_device_id") == device


async def test_another_browser_with_the_same_name_is_refused(place, sit):
    web, _, meeting = place
    first, second = await sit(web), await sit(web)
    page = await first.open(f"/attendance/{meeting}")
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()
    other = await second.open(f"/attendance/{meeting}")
    await fill(other, " budi ")
    await expect(other.locator("#message")).to_contain_text("Anda sudah mengisi absensi untuk")
    await expect(other.locator("#send")).to_be_enabled()


async def test_what_the_teacher_takes_back_opens_the_form_again(place, sit):
    web, teacher, meeting = place
    phone = await sit(web)
    page = await filled_in(phone, meeting)
    [row] = (await day_at(teacher, meeting))["attendances"]
    await delete(teacher, f"/api/admin/attendance/{row['id']}")
    await page.reload()
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()


async def test_it_works_without_random_uuid_and_without_storage(place, sit):
    web, teacher, meeting = place
    old, private = await sit(web), await sit(web)
    await old.context.add_init_script("delete Crypto.prototype.randomUUID")
    page = await old.open(f"/attendance/{meeting}")
    assert await page.evaluate("crypto.randomUUID === undefined")
    await fill(page, "Budi")
    await expect(page.locator(DONE)).to_be_visible()
    forbid = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no') } })"
    await private.context.add_init_script(forbid)
    other = await private.open(f"/attendance/{meeting}")
    await fill(other, "Siti")
    await expect(other.locator(DONE)).to_be_visible()
    assert (await day_at(teacher, meeting))["counts"]["total"] == 2


async def test_leave_is_asked_on_the_same_page(place, sit):
    web, teacher, meeting = place
    page = await (await sit(web)).open(f"/attendance/{meeting}")
    await page.click("#leave")
    await page.fill("#name", "Siti")
    await page.fill("#class", "10A")
    await page.fill("#reason", "sakit")
    await page.click("#send")
    await expect(page.locator("#message")).to_contain_text("paling sedikit 10 karakter")
    await page.fill("#reason", "Demam sejak semalam")
    await page.click("#send")
    await expect(page.locator(DONE)).to_have_text("Izin berhasil dicatat")
    [row] = (await day_at(teacher, meeting))["attendances"]
    assert (row["status"], row["reason"]) == ("IZIN", "Demam sejak semalam")


async def test_a_listed_name_is_offered_and_brings_its_class(place, sit):
    web, teacher, meeting = place
    csv = {"csv": "Nama;Kelas\nSiti Aminah;10A\n<b>Budi</b>;10B"}
    await teacher.post(f"/api/admin/meetings/{meeting}/students", csv)
    page = await (await sit(web)).open(f"/attendance/{meeting}")
    await page.locator("#name").press_sequentially("siti aminah")
    await expect(page.locator("#class")).to_have_value("10A")
    assert await page.locator("#names option").first.get_attribute("value") == "Siti Aminah"


async def test_a_lost_answer_is_asked_for_again(place, sit):
    web, teacher, meeting = place
    page = await (await sit(web)).open(f"/attendance/{meeting}")
    lost: list[Any] = []

    async def lose_the_first(route):
        if lost:
            await route.continue_()
            return
        lost.append(await route.fetch())
        await route.abort()

    await page.route("**/api/attendance/submit", lose_the_first)
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()
    assert lost[0].status == 201
    assert (await day_at(teacher, meeting))["counts"]["total"] == 1


async def test_a_scanned_code_opens_a_rotating_meeting(place, sit, store):
    web, teacher, _ = place
    meeting = await meeting_of(teacher, rotating=True)
    bare = await (await sit(web)).open(f"/attendance/{meeting}")
    await expect(bare.locator("#message")).to_contain_text("Pindai kode QR")
    code = store.attendance.submissions.proofs.code(meeting, await store.attendance.meetings.now())
    page = await (await sit(web)).open(f"/attendance/{meeting}#k={code}")
    await page.wait_for_function("location.hash === ''")
    await expect(page.locator("#message")).to_be_hidden()
    await fill(page)
    await expect(page.locator(DONE)).to_be_visible()


async def test_closed_meetings_say_so(place, sit):
    web, teacher, meeting = place
    await patch(teacher, f"/api/admin/meetings/{meeting}", {"is_active": False})
    page = await (await sit(web)).open(f"/attendance/{meeting}")
    await expect(page.locator("main")).to_contain_text("sedang tidak aktif")
    await expect(page.locator("form")).to_have_count(0)
    over = await meeting_of(teacher, starts_at=iso(-2), ends_at=iso(-1))
    await page.goto(f"{web.url}/attendance/{over}")
    await expect(page.locator("main")).to_contain_text("sudah selesai")


async def test_the_page_is_light(place):
    web, _, meeting = place
    phone = Phone(web.settings.port)
    page = (await phone.get(f"/attendance/{meeting}")).body
    size = len(page)
    for piece in page.decode().split('"'):
        if piece.startswith("/static/") and "/img/" not in piece:
            size += len((await phone.get(piece)).body)
    print(f"the student's page: {size} bytes")
    assert size < LARGEST_PAGE
