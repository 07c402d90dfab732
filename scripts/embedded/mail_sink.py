"""A mail server that delivers nothing and keeps every mail as an `.eml` file.

As `python -m scripts.embedded.mail_sink PORT DIRECTORY` it is that server; `MailSink` runs it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from scripts.embedded.server import Server
from scripts.embedded.supervisor import Supervisor

START_SECONDS = 20.0
"""Mostly Python's own start, on a busy core."""

STOP_SECONDS = 3.0

LARGEST_MAIL_BYTES = 10 * 2**20
"""Ours are a few kilobytes; what is larger is a mistake that should be seen as one."""


class MailSink(Server):
    """The server as a process, writing into `directory`."""

    name = "mail"
    start_seconds = START_SECONDS
    stop_seconds = STOP_SECONDS

    def __init__(self, directory: Path, supervisor: Supervisor, log: Path) -> None:
        self.directory = directory.absolute()
        super().__init__(supervisor, log)

    @property
    def url(self) -> str:
        """The address as SMTP_URL takes it."""
        return f"smtp://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> Sequence[str | Path]:
        module = "scripts.embedded.mail_sink"
        return [sys.executable, "-m", module, str(self.port), self.directory]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                return connection.recv(64).startswith(b"220")
        except OSError:
            return False


class Keeper:
    """What aiosmtpd calls for every mail."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Write the mail, whole or not at all, under a name that sorts by time."""
        # The standard library's way of a file is blocking, and fine for the one client we have.
        name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.eml"
        unfinished = self._directory / f".{name}"
        unfinished.write_bytes(envelope.original_content or b"")
        os.replace(unfinished, self._directory / name)
        return "250 OK"


async def serve(port: int, directory: Path) -> None:
    """Take mails until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    keeper = Keeper(directory)
    server = await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=LARGEST_MAIL_BYTES, loop=loop), "127.0.0.1", port
    )
    async with server:
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
