"""Lists at the desks: shown as they were understood, then written; a misspelt pupil put right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.pupils import Phone, day_at, meeting_of
from tests.serving import serving

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
async def office(environment, chromium):
    async with serving(environment) as site:
        admin = await site.logged_in(await site.member("bos", role="admin", name="Ibu Ratna"))
        context = await chromium.new_context(locale="id-ID", viewport={"width": 360, "height": 780})
        cookie = {"name": "jaga_session", "value": admin.session, "url": admin.origin}
        await context.add_cookies([cookie])
        yield site, admin, await context.new_page()
        await context.close()


async def seen(page: Page, name: str) -> None:
    """No wider than the window on a phone; a picture of each view where one is asked for."""
    views: list[tuple[int, Any]] = [(360, "light"), (360, "dark"), (1366, "light"), (1366, "dark")]
    for width, scheme in views:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=scheme)
        assert await page.evaluate(WIDER) <= 0, (name, width)
        if folder := os.environ.get("SHOTS"):
            path = Path(folder) / f"{name}-{width}-{scheme}.png"
            await page.screenshot(path=path, full_page=True)


async def test_members_are_shown_before_they_are_made(office):
    site, admin, page = office
    await site.member("lama", name="Lama", phone="085700001234")
    await page.goto(f"{admin.origin}/admin/members/import")
    await page.fill("#list-text", "Nama\nSiti")
    await page.click("text=Periksa daftar")
    await expect(page.locator("[data-message]")).to_contain_text("tidak ditemukan")
    rows = "".join(f"Anggota Nomor {n};0812-3456-78{n};a{n}@contoh.id\n" for n in range(10, 25))
    listed = "Nama;No. HP;Email\nSiti Aminah;+62 (0) 812 3456 7890;siti@contoh.id\n"
    listed += "Nur’aini;;aini@contoh.id\nLama;0857 0000 1234;\nSalah;0812o;\n" + rows
    await page.fill("#list-text", listed)
    await page.click("text=Periksa daftar")
    head = page.locator(".preview-head")
    await expect(head).to_contain_text("17 anggota baru, 1 sudah terdaftar dan tidak diubah")
    await expect(page.locator("list-preview")).to_contain_text("Baris 5: Nomor HP tidak valid")
    await seen(page, "members")
    assert await site.store.members.find("siti@contoh.id") is None
    await page.click("text=Tambahkan 17 anggota")
    await expect(page.locator("[data-message]")).to_contain_text("17 anggota ditambahkan")
    await expect(page.locator("[data-message]")).to_be_visible()
    assert await site.store.members.find("siti@contoh.id") is not None


async def test_a_list_is_shown_and_a_misspelt_pupil_is_put_right(office):
    site, admin, page = office
    meeting = await meeting_of(admin)
    assert (await Phone(site.port).fill(meeting, "Budi Santso")).status == 201
    await page.goto(f"{admin.origin}/admin/meetings/{meeting}")
    pupils = "".join(f"{n};Siswa Nomor {n};X IPA {n % 3}\n" for n in range(1, 31))
    await page.fill("#students-text", f"No;Nama;Kelas\n{pupils};Jumlah;30\n")
    await page.click("text=Periksa daftar")
    await expect(page.locator(".preview-head")).to_contain_text("30 siswa di 3 kelas")
    await expect(page.locator("list-preview")).to_contain_text("Baris 32: Baris jumlah")
    await seen(page, "pupils")
    await page.click("text=Tambahkan ke daftar")
    await expect(page.locator("#students-count")).to_have_text("30 siswa")
    await page.locator(".row-name", has_text="Budi Santso").click()
    await page.fill("#rename-name", "Budi Santoso")
    await seen(page, "rename")
    await page.click("text=Simpan nama")
    await expect(page.locator("#rows .row-name")).to_have_text("Budi Santoso")
    await page.locator("#missing .row-name", has_text="Siswa Nomor 12").click()
    await expect(page.locator("#rename-name")).to_have_value("Siswa Nomor 12")
    [row] = (await day_at(admin, meeting))["attendances"]
    assert row["student_name"] == "Budi Santoso"
