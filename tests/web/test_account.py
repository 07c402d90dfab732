"""A member's own account: a change of where they are reached is proven to the new and told to the
old; what is theirs is shown, and nothing that is somebody else's."""

from __future__ import annotations

import asyncio
import json
import re
from email.message import EmailMessage

import pytest
import rq
from rq.serializers import JSONSerializer

from jobs.messages.outbox import MessageSender
from jobs.persist.reader import LogReader
from store.database import statement
from store.member_lists import NO_PASSWORD_YET
from store.queue import queue_redis
from tests.client import Answer, Browser
from tests.hotspot import customer
from tests.mail_server import body_of, delivered, mail_server
from tests.serving import PASSWORD, Serving, serving

ROUTER = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PORT": "1"}
PAGES = ("/dashboard", "/devices", "/akun", "/password")


def code_in(mail: EmailMessage) -> str:
    return str(re.findall(r"^(\d{6})\r?$", body_of(mail), re.MULTILINE)[0])


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def ask_email(browser: Browser, email: str, password: str = PASSWORD) -> Answer:
    return await browser.post("/api/me/email", {"email": email, "password": password})


async def confirm_email(browser: Browser, code: str) -> Answer:
    return await browser.post("/api/me/email/confirm", {"code": code})


# The pages


@pytest.mark.parametrize("hotspot", [{}, ROUTER], ids=["without", "with"])
async def test_every_page_of_a_members_has_the_same_navigation(environment, hotspot) -> None:
    async with serving(environment, **hotspot) as site:
        browser = await site.logged_in(await site.member("siti", phone="081200000001"))
        pages = (*PAGES, "/hotspot") if hotspot else PAGES
        wanted = ["/dashboard", *(["/hotspot"] if hotspot else []), "/devices", "/akun"]
        for page in pages:
            text = (await browser.get(page, Accept="text/html")).body.decode()
            nav = text.partition('class="member-nav"')[2].partition("</nav>")[0]
            assert re.findall(r'href="([^"]+)"', nav) == wanted, page
            assert nav.count('aria-current="page"') == 1, page


async def test_a_phone_has_the_pages_that_are_its_own(environment) -> None:
    async with serving(environment) as site:
        phone = await site.logged_in(await site.member("siti"), method="mobile")
        for page in ("/devices", "/akun", "/link"):
            text = (await phone.get(page, Accept="text/html")).body.decode()
            nav = text.partition('class="member-nav"')[2].partition("</nav>")[0]
            assert re.findall(r'href="([^"]+)"', nav) == ["/link", "/devices", "/akun"], page


async def test_who_must_choose_a_password_is_led_nowhere_else(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("siti", must_change=True))
        assert "member-nav" not in (await browser.get("/password")).body.decode()
        assert (await browser.get("/api/me/orders")).json["type"] == "PASSWORD_CHANGE_REQUIRED"


async def test_a_name_is_changed_and_written_down(environment) -> None:
    async with serving(environment) as site:
        siti = await site.member("siti", name="Siti")
        browser = await site.logged_in(siti)
        headers = {"Content-Type": "application/json"}
        for name, status in ((b'{"name": "  "}', 400), (b'{"name": " Siti Rahma "}', 200)):
            assert (await browser.send("PATCH", "/api/me", name, headers)).status == status
        assert (await site.store.members.get(siti.id)).name == "Siti Rahma"


# The e-mail


