"""The clocks as a member sees them: the notice before the end, staying, and the end itself."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.browser.people import DASHBOARD, PATIENCE_MS, is_out

ENDED = "Session Anda telah berakhir. Silakan login kembali."

IDLE_SECONDS = 9
"""The notice comes a third before the end, which leaves a page three seconds to answer it."""


async def test_one_tab_stays_and_the_notice_goes_from_all(serve, budi, sit):
    web = await serve(SESSION_IDLE_SECONDS=str(IDLE_SECONDS))
    tabs = await (await sit(web)).arrive(2)
    notices = [tab.get_by_role("region", name="Sesi akan berakhir") for tab in tabs]
    for notice in notices:
        await expect(notice).to_be_visible(timeout=PATIENCE_MS)
        await expect(notice).to_contain_text("karena lama tidak ada aktivitas")
    await notices[1].get_by_role("button", name="Tetap masuk").click()
    for tab in tabs:
        await expect(tab.get_by_text("Baik, Anda tetap masuk.")).to_be_visible()
    await asyncio.sleep(IDLE_SECONDS / 2)
    for tab in tabs:
        await expect(tab).to_have_url(DASHBOARD)


async def test_who_does_not_answer_is_out_in_every_tab_and_told_why(serve, budi, sit):
    web = await serve(SESSION_IDLE_SECONDS="6")
    tabs = await (await sit(web)).arrive(2)
    for tab in tabs:
        await is_out(tab, ENDED)


async def test_the_last_clock_offers_nothing_and_ends_it(serve, budi, sit):
    web = await serve(SESSION_LIFETIME_SECONDS="6", SESSION_REMEMBER_SECONDS="6")
    [tab] = await (await sit(web)).arrive()
    notice = tab.get_by_role("region", name="Sesi akan berakhir")
    await expect(notice).to_contain_text("Simpan pekerjaan Anda", timeout=PATIENCE_MS)
    await expect(notice.get_by_role("button")).to_have_count(0)
    await is_out(tab, ENDED)


async def test_a_hand_that_moves_keeps_the_session_and_one_tab_pings_for_all(serve, budi, sit):
    web = await serve(SESSION_IDLE_SECONDS="8", ACTIVITY_PING_SECONDS="1")
    browser = await sit(web)
    leader, other = await browser.arrive(2)
    pings: list[str] = []
    for tab, name in ((leader, "leader"), (other, "other")):
        tab.on(
            "request",
            lambda request, name=name: (
                pings.append(name) if request.url.endswith("/api/update-activity") else None
            ),
        )
    for step in range(10):
        await other.mouse.move(step, step)
        await asyncio.sleep(1)
    assert pings and set(pings) == {"leader"}
    for tab in (leader, other):
        await expect(tab).to_have_url(DASHBOARD)


async def test_the_clocks_run_down_on_the_page(serve, budi, sit):
    web = await serve(SESSION_IDLE_SECONDS="600", SESSION_LIFETIME_SECONDS="7200")
    [tab] = await (await sit(web)).arrive()
    await expect(tab.locator("#watch-left")).to_have_text("9:57", timeout=PATIENCE_MS)
    await expect(tab.locator("#left-absolute")).to_have_text("1 jam 59 menit")
    await expect(tab.locator("#left-idle")).to_contain_text("9 menit")
    await expect(tab.locator("#left-remember")).to_have_text("tidak dipakai")
    drawn = await tab.locator("#ring-idle").get_attribute("stroke-dasharray")
    assert drawn and 98 < float(drawn.split()[0]) < 100
