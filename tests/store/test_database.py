"""The door to Postgres: bounded waits while it is away, found again when it is back; migrations."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from scripts.embedded.ports import free_port
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.supervisor import Supervisor
from scripts.migrate import MigrationError, migrate, read
from store import database as database_module
from store.database import SQL, Database, statement
from store.errors import Unavailable
from store.settings import Settings
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    await database.open()
    yield database
    await database.close()


async def test_a_connection_commits_at_its_end_and_rolls_back_on_an_exception(
    database: Database,
) -> None:
    async with database.connection() as connection:
        await connection.execute(b"INSERT INTO event_cursor VALUES ('kept', '1-0')")
    with pytest.raises(RuntimeError):
        async with database.connection() as connection:
            await connection.execute(b"INSERT INTO event_cursor VALUES ('dropped', '1-0')")
            raise RuntimeError
    assert await database.fetch(b"SELECT name FROM event_cursor") == [{"name": "kept"}]
    assert await database.fetch_one(b"SELECT 1 FROM event_cursor WHERE name = 'dropped'") is None


async def test_nobody_there_is_unavailable_within_seconds_also_at_the_start(
    environment: dict[str, str],
) -> None:
    url = f"postgresql://jaga@127.0.0.1:{free_port()}/jaga"
    database = Database(Settings.from_environment(environment | {"DATABASE_URL": url}))
    await database.open()
    began = Stopwatch()
    with pytest.raises(Unavailable):
        await database.ping()
    assert began.seconds < database_module.ACQUIRE_SECONDS + 1
    await database.close()


def test_a_postgres_that_is_away_fills_no_log(environment: dict[str, str]) -> None:
    """Who asks hears Unavailable; the pool's own lines, several for each attempt, say no more."""
    away = f"postgresql://jaga@127.0.0.1:{free_port()}/jaga"
    code = (
        "import asyncio, os\n"
        "from store.database import Database\n"
        "from store.errors import Unavailable\n"
        "from store.logs import log_as\n"
        "from store.settings import Settings\n"
        "settings = Settings.from_environment(os.environ)\n"
        "log_as(settings)\n"
        "async def ask():\n"
        "    database = Database(settings)\n"
        "    await database.open()\n"
        "    try:\n"
        "        await database.ping()\n"
        "    except Unavailable:\n"
        "        print('unavailable')\n"
        "    await database.close()\n"
        "asyncio.run(ask())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment | {"DATABASE_URL": away},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (run.stdout.strip(), run.stderr) == ("unavailable", "")


async def test_a_postgres_that_was_killed_is_found_again(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path / "pg" / "data", supervisor)
    server.start()
    database = Database(Settings.from_environment(environment | {"DATABASE_URL": server.url}))
    await database.open()
    try:
        await asyncio.gather(*(database.ping() for _ in range(8)))
        with pytest.raises(Unavailable):
            async with database.connection() as connection:
                server.kill()
                await connection.execute(b"SELECT 1")
        with pytest.raises(Unavailable):
            await database.ping()
        await asyncio.sleep(6)  # longer than the pool tries by itself
        server.start()
        began = Stopwatch()
        await asyncio.gather(*(database.ping() for _ in range(8)))
        assert began.seconds < 2
    finally:
        await database.close()
        server.stop()


async def test_a_postgres_that_hangs_is_unavailable_within_seconds_and_found_again(
    supervisor: Supervisor,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped, not ended: its sockets stay open, and nothing is ever said on them again."""
    monkeypatch.setattr(database_module, "SILENCE_SECONDS", 1.0)
    server = PostgresServer(tmp_path / "pg" / "data", supervisor)
    server.start()
    database = Database(Settings.from_environment(environment | {"DATABASE_URL": server.url}))
    await database.open()
    try:
        busy = asyncio.create_task(database.fetch(b"SELECT pg_sleep(0.5)"))
        await asyncio.gather(*(database.ping() for _ in range(8)))
        assert server.child is not None
        postmaster = psutil.Process(server.child.pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            began = Stopwatch()
            with pytest.raises(Unavailable):
                await asyncio.wait_for(database.ping(), 10)
            assert began.seconds < database_module.ACQUIRE_SECONDS + 1
            with pytest.raises(Unavailable):
                await asyncio.wait_for(busy, 10)
        finally:
            for process in processes:
                process.resume()
        async with asyncio.timeout(10):
            await asyncio.gather(*(database.ping() for _ in range(8)))
    finally:
        await database.close()
        server.stop()


async def test_a_statement_that_takes_too_long_is_unavailable_and_the_pool_goes_on(
    database: Database,
) -> None:
    with pytest.raises(Unavailable):
        async with database.connection() as connection:
            await connection.execute(b"SET LOCAL statement_timeout = '50ms'")
            await connection.execute(b"SELECT pg_sleep(5)")
    await database.ping()
    (row,) = await database.fetch(b"SHOW statement_timeout")
    assert row["statement_timeout"] == f"{database_module.STATEMENT_SECONDS}s"


async def test_a_fault_in_what_was_asked_is_not_an_outage(database: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        await database.fetch(b"SELECT * FROM nowhere")


async def test_more_callers_than_connections_wait_their_turn_and_the_last_not_for_ever(
    database: Database,
) -> None:
    async def hold(seconds: float) -> None:
        await database.fetch(b"SELECT pg_sleep(%s)", [seconds])

    await asyncio.gather(*(hold(0.1) for _ in range(12)))
    holders = [asyncio.create_task(hold(3.5)) for _ in range(database_module.POOL_CONNECTIONS)]
    await asyncio.sleep(0.3)
    began = Stopwatch()
    with pytest.raises(Unavailable):
        await database.ping()
    assert began.seconds < database_module.ACQUIRE_SECONDS + 0.5
    await asyncio.gather(*holders)


async def test_every_statement_is_one_that_postgres_understands(database: Database) -> None:
    for file in sorted(SQL.glob("*.sql")):
        names = re.findall(r"^-- (\w+) --$", file.read_text(), re.MULTILINE)
        assert names and len(names) == len(set(names)), file
        for name in names:
            await _describe(database, statement(file.stem, name).decode())


def test_a_statement_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        statement("members", "paint_member")


def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    said: list[str] = []
    assert migrate(settings.database_url, say=said.append) == []
    assert said == [f"migrate: nothing to do, {len(read(ROOT / 'store/migrations'))} applied"]


async def test_several_migrations_at_once_apply_each_file_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(asyncio.to_thread(migrate, empty_url) for _ in range(4)))
    names = [migration.name for migration in read(ROOT / "store/migrations")]
    assert sorted(sum(applied, [])) == names


def test_a_file_that_was_changed_after_it_ran_stops_everything(
    empty_url: str, tmp_path: Path
) -> None:
    first = tmp_path / "0001_first.sql"
    first.write_text("CREATE TABLE one (a int)")
    migrate(empty_url, folder=tmp_path)
    first.write_text("CREATE TABLE one (a text)")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE two (a int)")
    with pytest.raises(MigrationError, match="^0001_first was changed after it had been applied$"):
        migrate(empty_url, folder=tmp_path)
    assert _tables(empty_url) == {"one", "schema_migration"}


def test_older_code_refuses_a_newer_schema_in_one_line(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (n int)")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE second (n int)")
    migrate(empty_url, folder=tmp_path)
    (tmp_path / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="Postgres has 0002_second.*older than") as refused:
        migrate(empty_url, folder=tmp_path)
    assert "\n" not in str(refused.value)


def test_a_file_that_does_not_run_leaves_nothing_of_itself(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE one (a int)")
    broken = tmp_path / "0002_second.sql"
    broken.write_text("CREATE TABLE two (a int); SELECT nothing FROM nowhere")
    with pytest.raises(MigrationError, match="^0002_second does not run: .*nowhere"):
        migrate(empty_url, folder=tmp_path)
    assert _tables(empty_url) == {"one", "schema_migration"}
    broken.write_text("CREATE TABLE two (a int)")
    assert migrate(empty_url, folder=tmp_path) == ["0002_second"]


def test_a_file_and_the_note_that_it_ran_are_one_step(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text(
        "CREATE TABLE one (a int); ALTER TABLE schema_migration RENAME sha TO digest"
    )
    with pytest.raises(MigrationError, match="^0001_first does not run"):
        migrate(empty_url, folder=tmp_path)
    assert _tables(empty_url) == {"schema_migration"}


def test_a_number_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    for name in ("0001_one", "0001_two"):
        (tmp_path / f"{name}.sql").touch()
    with pytest.raises(MigrationError, match="0001"):
        read(tmp_path)


def test_the_command_says_in_one_line_that_nobody_answers(environment: dict[str, str]) -> None:
    environment["DATABASE_URL"] = "http://nowhere"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.migrate"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert re.fullmatch("migrate: DATABASE_URL must begin with .*\n", done.stderr)


async def test_a_postgres_that_is_just_starting_is_waited_for(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path / "pg" / "data", supervisor, durable=False)
    said: list[str] = []
    (tmp_path / "none").mkdir()
    server.start()
    url = server.url
    server.stop()
    try:
        waiting = asyncio.create_task(
            asyncio.to_thread(migrate, url, say=said.append, folder=tmp_path / "none")
        )
        await asyncio.sleep(0.5)
        server.start()
        assert await asyncio.wait_for(waiting, 15) == []
    finally:
        server.stop()
    assert said[0] == "migrate: waiting for Postgres"
    with pytest.raises(MigrationError, match="^Postgres does not answer"):
        migrate(url, wait_seconds=0)


@pytest.fixture
def empty_url(postgres_server: PostgresServer, settings: Settings) -> Iterator[str]:
    """A database without a table, dropped with the test's own."""
    name = f"{settings.database_url.rpartition('/')[2]}_empty"
    postgres_server.create(name)
    yield postgres_server.url_of(name)
    postgres_server.drop(name)


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {str(name) for (name,) in rows}


async def _describe(database: Database, query: str) -> None:
    """Have Postgres read a statement, its tables, columns and types, without running it."""
    holes = dict.fromkeys(re.findall(r"%\((\w+)\)s", query))
    for number, hole in enumerate(holes, 1):
        query = query.replace(f"%({hole})s", f"${number}")
    async with database.connection() as connection:
        await connection.execute(f"PREPARE described AS {query.replace('%%', '%')}".encode())
        await connection.execute(b"DEALLOCATE described")
