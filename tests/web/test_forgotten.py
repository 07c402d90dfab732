"""A forgotten password: by mail or by a code, alike for everybody, and everybody is told."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from typing import Any

import pytest
import rq
from redis.asyncio.connection import AbstractConnection
from rq.serializers import JSONSerializer

from jobs.persist.reader import LogReader
from store.opening import Store
from store.queue import queue_redis
from store.sessions import Device
from tests.client import Answer, Browser
from tests.hotspot import customer
from tests.mail_server import body_of, delivered, mail_server
from tests.serving import HASH, PASSWORD, Serving, serving

NEW = "kuda di tepi air"
PHONE = "081200000001"


async def ask(browser: Browser, username: str) -> Answer:
    return await browser.post("/api/auth/forgot", {"username": username})


def token_of(mail: EmailMessage) -> str:
    return body_of(mail).partition("/atur-password#")[2].split()[0]


async def set_password(browser: Browser, token: str, password: str = NEW) -> int:
    body = {"token": token, "password": password}
    return (await browser.post("/api/auth/set-password", body)).status


async def test_from_the_mail_to_the_dashboard(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        budi = await site.member("budi", name="Budi")
        old, browser = await site.logged_in(budi), site.browser()
        assert (await browser.get("/lupa-password")).status == 200
        assert (await ask(browser, "BUDI@jaga.test")).json["way"] == "mail"
        (mail,) = await delivered(site.store, mails)
        assert mail["To"] == "Budi <budi@jaga.test>" and "Lupa" not in str(mail["Subject"])
        token = token_of(mail)
        assert await set_password(browser, token) == 200
        assert await set_password(browser, token) == 404  # once
        assert (await old.get("/api/session")).json["type"] == "SESSION_REVOKED"
        assert (await browser.login("budi@jaga.test", PASSWORD)).status == 401
        assert (await browser.login("budi@jaga.test", NEW)).status == 200
        assert (await browser.get("/dashboard")).status == 200
        (told,) = await delivered(site.store, mails)
        assert told["Subject"] == "Password akun Anda baru saja diganti"
        assert f"{site.store.settings.public_url}/lupa-password" in body_of(told)


async def test_nobody_is_answered_alike_and_gets_nothing(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        await site.member("budi")
        answers = [
            await ask(site.browser(), name)
            for name in ("budi@jaga.test", "tidak@ada.test", "0812 9999 0000 x", "\u200b", "budi")
        ]
        said = {(answer.status, answer.body) for answer in answers}
        assert len(said) == 1 and answers[0].status == 200
        assert len(await delivered(site.store, mails)) == 1


async def test_who_is_a_member_costs_no_more_than_nobody(store: Store, monkeypatch) -> None:
    await store.members.create(email="budi@jaga.test", password_hash=HASH)
    sent: list[int] = []
    send = AbstractConnection.send_packed_command

    async def counted(self: AbstractConnection, command: Any, *args: Any, **more: Any) -> None:
        sent.append(1)
        await send(self, command, *args, **more)

    def device(member: str) -> Device:
        return Device(id=f"{member:16}", name="", fp="", ip="203.0.113.7", known=True)

    async def cost(name: str) -> int:
        sent.clear()
        await store.forgotten.ask(name, device, "203.0.113.7")
        return len(sent)

    await cost("siapa@jaga.test")  # loads the scripts, connects
    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    asked = [await cost(name) for name in ("budi@jaga.test", "tidak@jaga.test", "0812 9999 0000")]
    assert asked[0] == asked[1] > 4 and asked[2] == asked[0] + 1


async def test_strangers_cannot_fill_a_box_nor_keep_its_owner_out(environment) -> None:
    async with serving(environment) as site:
        own, device = site.browser(), "jaga_device"
        await own.get("/lupa-password")
        await site.member("budi")
        await own.login("budi@jaga.test", PASSWORD)
        own.cookies = {device: own.cookies[device]}
        strangers = [await ask(site.browser(), "budi@jaga.test") for _ in range(4)]
        nobodies = [await ask(site.browser(), "siapa@jaga.test") for _ in range(4)]
        assert [answer.status for answer in strangers] == [200, 200, 200, 429]
        assert [answer.status for answer in nobodies] == [200, 200, 200, 429]
        assert strangers[3].headers["retry-after"]
        assert (await ask(own, "budi@jaga.test")).status == 200


async def test_a_link_that_somebody_asks_for_kills_no_other(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        budi = await site.member("budi")
        bought = (await site.store.password_links.make(budi.id)).partition("#")[2]
        await ask(site.browser(), "budi@jaga.test")
        (mail,) = await delivered(site.store, mails)
        assert await set_password(site.browser(), bought) == 200
        # and the new password kills whatever is still out
        assert await set_password(site.browser(), token_of(mail), "padi di sawah utara") == 404


async def test_a_link_that_went_to_a_wrong_address_dies_with_its_correction(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        link = (await site.store.password_links.make(budi.id)).partition("#")[2]
        await site.store.members.change(budi.id, name="Budi", email="budi@jaga.test")
        await site.store.members.change(budi.id, email="lain@jaga.test")
        assert await set_password(site.browser(), link) == 404


async def test_a_mail_that_waited_while_the_address_changed_opens_nothing(environment) -> None:
    async with mail_server() as mails, serving(environment, SMTP_URL=mails.url) as site:
        budi = await site.member("budi")
        await ask(site.browser(), "budi@jaga.test")
        await LogReader(site.store).run()
        await site.store.members.change(budi.id, email="lain@jaga.test")
        assert await delivered(site.store, mails) == []


# By a code


def code_of(site: Serving) -> str:
    """The code that waits to be sent."""
    with queue_redis(site.store.settings) as connection:
        jobs = rq.Queue("urgent", connection=connection, serializer=JSONSerializer).jobs
        (code,) = [str(j.args[1]) for j in jobs if j.func_name == "jobs.messages.send_code"]
    return code


async def hand_in(browser: Browser, code: str) -> Answer:
    return await browser.post("/api/auth/forgot/code", {"phone_number": PHONE, "otp": code})


async def test_by_a_code_to_the_phone(environment) -> None:
    async with serving(environment, OTP_SENDER="http") as site:
        member = await customer(site.store, 1, email="sri@jaga.test")
        browser = site.browser()
        asked = await ask(browser, PHONE)
        nobody = await ask(site.browser(), "081299999999")
        assert asked.json["way"] == nobody.json["way"] == "code"
        assert set(asked.json) == set(nobody.json)
        code = code_of(site)
        wrong = await hand_in(browser, f"{(int(code) + 1) % 1_000_000:06d}")
        assert wrong.json["type"] == "INVALID_OTP"
        answers = await asyncio.gather(*(hand_in(browser.copy(), code) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
        (way,) = [answer.json["redirect"] for answer in answers if answer.status == 200]
        assert way.startswith("/atur-password#")
        assert await set_password(browser, way.partition("#")[2]) == 200
        after = await site.store.members.get(member)
        async with site.store.passwords.turn():
            assert (await site.store.passwords.check(NEW, after.password)).fits


@pytest.mark.parametrize("role", ["teacher", "admin"])
async def test_a_code_sets_no_password_of_who_has_a_role(environment, role: str) -> None:
    async with serving(environment, OTP_SENDER="http") as site:
        await site.member("guru", role=role, phone=PHONE)
        await ask(site.browser(), PHONE)
        answer = await hand_in(site.browser(), code_of(site))
        assert (answer.status, answer.json["type"]) == (403, "PASSWORD_NEEDED")
        assert "email" in answer.json["message"]  # the way that is open to them


async def test_who_waits_for_approval_gets_no_password(environment) -> None:
    async with serving(environment, OTP_SENDER="http") as site:
        await site.store.members.register("6281200000001", "Sri")
        await ask(site.browser(), PHONE)
        answer = await hand_in(site.browser(), code_of(site))
        assert (answer.status, answer.json["type"]) == (403, "NOT_APPROVED")


async def test_without_a_gateway_a_phone_asks_for_a_mail(environment) -> None:
    changes = {
        "JAGA_ENV": "production",
        "SECRET_KEY": "rahasia-situs-uji-coba-4711",
        "OTP_SENDER": "log",
    }
    async with mail_server() as mails, serving(environment | changes, SMTP_URL=mails.url) as site:
        await customer(site.store, 1, email="sri@jaga.test")
        assert (await ask(site.browser(), PHONE)).json["way"] == "mail"
        (mail,) = await delivered(site.store, mails)
        assert mail["To"].addresses[0].addr_spec == "sri@jaga.test"


async def test_a_phone_written_in_many_ways_is_one_name(environment) -> None:
    changes = {
        "JAGA_ENV": "production",
        "SECRET_KEY": "rahasia-situs-uji-coba-4711",
        "OTP_SENDER": "log",
    }
    async with serving(environment | changes, SMTP_URL="smtp://127.0.0.1:1") as site:
        written = ("081200000001", "0812-0000-0001", "+62 812 0000 0001", "(0812) 00000001")
        answers = [await ask(site.browser(), one) for one in written]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]


async def test_a_site_without_mail_or_gateway_names_whom_to_ask(environment) -> None:
    changes = {
        "JAGA_ENV": "production",
        "SECRET_KEY": "rahasia-situs-uji-coba-4711",
        "OTP_SENDER": "log",
    }
    whom = {"SMTP_URL": "", "CONTACT_URL": "mailto:warga@jaga.test"}
    async with serving(environment | changes | whom) as site:
        page = (await site.browser().get("/lupa-password")).body.decode()
        assert "mailto:warga@jaga.test" in page and "form_ask" not in page
