"""A pgbouncer before the tests' Postgres, which lends a connection for one transaction."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scripts.embedded import unprivileged
from scripts.embedded.ports import answers_at
from scripts.embedded.server import Server
from scripts.embedded.supervisor import StartError, Supervisor
from scripts.tools import debian

CONNECTIONS = 3


class PgBouncer(Server):
    """One pooler; `url_of` gives a database's address through it."""

    name = "pgbouncer"

    def __init__(self, directory: Path, supervisor: Supervisor, postgres_url: str) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._postgres = urlsplit(postgres_url)
        super().__init__(supervisor, directory / "pgbouncer.log")

    def url_of(self, database_url: str) -> str:
        """The same database, with the pooler before it."""
        return f"postgresql://any@127.0.0.1:{self.port}{urlsplit(database_url).path}"

    def prepare(self) -> None:
        to = self._postgres
        text = f"""[databases]
* = host={to.hostname} port={to.port} user={to.username} password={to.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {CONNECTIONS}
"""
        self._config.write_text(text)

    def command(self) -> Sequence[str | Path]:
        program = debian.find("pgbouncer")
        if program is None:
            raise StartError(debian.advice("pgbouncer"))
        return [*self._as_somebody(), program, self._config]

    def _as_somebody(self) -> list[str | Path]:
        """The words before a command that refuses to be run by root."""
        if os.geteuid() != 0:
            return []
        nobody = pwd.getpwnam("nobody")
        runner = Path(unprivileged.__file__)
        return [sys.executable, "-I", "-S", runner, str(nobody.pw_uid), str(nobody.pw_gid)]

    def answers(self) -> bool:
        return answers_at(self.port)

    @property
    def _config(self) -> Path:
        return self._directory / "pgbouncer.ini"
