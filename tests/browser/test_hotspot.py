"""The portal and the member's own hotspot page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, expect

from scripts.simulator.part import RouterPart
from store.opening import Store
from tests.browser.people import PATIENCE_MS
from tests.hotspot import code_in
from tests.parts import Site

MAC = "A4:BB:CC:00:00:01"


async def test_a_phone_gets_in_through_the_portal(
    serve: Callable[..., Awaitable[Site]],
    store: Store,
    router: RouterPart,
    chromium: Browser,
    tmp_path: Path,
) -> None:
    member = await store.members.create(
        email="siti@jaga.test", password_hash="x", name="Siti", phone="081234567890"
    )
    package = await store.hotspot.packages.make("Harian", 2048, 1, False, None)
    await store.hotspot.quota.give(member.id, package.id)
    await store.hotspot.quota.correct(member.id, used=700 << 20)
    web = await serve(worker=True, MIKROTIK_HOST="127.0.0.1", **router.settings)
    router.control("join", mac=MAC, ip="192.168.200.10")
    redirected = router.control("http", mac=MAC)["redirected_to"]
    context = await chromium.new_context(viewport={"width": 390, "height": 780})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto(f"{web.url}/hotspot/login?{redirected.partition('?')[2]}")
    await page.screenshot(path=tmp_path / "portal.png")
    await page.fill("#phone", "0812 3456")
    await page.click("form[data-step=phone] [type=submit]")
    await expect(page.locator("#complaint-phone")).to_contain_text("Nomor HP tidak valid")
    await expect(page.locator("#phone")).to_be_focused()
    complaints.clear()  # the browser itself notes every 400
    await page.fill("#phone", "0812 3456 7890")
    await page.click("form[data-step=phone] [type=submit]")
    await expect(page.locator("#code")).to_be_focused(timeout=PATIENCE_MS)
    code = await code_in(web.settings.jaga_home / "messages")
    await page.locator("#code").press_sequentially(code)  # the sixth digit sends it
    await page.wait_for_url("**/hotspot", timeout=PATIENCE_MS)
    await expect(page.locator("h1")).to_have_text("Internet Anda aktif")
    await expect(page.locator(".quota-text .quota-number")).to_have_text("1,3 GB")
    await expect(page.locator(".quota-end")).to_contain_text(re.compile(r"23 jam lagi.*\d{4}"))
    await expect(page.locator(".hotspot-plot rect")).to_have_count(14)
    await expect(page.locator(".hotspot-plot .is-today")).to_have_count(1)
    await expect(page.locator(".usage-table tbody tr")).to_have_count(14)
    await page.screenshot(path=tmp_path / "quota.png")
    assert router.control("traffic", mac=MAC, bytes_in=1, bytes_out=1)["passed"]
    await page.click("[data-release]")
    await page.click("#release-modal [data-answer=stay]")
    await expect(page.locator("[data-device]")).to_have_count(1)
    await page.click("[data-release]")
    await page.click("#release-modal [data-answer=release]")
    await expect(page.locator("[data-device]")).to_have_count(0)
    assert complaints == []
    await context.close()
