"""The operator's outboxes, and the page that waits for a code, in a browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
import rq
from playwright.async_api import Browser, expect
from rq.serializers import JSONSerializer

from jobs import messages
from jobs.mail.outbox import MailSender
from store.mails import owe
from store.opening import Store
from store.queue import queue_redis
from tests.gateway import refusing
from tests.mail_server import mail_server
from tests.serving import serving, until

PATIENCE_MS = 15_000


async def test_a_dead_mail_is_seen_and_sent_again(
    environment: dict[str, str], chromium: Browser
) -> None:
    async with (
        mail_server(answers={"RCPT": ["550 5.1.1 User unknown"]}) as mails,
        serving(environment, SMTP_URL=mails.url) as site,
    ):
        payload: dict[str, Any] = {"name": "Siti", "device": "HP", "ip": "", "is_primary": False}
        payload |= {"at": "2026-03-22T09:15:20+07:00"}
        async with site.store.database.connection() as connection:
            await owe(
                connection,
                key="k",
                template="ponsel_baru",
                recipient="siti@example.com",
                payload=payload,
            )
        await MailSender(site.store).run()
        operator = await site.logged_in(await site.member("kepala", role="admin"))
        context = await chromium.new_context(locale="id-ID")
        base = f"http://127.0.0.1:{site.port}"
        await context.add_cookies(
            [
                {"name": name, "value": value, "url": base}
                for name, value in operator.cookies.items()
            ]
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(f"{base}/admin/mails")
        row = page.locator("[data-outbox=mails] [data-rows] li")
        await expect(row).to_contain_text("550 5.1.1 User unknown", timeout=PATIENCE_MS)
        await expect(row).to_contain_text("Gagal")
        await row.get_by_role("button").click()
        await expect(row).to_contain_text("Menunggu", timeout=PATIENCE_MS)
        assert await MailSender(site.store).run() == 1
        await page.locator("[data-outbox=mails] [data-states] button").first.click()
        await expect(row).to_contain_text("Terkirim", timeout=PATIENCE_MS)
        assert mails.got[0]["Message-ID"] == "<k.1@localhost>"
        await context.close()


async def test_the_page_that_waits_for_a_code_says_that_it_was_not_sent(
    environment: dict[str, str], chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with refusing(environment, monkeypatch, "insufficient quota") as (site, asked):
        context = await chromium.new_context(locale="id-ID")
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(f"http://127.0.0.1:{site.port}/hotspot/login")
        await page.fill("#phone", "0812 3456 7890")
        await page.get_by_role("button", name="Kirim kode").click()
        again = page.locator('[data-go="again"]')
        # also disabled while the code is asked for, when there is none to send yet
        await expect(again).to_have_text(re.compile("dalam"), timeout=PATIENCE_MS)
        await expect(again).to_be_disabled()
        assert await send_codes(site.store)
        complaint = page.locator("#complaint-code")
        await expect(complaint).to_contain_text("tidak bisa dikirim", timeout=PATIENCE_MS)
        await expect(again).to_be_enabled()
        asked.answers = [(200, {"status": True})]
        await again.click()
        await until(lambda: send_codes(site.store), 10)
        assert len(asked.asked) == 2
        await context.close()


async def send_codes(store: Store) -> bool:
    """As a worker would, in this process; returns whether there were any."""
    connection = queue_redis(store.settings)
    jobs = rq.Queue("urgent", connection=connection, serializer=JSONSerializer).jobs
    codes = [job for job in jobs if job.func_name == "jobs.messages.send_code"]
    for job in codes:
        await messages.send_code(*job.args)
        job.delete()
    connection.close()
    return bool(codes)
