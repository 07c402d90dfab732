"""The only door to the mail server: a connection that is opened by the first mail and kept.

A password crosses no network in clear: without `smtps://` the server has to offer STARTTLS under a
certificate that is valid, unless it is on this machine.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from jobs.mail.mime import one_line
from jobs.mail.verdicts import Blame, Stage, judge
from store.routers import is_this_machine
from store.settings import Settings

WORD_SECONDS = 15.0
"""The longest silence of a mail server between two words."""

MAIL_SECONDS = 45.0
"""The longest that one mail may take, the connection included."""

MOST_WORDS = 500
"""Characters that are kept of what a server said."""


class Refusal(Exception):
    """A mail that was not taken: whose fault that is, the server's words and when it said them.

    `is_cut` is true when the line broke or fell silent, and nothing was answered.
    """

    def __init__(
        self,
        blame: Blame,
        words: str,
        stage: Stage = Stage.CONTENT,
        *,
        is_cut: bool = False,
    ) -> None:
        super().__init__(words)
        self.blame = blame
        self.words = words
        self.stage = stage
        self.is_cut = is_cut


class SmtpConnection:
    """A connection to the mail server; in development without one, a directory of `.eml` files."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: SMTP | None = None

    async def __aenter__(self) -> SmtpConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        server, self._server = self._server, None
        if server:
            try:
                async with asyncio.timeout(WORD_SECONDS):
                    await server.quit()
            except (OSError, SMTPException, TimeoutError):
                server.close()  # it had hung up already

    async def send(self, mail: bytes, sender: str, recipient: str) -> None:
        """Hand a mail over. Raises Refusal."""
        if not self._settings.smtp_url:
            await asyncio.to_thread(self._write, mail)
            return
        stage = Stage.CONNECT
        try:
            async with asyncio.timeout(MAIL_SECONDS):
                server = await self._reach()
                stage = Stage.CONTENT
                await server.sendmail(sender, [recipient], mail)
        except SMTPRecipientsRefused as error:
            answer = error.recipients[0]
            raise self._refused(Stage.RECIPIENT, answer, recipient) from error
        except SMTPResponseException as error:
            if isinstance(error, aiosmtplib.SMTPSenderRefused):
                stage = Stage.SENDER
            raise self._refused(stage, error, recipient) from error
        except (OSError, SMTPException, TimeoutError) as error:
            self._let_go()
            blame = Blame.OURS if stage is Stage.CONNECT else Blame.MAIL
            words = f"{type(error).__name__}: {error}"
            raise Refusal(blame, one_line(words, MOST_WORDS), stage, is_cut=True) from error

    async def _reach(self) -> SMTP:
        if self._server is None or not self._server.is_connected:
            self._server = None
            server = connection_to(self._settings)
            await server.connect()
            self._server = server
        return self._server

    def _refused(self, stage: Stage, error: SMTPResponseException, recipient: str) -> Refusal:
        words = one_line(f"{error.code} {error.message}", MOST_WORDS)
        if stage is Stage.CONNECT or error.code == 421:
            self._let_go()
        return Refusal(judge(stage, error.code, words, recipient), words, stage)

    def _let_go(self) -> None:
        server, self._server = self._server, None
        if server:
            server.close()

    def _write(self, mail: bytes) -> None:
        folder = Path(self._settings.jaga_home) / "outbox"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}.eml"
        (folder / f".{name}").write_bytes(mail)
        os.replace(folder / f".{name}", folder / name)


def connection_to(settings: Settings) -> SMTP:
    """Return the connection that SMTP_URL means; contacts nobody yet."""
    url = urlsplit(settings.smtp_url)
    host, secure = url.hostname or "localhost", url.scheme == "smtps"
    here = is_this_machine(host)
    context = ssl.create_default_context()
    if here:
        # no certificate names it, and nobody is in between
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return SMTP(
        hostname=host,
        port=url.port or (465 if secure else 25),
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password or "") if url.username else None,
        local_hostname=_our_name(settings),
        timeout=WORD_SECONDS,
        use_tls=secure,
        start_tls=_start_tls(secure, needs=bool(url.username) and not here),
        tls_context=context,
    )


def _start_tls(secure: bool, *, needs: bool) -> bool | None:
    """None to use it where it is offered."""
    if secure:
        return False
    return True if needs else None


def _our_name(settings: Settings) -> str:
    """What we are called in EHLO: the site's own name, which no name server is asked for."""
    host = urlsplit(settings.public_url).hostname or ""
    return host if "." in host and not host.replace(".", "").isdigit() else "localhost.localdomain"
