"""The simulator's live page in a real browser: an operator sees who passes and why, and acts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import librouteros
import pytest
from playwright.async_api import Browser, Page, expect

from scripts.simulator.part import RouterPart
from tests.hotspot import foreign_client

PHONE, LAPTOP = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.fixture
def api(router: RouterPart) -> Iterator[librouteros.Api]:
    with foreign_client(router) as api:
        yield api


@pytest.fixture
async def page(router: RouterPart, chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(viewport={"width": 390, "height": 844}, locale="id-ID")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(router.control_url)
    yield page
    assert complaints == []
    await context.close()


async def test_an_operator_lets_a_device_come_and_sees_why_it_is_kept_out(
    page: Page, router: RouterPart, api: librouteros.Api, tmp_path: Path
) -> None:
    await expect(page.locator("[data-about]")).to_contain_text("RouterOS 7.18.2")
    await expect(page.locator("[data-cards]")).to_contain_text("Belum ada perangkat")
    await page.click("[data-join] button")
    phone = page.locator("device-card", has_text=PHONE)
    await expect(phone).to_contain_text("terhalang")
    await expect(phone).to_contain_text("dibawa ke portal")
    await expect(page.locator("[name=mac]")).to_have_value(LAPTOP)
    api.path("ip", "hotspot", "walled-garden").add(**{"dst-host": "lynk.id"})
    await expect(phone).to_contain_text("hanya walled garden (lynk.id)")
    await phone.get_by_role("button", name="Kirim 10 MB").click()
    await expect(phone).to_contain_text("10 MB dibuang")
    bindings = api.path("ip", "hotspot", "ip-binding")
    bound = {"mac-address": PHONE, "type": "bypassed", "comment": "0812 [jaga uid=1]"}
    first = bindings.add(**bound)
    await expect(phone).to_contain_text("Binding kini bypassed, tetapi baris host masih yang lama")
    api.path("ip", "hotspot", "host").remove("*1")
    await phone.get_by_role("button", name="Kirim 10 MB").click()
    await expect(phone).to_contain_text("Dilewatkan oleh binding (0812)")
    await expect(phone).to_have_attribute("data-state", "internet")
    await expect(phone).to_contain_text("↑ 1 MB ↓ 9 MB")
    bindings.update(**{".id": first, "type": "blocked"})
    api.path("ip", "hotspot", "host").remove("*2")
    router.control("traffic", mac=PHONE)
    await expect(phone).to_contain_text("Diblokir oleh binding")
    await expect(page.locator("[data-counts]")).to_have_text("1 diblokir")
    await page.screenshot(path=tmp_path / "phone.png", full_page=True)


async def test_the_buttons_do_what_they_say(page: Page, router: RouterPart) -> None:
    router.control("join", mac=PHONE, ip="192.168.200.10")
    phone = page.locator("device-card", has_text=PHONE)
    await phone.get_by_role("button", name="Pergi").click()
    await expect(phone).to_have_attribute("data-state", "gone")
    await expect(phone.get_by_role("button", name="Kirim 10 MB")).to_be_disabled()
    await phone.get_by_role("button", name="Bergabung").click()
    await expect(phone).to_have_attribute("data-state", "barred")
    await phone.get_by_role("button", name="Ganti MAC").click()
    await expect(phone).to_have_count(0)
    (device,) = router.read("state")["devices"]
    assert re.fullmatch(r"[0-9A-F]([26AE])(:[0-9A-F]{2}){5}", device["mac"])
    await page.get_by_role("button", name="Matikan API").click()
    await expect(page.locator("[data-link]")).to_have_text("API mati")
    assert router.read("state")["faults"]["away"] is True
    await page.get_by_role("button", name="Hidupkan API").click()
    await expect(page.locator("[data-link]")).to_have_text("API hidup")
    await page.get_by_role("button", name="Nyalakan ulang").click()
    await expect(page.locator("device-card")).to_contain_text("Router belum tahu perangkat ini")
    assert router.read("state")["tables"]["/ip/hotspot/host"] == []


async def test_the_last_sentences_are_told_with_their_counts(
    page: Page, router: RouterPart, api: librouteros.Api
) -> None:
    users = api.path("ip", "hotspot", "user")
    for number in range(3):
        users.add(name=f"u{number}", password="rahasia")
    with pytest.raises(librouteros.exceptions.TrapError):
        users.add(name="u1")
    list(users)
    lines = page.locator("[data-lines] li")
    await expect(lines.nth(0)).to_contain_text("/ip/hotspot/user/print")
    await expect(lines.nth(1)).to_contain_text("/ip/hotspot/user/add")
    await expect(lines.nth(1)).to_contain_text("1 ditolak")
    await expect(lines.nth(1)).to_contain_text("×4")
    await expect(page.locator("[data-calls] tr").nth(0)).to_have_text("/ip/hotspot/user/add4")
    await page.get_by_role("button", name="Hitung dari nol").click()
    await expect(page.locator("[data-calls] tr")).to_have_count(0)
    await page.click("[data-path='/ip/hotspot/user'] summary")
    table = page.locator("[data-path='/ip/hotspot/user']")
    await expect(table).to_contain_text("u2")
    assert "rahasia" not in await page.content()


async def test_a_crowd_is_counted_and_does_not_fill_the_page(
    page: Page, router: RouterPart
) -> None:
    router.control("crowd", count=3000)
    await expect(page.locator("[data-counts]")).to_have_text("3.000 terhalang", timeout=10_000)
    await expect(page.locator("device-card")).to_have_count(60)
    await expect(page.locator("[data-more]")).to_have_text("dan 2.940 perangkat lagi")


async def test_the_portal_opens_as_that_device(page: Page, router: RouterPart) -> None:
    router.control("join", mac=PHONE, ip="192.168.200.10")
    link = page.locator("device-card", has_text=PHONE).get_by_role("link", name="Buka portal")
    assert await link.get_attribute("href") == f"/device/{PHONE}/"