async def test_an_address_is_proven_to_the_new_one_and_told_to_the_old(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        siti = await site.member("siti")
        browser = await site.logged_in(siti)
        bought = (await site.store.password_links.make(siti.id)).partition("#")[2]
        assert (await ask_email(browser, "baru@jaga.test", "salah")).status == 401
        assert (await ask_email(browser, "baru@jaga.test")).status == 200
        (mail,) = await delivered(site.store, mails)
        assert mail["To"].addresses[0].addr_spec == "baru@jaga.test"
        code = code_in(mail)
        assert (await confirm_email(browser, other(code))).status == 401
        answers = await asyncio.gather(*(confirm_email(browser.copy(), code) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
        after = await site.store.members.get(siti.id)
        assert (after.email, after.username) == ("baru@jaga.test", "baru@jaga.test")
        (told,) = await delivered(site.store, mails)
        assert told["To"].addresses[0].addr_spec == "siti@jaga.test"
        assert "baru@jaga.test" not in body_of(told)
        # a link that went to the old mailbox opens nothing any more
        body = {"token": bought, "password": "kuda di tepi air"}
        assert (await browser.post("/api/auth/set-password", body)).status == 404
        kept = json.dumps(await site.store.database.fetch(b"SELECT payload FROM email_outbox"))
        log = await site.store.redis.xrange(site.store.keys.events())
        assert code not in kept + json.dumps(log)


async def test_a_name_of_ones_own_stays_the_name_to_log_in_by(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        siti = await site.member("siti", username="siti")
        browser = await site.logged_in(siti)
        await ask_email(browser, "baru@jaga.test")
        (mail,) = await delivered(site.store, mails)
        assert (await confirm_email(browser, code_in(mail))).status == 200
        after = await site.store.members.get(siti.id)
        assert (after.email, after.username) == ("baru@jaga.test", "siti")


async def test_only_who_reads_an_address_hears_that_it_is_taken(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        await site.member("budi")
        siti = await site.member("siti")
        browser = await site.logged_in(siti)
        assert (await ask_email(browser, "budi@jaga.test")).status == 200
        (mail,) = await delivered(site.store, mails)
        answer = await confirm_email(browser, code_in(mail))
        assert (answer.status, answer.json["type"]) == (409, "MEMBER_EXISTS")
        assert (await site.store.members.get(siti.id)).email == "siti@jaga.test"


async def test_codes_are_guessed_five_times_and_boxes_filled_three_times(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        browser = await site.logged_in(await site.member("siti"))
        asked = [(await ask_email(browser, "baru@jaga.test")).status for _ in range(4)]
        assert asked == [200, 200, 200, 429]
        codes = [code_in(mail) for mail in await delivered(site.store, mails)]
        assert (await confirm_email(browser, codes[0])).status == 401  # a newer one was asked for
        wrong = [(await confirm_email(browser, other(codes[2]))).status for _ in range(5)]
        assert wrong == [401, 401, 401, 401, 429]
        assert (await confirm_email(browser, codes[2])).status == 429


# The phone


def code_of(site: Serving) -> str:
    with queue_redis(site.store.settings) as connection:
        jobs = rq.Queue("urgent", connection=connection, serializer=JSONSerializer).jobs
        (code,) = [str(j.args[1]) for j in jobs if j.func_name == "jobs.messages.send_code"]
    return code


async def ask_phone(browser: Browser, phone: str) -> Answer:
    return await browser.post("/api/me/phone", {"phone_number": phone, "password": PASSWORD})


async def confirm_phone(browser: Browser, code: str) -> Answer:
    return await browser.post("/api/me/phone/confirm", {"code": code})


async def test_a_phone_is_proven_to_the_new_one_and_told_to_the_old(
    environment, monkeypatch
) -> None:
    said: list[tuple[str, str]] = []

    async def send(settings, phone: str, text: str) -> None:
        said.append((phone, text))

    monkeypatch.setattr("jobs.messages.outbox.send", send)
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        siti = await site.member("siti", phone="0812-0000-0001")
        browser = await site.logged_in(siti)
        assert (await ask_phone(browser, "081200000001")).status == 400
        assert (await ask_phone(browser, "081200000002")).json["resend_in"] == 60
        code = code_of(site)
        assert (await confirm_phone(browser, other(code))).status == 401
        assert (await confirm_phone(browser, code)).json["phone"] == "081200000002"
        assert (await confirm_phone(browser, code)).status == 401
        assert await site.store.hotspot.accounts.member_of("6281200000002") == siti.id
        (told,) = await delivered(site.store, mails)
        assert told["To"].addresses[0].addr_spec == "siti@jaga.test"
        assert "081200000002" not in body_of(told)
        assert await MessageSender(site.store).run() == 1
        assert [phone for phone, _ in said] == ["6281200000001"]


async def test_a_phone_that_is_anothers_stays_theirs(environment) -> None:
    async with serving(environment) as site:
        owner = await customer(site.store, 2)
        browser = await site.logged_in(await site.member("siti"))
        assert (await ask_phone(browser, "081200000002")).status == 200
        assert (await confirm_phone(browser, code_of(site))).status == 409
        assert await site.store.hotspot.accounts.member_of("6281200000002") == owner


# What is theirs


ORDER = (
    b"INSERT INTO lynk_inbox (id, body, header, address, tier, ref_id, verified, signed_with,"
    b" state, receipts, received_at, last_at)"
    b" VALUES (%(ref)s, '', '', '', 'redis', %(ref)s, true, '', 'done', '{}', now(), now())",
    b"INSERT INTO lynk_order (ref_id, inbox_id, content, id_order, id_transaction, email, name,"
    b" paid_at) VALUES (%(ref)s, %(ref)s, '', %(ref)s, %(ref)s, %(email)s, '', now())",
    b"INSERT INTO lynk_webhook (email, key_license, produk_digital, id_order, id_transaction,"
    b" trx_lynk_id, item, unit, title)"
    b" VALUES (%(email)s, 'KEI-' || %(ref)s, 'E-Book', %(ref)s, %(ref)s, %(ref)s, 0, 0, 'E-Book')",
)


async def bought(site: Serving, email: str, ref: str) -> None:
    """An order with one licence, as it stands in Postgres."""
    async with site.store.database.connection() as connection:
        for one in ORDER:
            await connection.execute(one, {"ref": ref, "email": email})


async def test_what_was_bought_and_done_is_shown_to_its_member_alone(environment) -> None:
    async with serving(environment) as site:
        siti, budi = await site.member("siti"), await site.member("budi", name="Budi Rahasia")
        await bought(site, "SITI@jaga.test", "siti-1")
        await bought(site, "budi@jaga.test", "budi-1")
        admin = await site.logged_in(await site.member("kepala", role="admin", name="Kepala"))
        for member in (siti, budi):
            await admin.post(f"/api/admin/members/{member.id}/force-logout", {})
        await site.browser().login("siti@jaga.test", "salah sekali")
        browser = await site.logged_in(siti)
        await LogReader(site.store).run()
        own = (await browser.get("/api/me/orders")).json
        assert [order["ref_id"] for order in own["orders"]] == ["siti-1"]
        assert [one["key_license"] for one in own["licences"]] == ["KEI-siti-1"]
        deeds = (await browser.get("/api/me/audit")).json["audit"]
        assert [(deed["act"], deed["who"]) for deed in deeds] == [
            ("login.refused", "stranger"),
            ("member.force-logout", "staff"),
        ]
        assert deeds[0]["ip"] and not deeds[1]["ip"]
        export = await browser.get("/api/me/export")
        assert "attachment" in export.headers["content-disposition"]
        assert export.json["member"]["email"] == "siti@jaga.test"
        assert export.json["sessions"] and export.json["devices"] and export.json["licences"]
        for text in (export.body.decode(), json.dumps(own), json.dumps(deeds)):
            assert not re.search(r"budi|Kepala|kepala|jaga1\$|password\":", text)


async def test_asking_to_be_deleted_tells_the_operator_and_can_be_taken_back(environment) -> None:
    whom = {"CONTACT_URL": "mailto:warga@jaga.test"}
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url, **whom) as site:
        siti = await site.member("siti")
        browser = await site.logged_in(siti)
        assert (await browser.post("/api/me/deletion", {"password": "salah"})).status == 401
        assert (await browser.post("/api/me/deletion", {"password": PASSWORD})).status == 200
        to = [mail["To"].addresses[0].addr_spec for mail in await delivered(site.store, mails)]
        assert sorted(to) == ["siti@jaga.test", "warga@jaga.test"]
        assert (await browser.send("DELETE", "/api/me/deletion", b"")).status == 200
        await LogReader(site.store).run()
        acts = [deed["act"] for deed in (await browser.get("/api/me/audit")).json["audit"]]
        assert acts[:2] == ["member.deletion-withdrawn", "member.deletion-asked"]
        assert (await browser.get("/dashboard")).status == 200  # nothing happened to the account


async def test_who_came_by_a_code_makes_a_password_before_moving_anywhere(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        member = await site.store.members.register("6281200000003", "Sri")
        await site.store.members.approve(member, True, by="test")
        sri = await site.logged_in(await site.store.members.get(member))
        page = (await sri.get("/akun")).body.decode()
        assert "Belum ada email" in page and "buat password dulu" in page
        for refused in (
            await ask_email(sri, "asing@jaga.test", ""),
            await sri.post("/api/me/phone", {"phone_number": "081299999999"}),
        ):
            assert (refused.status, refused.json["type"]) == (403, "PASSWORD_NEEDED")
        assert (await sri.post("/api/me/deletion")).status == 200

        await site.store.members.set_password(member, PASSWORD)
        sri = await site.logged_in(await site.store.members.get(member))
        assert (await ask_email(sri, "sri@jaga.test", PASSWORD)).status == 200
        mail = (await delivered(site.store, mails))[-1]
        assert (await confirm_email(sri, code_in(mail))).json["email"] == "sri@jaga.test"
        assert await delivered(site.store, mails) == []  # there is no old address to tell
        told = await site.store.database.fetch(b"SELECT phone, kind FROM message_outbox")
        assert {"phone": "6281200000003", "kind": "email_diganti"} in told


async def test_who_came_by_a_list_has_no_password_either(environment) -> None:
    async with serving(environment) as site:
        member = await site.store.members.create(
            email="lia@jaga.test", password_hash=NO_PASSWORD_YET
        )
        lia = await site.logged_in(member)
        assert "buat password dulu" in (await lia.get("/akun")).body.decode()
        assert (await ask_email(lia, "lain@jaga.test", "")).json["type"] == "PASSWORD_NEEDED"


async def test_a_phone_that_was_given_up_may_be_its_next_owners(environment) -> None:
    async with serving(environment, **ROUTER) as site:
        members = site.store.members
        first = await members.register("6281200000003", "Sri")
        await members.approve(first, True, by="test")
        await members.change(first, phone="081200000004")
        second = await members.register("6281200000003", "Tono")
        assert second != first
        assert await site.store.hotspot.accounts.member_of("6281200000003") == second


def test_the_statements_name_no_password() -> None:
    for name in ("orders", "licences", "audit", "sessions"):
        assert b"password" not in statement("own", name)
