"""A second Postgres that follows another one, as a managed pair has it, made by pg_basebackup."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from scripts.embedded.postgres_server import PostgresServer, programs
from scripts.embedded.supervisor import Supervisor


class Standby(PostgresServer):
    """Copies `primary` when it is first started, and follows it from then on."""

    name = "standby"

    def __init__(self, directory: Path, supervisor: Supervisor, primary: PostgresServer) -> None:
        super().__init__(directory, supervisor, durable=False)
        self._primary = primary

    def making(self, directory: Path) -> list[str | Path]:
        return [
            *(programs() / "pg_basebackup", "-D", directory, "-d", self._primary.url),
            *("--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
        ]

    def _read_password(self) -> str:
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(str(urlsplit(self._primary.url).password))
        return super()._read_password()

    def has_all(self) -> bool:
        """Whether it has applied all that the primary has written."""
        with psycopg.connect(self._primary.url) as primary, psycopg.connect(self.url) as standby:
            there = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            here = standby.execute("SELECT pg_last_wal_replay_lsn() >= %s", there).fetchone()
        return bool(here and here[0])

    def promote(self) -> None:
        """Be the primary from now on."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true, 30)")


def both(first: PostgresServer, second: PostgresServer) -> str:
    """The address of a pair, as DATABASE_URL takes it."""
    parts = urlsplit(first.url)
    login, _, host = parts.netloc.rpartition("@")
    return f"postgresql://{login}@{host},127.0.0.1:{second.port}{parts.path}"
