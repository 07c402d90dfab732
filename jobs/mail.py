"""Sends the mails that are owed: the only door to the mail server.

A mail is a row of the outbox. It is claimed with a lease, so that a worker that dies lets it go
again; sent; marked. A death between the last two repeats one mail, under the same Message-ID. A
recipient whom the server refuses for good is `dead` at once; anything else is tried again for a
day and a half.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import smtplib
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from store.database import Row, statement
from store.errors import Unavailable
from store.opening import Store, open_store
from store.payments.orders import WIB
from store.settings import Settings

RETRY_SECONDS = (30, 120, 600, 3_600, 21_600, 86_400)
"""After each failure, within a fifth; then the mail is dead and stands in the outbox."""

LEASE_SECONDS = 120
"""How long a claimed mail is nobody else's: twice what one may take."""

SMTP_SECONDS = 15.0
"""The longest silence of a mail server between two words."""

RUN_SECONDS = 60.0
MONTHS = (
    "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split()
)

SUBJECTS = {
    "license": "Pembayaran Berhasil - Order #{id_order}",
    "pendaftaran_member": "Pendaftaran Member Berhasil - Order #{id_order}",
    "sudah_terdaftar": "Anda sudah terdaftar - Order #{id_order}",
    "ponsel_baru": "Ponsel baru masuk ke akun Anda",
}

FILES = {
    "license": "email_license",
    "pendaftaran_member": "email_pendaftaran",
    "sudah_terdaftar": "email_terdaftar",
    "ponsel_baru": "email_ponsel_baru",
}
"""Template files by the kind of mail; the documents' names where they have one."""

PAGES = {"login": "/login", "devices": "/devices", "new_password": "/password"}
"""Our pages that a mail may lead to, by the variable that a template has for each."""

log = logging.getLogger("jaga.mail")


class Refused(Exception):
    """The server will never take this mail: said of its recipient or content, with a 5xx."""


async def send() -> None:
    """Send what is due; RQ calls this by name."""
    async with open_store(Settings.from_environment()) as store:
        try:
            await Post(store).run()
        except Unavailable as error:
            log.warning("mails wait: %s", type(error.__cause__ or error).__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail; `error` is "" when it was taken."""

    error: str = ""
    is_final: bool = False


class Post:
    """Works off the outbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = store.settings
        self._letters = Letters(store.settings)

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Send until nothing is due; returns how many mails were taken. Raises Unavailable."""
        deadline = time.monotonic() + seconds
        sent = 0
        if not self._settings.smtp_url and not self._settings.is_dev:
            await self._say_that_none_is_set()
            return 0
        with Carrier(self._settings) as carrier:
            while time.monotonic() < deadline and (rows := await self._claim()):
                sent += await self._send_all(carrier, rows)
        return sent

    async def _say_that_none_is_set(self) -> None:
        due = await self._store.database.fetch(statement("mail", "count_due"))
        if due and due[0]["count"]:
            log.error("%s mails wait: SMTP_URL is not set", due[0]["count"])

    async def _claim(self) -> list[Row]:
        return await self._store.database.fetch(
            statement("mail", "claim"), {"lease": LEASE_SECONDS}
        )

    async def _send_all(self, carrier: Carrier, rows: list[Row]) -> int:
        sent = 0
        for row in rows:
            # a server that cannot be reached is not waited for once per mail
            away = Outcome("the server could not be reached")
            outcome = away if carrier.is_away else await self._send_one(carrier, row)
            await self._mark(row, outcome)
            sent += not outcome.error
        return sent

    async def _send_one(self, carrier: Carrier, row: Row) -> Outcome:
        try:
            mail = self._letters.write(row, await self._link(row))
        except Unavailable:
            raise
        except Exception as error:
            # a payload that no template takes is this mail's trouble, not that of those behind it
            log.exception("mail %s cannot be written", row["id"])
            return Outcome(f"{type(error).__name__}", is_final=True)
        try:
            await asyncio.to_thread(carrier.carry, mail)
        except Refused as error:
            return Outcome(str(error), is_final=True)
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(f"{type(error).__name__}: {error}")
        return Outcome()

    async def _link(self, row: Row) -> str:
        """A link to set a password, made when the mail goes out: none is kept in the outbox."""
        if row["template"] not in ("pendaftaran_member", "sudah_terdaftar"):
            return ""
        member = await self._store.members.find(row["recipient"])
        return await self._store.payments.links.make(member.id) if member else ""

    async def _mark(self, row: Row, outcome: Outcome) -> None:
        params: dict[str, Any] = {
            "id": row["id"],
            "turn": row["turn"],
            "error": outcome.error[:500],
        }
        attempts = int(row["attempts"])
        if not outcome.error:
            await self._execute("sent", params)
            return
        dead = outcome.is_final or attempts >= len(RETRY_SECONDS)
        log.log(
            logging.ERROR if dead else logging.WARNING,
            "mail %s was not taken%s: %s",
            row["id"],
            " and is given up" if dead else "",
            outcome.error,
        )
        pause = 0.0 if dead else RETRY_SECONDS[attempts] * random.uniform(0.8, 1.2)  # noqa: S311
        await self._execute("failed", params | {"dead": dead, "seconds": pause})

    async def _execute(self, name: str, params: dict[str, Any]) -> None:
        async with self._store.database.connection() as connection:
            await connection.execute(statement("mail", name), params)


class Carrier:
    """A connection to the mail server, opened by the first mail; blocking, for a thread.

    In development without a server, a directory of `.eml` files.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None
        self.is_away = False
        """Whether the server could not be reached."""

    def __enter__(self) -> Carrier:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def carry(self, mail: EmailMessage) -> None:
        """Hand a mail over. Raises Refused for good, OSError or SMTPException for now."""
        if not self._settings.smtp_url:
            self._write(mail)
            return
        try:
            self._server = self._server or self._reach()
            self._server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            self._reset()
            _raise(code, text, error)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            self._reset()
            # a sender that is refused is our own fault, and put right by a setting
            is_sender = isinstance(error, smtplib.SMTPSenderRefused)
            _raise(450 if is_sender else error.smtp_code, error.smtp_error, error)
        except (OSError, smtplib.SMTPException):
            self._let_go()
            raise

    def _reach(self) -> smtplib.SMTP:
        try:
            return self._connect()
        except (OSError, smtplib.SMTPException):
            self.is_away = True
            raise

    def _connect(self) -> smtplib.SMTP:
        url = urlsplit(self._settings.smtp_url)
        host, secure = url.hostname or "localhost", url.scheme == "smtps"
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if secure:
            server = smtplib.SMTP_SSL(host, url.port or 465, timeout=SMTP_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, url.port or 25, timeout=SMTP_SECONDS)
        server.ehlo_or_helo_if_needed()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        return server

    def _reset(self) -> None:
        try:
            if self._server:
                self._server.rset()
        except (OSError, smtplib.SMTPException):
            self._let_go()

    def _let_go(self) -> None:
        server, self._server = self._server, None
        try:
            if server:
                server.quit()
        except (OSError, smtplib.SMTPException):
            return  # it had hung up already

    def _write(self, mail: EmailMessage) -> None:
        folder = Path(self._settings.jaga_home) / "outbox"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}.eml"
        (folder / f".{name}").write_bytes(mail.as_bytes())
        os.replace(folder / f".{name}", folder / name)


