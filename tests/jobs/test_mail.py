"""Mails: what stands in them, and what becomes of one that is not taken."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from jobs.mail.outbox import RETRY, MailSender
from jobs.mail.writing import in_words
from jobs.persist.reader import LogReader
from scripts.embedded.mail_sink import MailSink
from scripts.embedded.ports import free_port
from store import mails as mails_store
from store.database import statement
from store.errors import NotFound
from store.indonesian import rupiah
from store.opening import Store, open_store
from store.sessions import Device
from store.settings import Settings

SAID = {
    "id_order": "KEI-1234ABCD",
    "id_transaction": "KEI-9C29",
    "ref_id": "f" * 32,
    "email": "siti.rahma@example.com",
    "name": "Siti Rahma",
    "paid_at": "2026-03-22T09:15:20+07:00",
    "total": 100500,
}
KEYS = [
    {"key": "KEI-7715-E59F906E", "title": "E-Book <Ekspor> & Impor"},
    {"key": "KEI-CCCA-5927E2EF", "title": "Kelas"},
]


class Whims:
    """A mail server that answers what it is told to, in turn, and "250" after that."""

    def __init__(self) -> None:
        self.at_rcpt: list[str] = []
        self.at_data: list[str] = []
        self.got: list[EmailMessage] = []
        self.hang_up_after_data = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.at_rcpt:
            return self.at_rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.got.append(parsed(envelope.original_content or b""))
        if self.hang_up_after_data:
            self.hang_up_after_data -= 1
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 OK"
        return self.at_data.pop(0) if self.at_data else "250 OK"


@pytest.fixture
def whims(settings: Settings) -> Iterator[tuple[Whims, str]]:
    handler, port = Whims(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, f"smtp://127.0.0.1:{port}"
    controller.stop()


async def owe(store: Store, template: str = "license", **more: Any) -> None:
    payload: dict[str, Any] = SAID | {"licences": KEYS} | more
    async with store.database.connection() as connection:
        await mails_store.owe(
            connection,
            key=f"lynk-{payload['ref_id']}-{template}",
            template=template,
            recipient=payload["email"],
            payload=payload,
            ref_id=payload["ref_id"],
        )


async def outbox(store: Store) -> list[dict[str, Any]]:
    return await store.database.fetch(
        b"SELECT *, extract(epoch FROM next_at - now())::float8 AS wait"
        b" FROM email_outbox ORDER BY id"
    )


async def hurry(store: Store) -> None:
    async with store.database.connection() as connection:
        await connection.execute(b"UPDATE email_outbox SET next_at = now()")


def with_server(store: Store, url: str) -> Store:
    return replace(store, settings=replace(store.settings, smtp_url=url))


def parsed(data: bytes) -> EmailMessage:
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def parts_of(message: EmailMessage) -> tuple[str, str]:
    assert message.get_content_type() == "multipart/alternative"
    text, page = message.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    return text.get_content(), page.get_content()


async def test_a_licence_mail_lists_every_key(store: Store, sink: MailSink) -> None:
    await owe(store)
    assert await MailSender(with_server(store, sink.url)).run() == 1
    (file,) = sink.directory.glob("*.eml")
    message = parsed(file.read_bytes())
    assert message["Subject"] == "Pembayaran Berhasil - Order #KEI-1234ABCD"
    assert message["To"] == "Siti Rahma <siti.rahma@example.com>"
    assert message["Message-ID"] == f"<lynk-{'f' * 32}-license@localhost>"
    assert message["Content-Language"] == "id"
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = parts_of(message)
    for key in KEYS:
        assert f"\n{key['key']}\n" in text.replace("\r", "")
        assert f">{key['key']}</code>" in page
    assert "E-Book <Ekspor> & Impor" in text and "E-Book &lt;Ekspor&gt; &amp; Impor" in page
    for part in (text, page):
        assert "22 Maret 2026 pukul 09.15 WIB" in part and "Rp100.500" in part
        assert "KEI-9C29" in part and "siti.rahma@example.com" in part
    (row,) = await outbox(store)
    assert (row["state"], row["attempts"]) == ("sent", 1)
    assert await MailSender(with_server(store, sink.url)).run() == 0


async def test_a_new_members_mail_brings_a_link_that_sets_the_password(
    store: Store, sink: MailSink
) -> None:
    member = await store.members.create(email=str(SAID["email"]), password_hash="x")
    await owe(store, "pendaftaran_member", username=SAID["email"], password="081234567890")
    await owe(store, "sudah_terdaftar", username=SAID["email"], password="")
    assert await MailSender(with_server(store, sink.url)).run() == 2
    messages = [parsed(file.read_bytes()) for file in sorted(sink.directory.glob("*.eml"))]
    by_subject = {str(message["Subject"]).partition(" - ")[0]: message for message in messages}
    text, page = parts_of(by_subject["Pendaftaran Member Berhasil"])
    again, _ = parts_of(by_subject["Anda sudah terdaftar"])
    for part in (text, page):
        # a mailbox is read by others, and the phone is known to more of them
        assert "081234567890" not in part and "nomor HP yang Anda isi" in part
        token = part.partition("/atur-password#")[2].split('"')[0].split()[0]
        assert len(token) == 32
    with pytest.raises(NotFound):
        await store.password_links.use(token, "kalimat baru")
    token = again.partition("/atur-password#")[2].split()[0]
    await store.password_links.use(token, "kalimat baru")
    after = await store.members.get(member.id)
    assert (await store.passwords.check("kalimat baru", after.password)).fits
    assert "tidak kami ubah" in again and "/atur-password#" in again
    # the outbox keeps no link
    assert "atur-password" not in str(await outbox(store))


async def new_phone(store: Store, member: str, number: int) -> None:
    device = Device(id=f"hp{number}", name=f"HP <{number}>", ip="203.0.113.7")
    await store.sessions.open(member, device, method="mobile")
    await LogReader(store).run()


async def test_a_new_phone_is_told_to_its_member_once(store: Store, sink: MailSink) -> None:
    member = await store.members.create(email="sari@jaga.test", password_hash="x", name="Sari")
    for number in (1, 1, 2, 1, 2):
        await new_phone(store, member.id, number)
    web = Device(id="desk", name="Chrome", ip="203.0.113.7")
    await store.sessions.open(member.id, web, method="password")
    await LogReader(store).run()
    assert await MailSender(with_server(store, sink.url)).run() == 2
    one, two = sorted(
        (parsed(file.read_bytes()) for file in sink.directory.glob("*.eml")),
        key=lambda message: str(message["Message-ID"]),
    )
    assert one["Subject"] == "Ponsel baru masuk ke akun Anda"
    assert one["To"] == "Sari <sari@jaga.test>"
    for said, angled in zip(parts_of(one), ("HP <1>", "HP &lt;1&gt;"), strict=True):
        assert angled in said and "203.0.113.7" in said and "ponsel utama" in said
        assert f"{store.settings.public_url}/devices" in said
        assert f"{store.settings.public_url}/password" in said
    assert "ponsel utama" not in parts_of(two)[0]


async def test_a_phone_stays_known_when_its_mail_is_long_gone(store: Store) -> None:
    member = await store.members.create(email="sari@jaga.test", password_hash="x")
    await new_phone(store, member.id, 1)
    async with store.database.connection() as connection:
        await connection.execute(b"DELETE FROM email_outbox")
    await new_phone(store, member.id, 1)
    assert await outbox(store) == []


async def test_a_log_that_is_read_anew_sends_nothing_twice(store: Store) -> None:
    member = await store.members.create(email="sari@jaga.test", password_hash="x")
    await new_phone(store, member.id, 1)
    async with store.database.connection() as connection:
        await connection.execute(b"UPDATE event_cursor SET last_id = '0-0'")
        await connection.execute(b"DELETE FROM user_device")
    await LogReader(store).run()
    assert len(await outbox(store)) == 1


async def test_who_has_no_address_is_not_written_to(store: Store) -> None:
    member = await store.members.create(email="6281@hotspot.invalid", password_hash="!")
    await store.hotspot.accounts.approve(member.id, True)
    await new_phone(store, member.id, 1)
    assert await outbox(store) == []


async def test_a_missing_value_is_a_dash(store: Store, sink: MailSink) -> None:
    await store.members.create(email=str(SAID["email"]), password_hash="x")
    await owe(store, "pendaftaran_member", username="", password="", name="")
    await MailSender(with_server(store, sink.url)).run()
    (file,) = sink.directory.glob("*.eml")
    text, _ = parts_of(parsed(file.read_bytes()))
    assert "Username        : -" in text
    assert text.startswith("Halo,")


async def test_what_is_refused_for_now_comes_again_under_the_same_name(
    store: Store, whims: tuple[Whims, str]
) -> None:
    server, url = whims
    server.at_rcpt = ["451 try later"]
    server.at_data = ["452 try later"]
    server.hang_up_after_data = 1
    await owe(store)
    for attempt in range(3):
        assert await MailSender(with_server(store, url)).run() == 0
        (row,) = await outbox(store)
        assert (row["state"], row["attempts"]) == ("queued", attempt + 1)
        due = RETRY.seconds[attempt]
        assert due * 0.79 < row["wait"] < due * 1.21
        await hurry(store)
    assert await MailSender(with_server(store, url)).run() == 1
    assert len({message["Message-ID"] for message in server.got}) == 1
    assert (await outbox(store))[0]["state"] == "sent"


async def test_a_mail_is_dead_after_the_last_attempt(
    store: Store, whims: tuple[Whims, str]
) -> None:
    server, url = whims
    server.at_rcpt = ["451 try later"] * (len(RETRY.seconds) + 1)
    await owe(store)
    for _ in range(len(RETRY.seconds) + 1):
        await MailSender(with_server(store, url)).run()
        await hurry(store)
    (row,) = await outbox(store)
    assert (row["state"], row["attempts"]) == ("dead", len(RETRY.seconds) + 1)


async def test_a_payload_that_no_template_takes_is_dead_and_holds_nobody_up(
    store: Store, sink: MailSink
) -> None:
    await owe(store, paid_at="yesterday", ref_id="a" * 32)
    await owe(store, ref_id="b" * 32)
    assert await MailSender(with_server(store, sink.url)).run() == 1
    assert sorted(row["state"] for row in await outbox(store)) == ["dead", "sent"]


async def test_two_workers_never_send_the_same(store: Store, sink: MailSink) -> None:
    for number in range(40):
        await owe(store, ref_id=f"{number:032x}")
    posts = [MailSender(with_server(store, sink.url)) for _ in range(3)]
    assert sum(await asyncio.gather(*(post.run() for post in posts))) == 40
    assert len(list(sink.directory.glob("*.eml"))) == 40


async def test_what_one_worker_is_claiming_another_passes_by(store: Store) -> None:
    for number in range(4):
        await owe(store, ref_id=f"{number:032x}")
    params = {"lease": 60}
    async with store.database.connection() as one, store.database.connection() as two:
        mine = await (await one.execute(statement("mail", "claim"), params)).fetchall()
        async with asyncio.timeout(3):
            others = await (await two.execute(statement("mail", "claim"), params)).fetchall()
    assert [row["id"] for row in [*mine, *others]] == [1, 2]


async def test_without_a_server_development_writes_files_and_production_waits(
    environment: dict[str, str], store: Store
) -> None:
    await owe(store)
    production = Settings.from_environment(environment | {"JAGA_ENV": "production"})
    async with open_store(production) as other:
        assert await MailSender(other).run() == 0
    assert (await outbox(store))[0]["attempts"] == 0
    assert await MailSender(store).run() == 1
    (file,) = (store.settings.jaga_home / "outbox").glob("*.eml")
    assert parsed(file.read_bytes())["Subject"] == "Pembayaran Berhasil - Order #KEI-1234ABCD"


def test_moments_and_money_are_written_as_people_write_them() -> None:
    assert in_words("2026-12-31T23:59:59+00:00") == "1 Januari 2027 pukul 06.59 WIB"
    assert rupiah(99000) == "Rp99.000"
    assert rupiah(1250000) == "Rp1.250.000"
    assert rupiah(0) == "Rp0"
