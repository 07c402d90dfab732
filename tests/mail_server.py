"""A mail server that answers what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from jobs.mail.outbox import MailSender
from jobs.persist.reader import LogReader
from store.opening import Store

USUAL = {
    "CONNECT": "220 mail.test ESMTP",
    "EHLO": "250-mail.test\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 2.7.0 in",
    "STARTTLS": "220 go ahead",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    "CONTENT": "250 2.0.0 taken",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}
"""What a server says that has nothing against us; CONTENT is what it says after the dot."""


@dataclass
class MailServer:
    """What it says, and what it got. `answers` are said once each, in turn, then the usual."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    decide: Callable[[str, str], str | None] = lambda at, line: None
    """May answer instead, by where it is and the client's line; "" hangs up."""

    got: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def answer(self, at: str, line: str = "") -> str:
        queued = self.answers.get(at)
        if queued:
            return queued.pop(0)
        decided = self.decide(at, line)
        return USUAL.get(at, "502 no") if decided is None else decided

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> bool:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()
            return not text.startswith("421")

        if not await say(self.answer("CONNECT")):
            return
        while line := (await reader.readline()).decode().strip():
            self.said.append(line)
            verb = line.split()[0].upper().replace("HELO", "EHLO")
            answer = self.answer(verb, line)
            if not answer or not await say(answer) or verb == "QUIT":
                return
            if verb == "STARTTLS" and self.tls:
                await writer.start_tls(self.tls)
            if verb == "DATA" and answer.startswith("354"):
                data = await reader.readuntil(b"\r\n.\r\n")
                verdict = self.answer("CONTENT", data.decode())
                if verdict.startswith("250") or not verdict:
                    self._keep(data)
                if not verdict or not await say(verdict):
                    return

    def _keep(self, data: bytes) -> None:
        plain = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        self.raw.append(plain)
        found = email.message_from_bytes(plain, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.got.append(found)


@asynccontextmanager
async def mail_server(**how: object) -> AsyncIterator[MailServer]:
    """Run one on a free loopback port."""
    server = MailServer(**how)  # type: ignore[arg-type]
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def delivered(store: Store, mails: MailServer) -> list[EmailMessage]:
    """Send what is owed, as a worker would; returns the mails that came of it."""
    before = len(mails.got)
    await LogReader(store).run()
    await MailSender(store).run()
    return mails.got[before:]


def body_of(mail: EmailMessage) -> str:
    """Return the text of a mail that has one and a page."""
    text, _page = mail.iter_parts()
    return str(text.get_content())