def _raise(code: int, text: bytes | str, error: Exception) -> None:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if 500 <= code < 600:
        raise Refused(f"{code} {said}") from error
    raise smtplib.SMTPException(f"{code} {said}") from error


class Letters:
    """Writes mails from templates: text first, then the same as HTML."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        folder = FileSystemLoader(Path(__file__).parent / "templates")
        self._texts = Environment(  # noqa: S701 (plain text; HTML has its own)
            loader=folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._pages = Environment(
            loader=folder,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for environment in (self._texts, self._pages):
            environment.filters |= {"moment": in_words, "rupiah": rupiah, "shown": shown}

    def write(self, row: Row, link: str) -> EmailMessage:
        """Return the mail of an outbox row. Raises whatever a broken payload leads to."""
        template, said = str(row["template"]), dict(row["payload"])
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = SUBJECTS[template].format_map(said)
        mail["From"] = self._sender()
        mail["To"] = Address(display_name=said.get("name") or "", addr_spec=row["recipient"])
        mail["Date"] = format_datetime(row["created_at"])
        mail["Message-ID"] = f"<{self._stable(str(row['dedupe_key']), row['turn'])}>"
        mail["Auto-Submitted"] = "auto-generated"
        # services that send by API keep it for a day and drop a repetition
        mail["Resend-Idempotency-Key"] = self._stable(str(row["dedupe_key"]), row["turn"])
        pages = {name: self._settings.public_url + path for name, path in PAGES.items()}
        variables = said | {"link": link} | pages
        file = FILES[template]
        mail.set_content(self._texts.get_template(f"{file}.txt").render(variables))
        page = self._pages.get_template(f"{file}.html").render(variables)
        mail.add_alternative(page, subtype="html")
        # last, because a part that becomes one of two takes every Content- header with it
        mail["Content-Language"] = "id"
        return mail

    def _sender(self) -> Address:
        name, address = parseaddr(self._settings.mail_from)
        return Address(display_name=name, addr_spec=address)

    def _stable(self, key: str, turn: int) -> str:
        """The same for the same turn of a mail, however often it is tried; a refId may hold
        anything, but no dot."""
        domain = parseaddr(self._settings.mail_from)[1].rpartition("@")[2] or "localhost"
        safe = all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in key)
        name = key if safe and len(key) <= 150 else hashlib.sha256(key.encode()).hexdigest()
        return f"{name}.{turn}@{domain}" if turn else f"{name}@{domain}"


def in_words(moment: str) -> str:
    """Return a moment (ISO 8601) as people write it: `22 Maret 2026 pukul 09.15 WIB`."""
    at = datetime.fromisoformat(moment).astimezone(WIB)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year} pukul {at.hour:02}.{at.minute:02} WIB"


def rupiah(amount: int) -> str:
    """Return an amount of money: `Rp99.000`."""
    return "Rp" + f"{amount:,}".replace(",", ".")


def shown(value: object) -> object:
    """Return a value, or a dash where there is none."""
    return value or "-"
