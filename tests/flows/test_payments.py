"""Payments through real processes: two servers, a worker that is killed, a mail server."""

from __future__ import annotations

import asyncio
import json
import signal

from scripts.embedded.mail_sink import MailSink
from store.opening import Store
from tests.client import Browser
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, payment, signature_of
from tests.serving import until

EMAIL, PHONE = "dewi.lestari@example.com", "085700001234"


async def is_done(store: Store, ref: str) -> bool:
    rows = await store.database.fetch(
        b"SELECT 1 FROM lynk_inbox WHERE state = 'done' AND ref_id = %s", [ref]
    )
    return bool(rows)


async def test_fifty_deliveries_at_once_through_two_processes_are_one_order(
    product, store: Store
) -> None:
    webs = [
        await product(worker=True, LYNK_MERCHANT_KEYS=KEY, LOG_FORMAT="json"),
        await product(LYNK_MERCHANT_KEYS=KEY, LOG_FORMAT="json"),
    ]
    body = payment("a" * 32, items=[EBOOK, MEMBERSHIP])
    browsers = [Browser(web.settings.port) for web in webs]
    answers = await asyncio.gather(*(deliver(browsers[n % 2], body) for n in range(50)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b'{"status":"success"}')}
    await until(lambda: is_done(store, "a" * 32), 30)

    async def all_counted() -> bool:
        rows = await store.database.fetch(b"SELECT deliveries FROM lynk_inbox, member")
        return [row["deliveries"] for row in rows] == [50]

    await until(all_counted, 10)
    for table in ("lynk_inbox", "lynk_order", "lynk_webhook"):
        (row,) = await store.database.fetch(f"SELECT count(*) AS n FROM {table}".encode())  # noqa: S608
        assert row["n"] == 1, table
    (row,) = await store.database.fetch(b"SELECT count(*) AS n FROM email_outbox")
    assert row["n"] == 2
    (licence,) = await store.database.fetch(b"SELECT key_license FROM lynk_webhook")
    for web in webs:
        for log in (web.web_log, web.worker_log):
            text = log.read_text() if log.exists() else ""
            for secret in (KEY, signature_of(body), licence["key_license"], "siti.rahma"):
                assert secret not in text


async def test_a_bought_membership_logs_in_with_the_phone_and_must_change_it(
    serve, store: Store, sink: MailSink
) -> None:
    web = await serve(worker=True, LYNK_MERCHANT_KEYS=KEY, SMTP_URL=sink.url)
    await deliver(
        Browser(web.settings.port),
        payment("b" * 32, items=[MEMBERSHIP], email=EMAIL, phone=PHONE, name="Dewi Lestari"),
    )
    await until(lambda: is_done(store, "b" * 32), 30)
    browser = Browser(web.settings.port)
    await browser.get("/login")
    # as it was typed at the shop, and as people write it elsewhere
    for form in (PHONE, f"+62{PHONE[1:]}"):
        assert (await browser.login(EMAIL, form)).json["status"] == "successful"
    page = await browser.get("/dashboard", Accept="text/html")
    assert (page.status, page.headers["location"]) == (302, "/password")

    async def mailed() -> bool:
        return bool(list(sink.directory.glob("*.eml")))

    await until(mailed, 20)
    assert len(list(sink.directory.glob("*.eml"))) == 1


async def test_a_worker_killed_again_and_again_grants_once(product, store: Store) -> None:
    web = await product(LYNK_MERCHANT_KEYS=KEY)
    refs = [f"{number:032x}" for number in range(40)]
    browser = Browser(web.settings.port)
    for ref in refs:
        assert (await deliver(browser, payment(ref, items=[EBOOK | {"qty": 2}]))).status == 200
    for _ in range(3):
        other = await product(worker=True, scheduler=True, LYNK_MERCHANT_KEYS=KEY)
        await asyncio.sleep(1.5)
        other.worker.send(signal.SIGKILL)
        other.worker.wait(10)
        await other.stop()
    await product(worker=True, scheduler=True, LYNK_MERCHANT_KEYS=KEY)

    async def all_done() -> bool:
        rows = await store.database.fetch(b"SELECT 1 FROM lynk_inbox WHERE state = 'done'")
        return len(rows) == len(refs)

    await until(all_done, 40)
    rows = await store.database.fetch(
        b"SELECT trx_lynk_id, count(*) AS n, count(DISTINCT key_license) AS k"
        b" FROM lynk_webhook GROUP BY 1"
    )
    assert {(row["n"], row["k"]) for row in rows} == {(2, 2)}
    assert len(rows) == len(refs)
    (mails,) = await store.database.fetch(b"SELECT count(*) AS n FROM email_outbox")
    assert mails["n"] == len(refs)


async def test_the_answer_is_the_documents_to_the_byte(serve) -> None:
    web = await serve(LYNK_MERCHANT_KEYS=KEY)
    answer = await deliver(Browser(web.settings.port), payment())
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "success"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_bought_hotspot_package_is_given_once_however_often_it_is_delivered(
    serve, store: Store
) -> None:
    member = await store.members.create(email=EMAIL, password="rahasia dewi", phone=PHONE)
    package = await store.hotspot.packages.make(
        name="Bulanan", quota_mb=1000, days=30, unlimited=False, fup_percent=None
    )
    async with store.database.connection() as connection:
        await connection.execute(
            b"INSERT INTO lynk_product (uuid, title, grants, package_id)"
            b" VALUES (%s, 'Paket', 'hotspot', %s)",
            [EBOOK["uuid"], package.id],
        )
    web = await serve(worker=True, LYNK_MERCHANT_KEYS=KEY)
    browser = Browser(web.settings.port)
    two = [EBOOK | {"qty": 2}]
    by_mail = payment("c" * 32, items=two, email=EMAIL, phone="")
    by_phone = payment("d" * 32, items=[EBOOK], email="lain@example.com", phone=PHONE)
    for body in (by_mail, by_mail, by_phone):
        await deliver(browser, body)
    await until(lambda: is_done(store, "c" * 32), 30)
    await until(lambda: is_done(store, "d" * 32), 30)
    bought = (await store.hotspot.accounts.get(member.id)).stack.purchases
    assert [(one.package, one.quota) for one in bought] == [("Bulanan", package.quota)] * 3
    again = await store.hotspot.quota.give(member.id, package.id, once=f"{'c' * 32}:0:1")
    assert again.id == package.id
    assert (await store.hotspot.accounts.get(member.id)).stack.purchases == bought
    (row,) = await store.database.fetch(b"SELECT count(*) AS n FROM lynk_webhook")
    assert row["n"] == 0


async def test_a_hotspot_package_for_nobody_we_know_is_looked_at(serve, store: Store) -> None:
    async with store.database.connection() as connection:
        await connection.execute(
            b"INSERT INTO lynk_product (uuid, title, grants, package_id)"
            b" VALUES (%s, 'Paket', 'hotspot', 'p')",
            [EBOOK["uuid"]],
        )
    web = await serve(worker=True, LYNK_MERCHANT_KEYS=KEY)
    await deliver(Browser(web.settings.port), payment("e" * 32, email=EMAIL, phone=PHONE))

    async def is_looked_at() -> bool:
        rows = await store.database.fetch(
            b"SELECT reason FROM lynk_inbox WHERE state = 'review' AND ref_id = %s", ["e" * 32]
        )
        return [row["reason"] for row in rows] == ["no member for the hotspot package"]

    await until(is_looked_at, 30)
