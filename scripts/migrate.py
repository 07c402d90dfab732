"""`python -m scripts.migrate`: brings Postgres to the newest schema, and says what it did.

Each file of `store/migrations` runs once, in its own transaction, in the order of its number. A
file that has run is never changed: a later one corrects it. Any number of these may run at once.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from store.database import connection_options, is_of_pooler
from store.settings import Settings, SettingsError

MIGRATIONS = Path(__file__).parent.parent / "store" / "migrations"

WAIT_SECONDS = 15.0
"""How long a Postgres that is just starting is waited for; a deploy's release step has no more
patience than that either."""

LOCK_SECONDS = 60
"""How long another migration may take before this one gives up."""

STATEMENT_SECONDS = 600
"""A migration may build an index on a large table; a report may not take that long."""

MIGRATION_LOCK = 5_243_001
"""The advisory lock that keeps two migrations apart; any number that nobody else uses."""


class MigrationError(Exception):
    """What stops a migration; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without `.sql`, its text, and the digest it is recognised by."""

    name: str
    text: bytes

    @property
    def sha(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


def main() -> int:
    """Migrate the database of the environment; returns the process's exit status."""
    argparse.ArgumentParser(prog="migrate", description=__doc__).parse_args()
    try:
        settings = Settings.from_environment()
        migrate(settings.database_url, say=print)
    except (SettingsError, MigrationError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 1
    return 0


def migrate(
    database_url: str,
    *,
    say: Callable[[str], object] = lambda line: None,
    folder: Path = MIGRATIONS,
    wait_seconds: float = WAIT_SECONDS,
) -> list[str]:
    """Apply what is missing.

    Takes a function that is told each step in a line. Returns the names of what was applied.
    Raises MigrationError when Postgres does not answer within `wait_seconds`, when it has a
    migration that the folder lacks, when a file that has been applied was changed, or when a file
    does not run; what ran before it stays.
    """
    migrations = read(folder)
    with (
        _connect(database_url, wait_seconds, say) as connection,
        _connect(database_url, wait_seconds, say) as guard,
        guard.transaction(),
    ):
        _lock(guard)
        applied = _applied(connection)
        _refuse_newer(migrations, applied)
        missing = _missing(migrations, applied)
        for migration in missing:
            _apply(connection, migration)
            say(f"migrate: applied {migration.name}")
    if not missing:
        say(f"migrate: nothing to do, {len(migrations)} applied")
    return [migration.name for migration in missing]


def read(folder: Path) -> list[Migration]:
    """Return the migrations of a folder in their order. Raises MigrationError on a number twice."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    numbers = [file.name[:4] for file in files]
    for number in numbers:
        if numbers.count(number) > 1:
            raise MigrationError(f"two migrations have the number {number}")
    return [Migration(file.stem, file.read_bytes()) for file in files]


def _connect(
    database_url: str, wait_seconds: float, say: Callable[[str], object]
) -> psycopg.Connection:
    deadline = time.monotonic() + wait_seconds
    options = connection_options()
    options["options"] += f" -c statement_timeout={STATEMENT_SECONDS}s"
    waiting = False
    while True:
        try:
            return psycopg.connect(database_url, autocommit=True, **options)
        except psycopg.OperationalError as error:
            if is_of_pooler(error) and options["options"]:
                options["options"] = ""
                continue
            if time.monotonic() >= deadline:
                raise MigrationError(f"Postgres does not answer: {_line(error)}") from error
        if not waiting:
            say("migrate: waiting for Postgres")
            waiting = True
        time.sleep(0.25)


def _lock(guard: psycopg.Connection) -> None:
    """Held until the guard's transaction ends, which is not one of the migrations': a pooler lends
    another server with each."""
    try:
        guard.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
        guard.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'".encode())
        guard.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        guard.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(f"another migration has been running for {LOCK_SECONDS} s") from error


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration ("
        " name text PRIMARY KEY, sha text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = connection.execute("SELECT name, sha FROM schema_migration").fetchall()
    return {str(name): str(sha) for name, sha in rows}


def _refuse_newer(migrations: list[Migration], applied: dict[str, str]) -> None:
    """Older code beside a newer schema writes what the newer one does not expect."""
    unknown = applied.keys() - {migration.name for migration in migrations}
    if unknown:
        raise MigrationError(
            f"Postgres has {max(unknown)}, which this release does not know: it is older than the "
            "schema, and must not run on it"
        )


def _missing(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    for migration in migrations:
        if applied.get(migration.name, migration.sha) != migration.sha:
            raise MigrationError(f"{migration.name} was changed after it had been applied")
    return [migration for migration in migrations if migration.name not in applied]


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO schema_migration (name, sha) VALUES (%s, %s)",
                [migration.name, migration.sha],
            )
    except psycopg.Error as error:
        raise MigrationError(f"{migration.name} does not run: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
