"""The persist job: what events do to Postgres, each once, whatever is killed or away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.persist.reader import BATCH, LogReader
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.supervisor import Supervisor
from scripts.migrate import migrate
from store.events import KEEP_MS
from store.opening import Store, open_store
from store.settings import SETTING_NAMES, Settings
from tests.jobs.log import NOON, count, ended, opened, rows, write, write_audits
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]

RUN = [sys.executable, "-c", "import asyncio, jobs.persist; asyncio.run(jobs.persist.run())"]


async def test_a_member_is_copied_changed_and_forgotten(store: Store) -> None:
    member = await store.members.create(email="Ani@Example.id", password="rahasia1", name="Ani")
    assert await LogReader(store).run() == 1
    (row,) = await rows(store, "SELECT * FROM member")
    assert row["id"] == member.id
    assert (row["email"], row["email_folded"]) == ("Ani@Example.id", "ani@example.id")
    assert row["password"] == member.password
    assert row["created_at"].timestamp() == member.created_at / 1000

    await store.members.change(member.id, name="Ani Lestari")
    await LogReader(store).run()
    assert (await rows(store, "SELECT name FROM member"))[0]["name"] == "Ani Lestari"

    await store.members.delete(member.id, by="admin")
    await LogReader(store).run()
    assert await count(store, "member") == 0


async def test_a_member_whose_hash_is_not_in_redis_keeps_the_copy(store: Store) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await LogReader(store).run()
    await store.redis.delete(store.keys.member(member.id))  # evicted, or emptied this moment
    await write(store, "member.changed", member=member.id)
    await LogReader(store).run()
    assert await count(store, "member") == 1


async def test_a_session_moves_the_members_fingerprint(store: Store) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await LogReader(store).run()
    await store.redis.hset(store.keys.member(member.id), "fingerprint_device", "f1")
    await write(store, "session.opened", **opened(member=member.id))
    await LogReader(store).run()
    (row,) = await rows(store, "SELECT fingerprint_device FROM member")
    assert row["fingerprint_device"] == "f1"


async def test_a_session_leaves_its_history_and_its_device(store: Store) -> None:
    await write(store, "session.opened", **opened())
    await write(store, "session.ended", **ended())
    await LogReader(store).run()
    (session,) = await rows(store, "SELECT * FROM session_history")
    assert session["opened_at"].timestamp() == NOON / 1000
    assert session["ended_at"].timestamp() == NOON / 1000 + 1
    assert (session["reason"], session["ended_by"]) == ("replaced", "Firefox - Linux")
    (device,) = await rows(store, "SELECT * FROM user_device")
    assert (device["id"], device["member_id"], device["is_active"]) == ("d1", "m1", False)
    assert (device["device_name"], device["last_ip"]) == ("Chrome - Windows", "203.0.113.7")


async def test_an_end_that_comes_first_is_joined_with_its_beginning(store: Store) -> None:
    await write(store, "session.ended", **ended())
    await write(store, "session.opened", **opened())
    await LogReader(store).run()
    (session,) = await rows(store, "SELECT * FROM session_history")
    assert session["opened_at"] is not None and session["reason"] == "replaced"
    (device,) = await rows(store, "SELECT is_active FROM user_device")
    assert not device["is_active"]


async def test_an_older_sessions_end_leaves_the_device_in_use(store: Store) -> None:
    await write(store, "session.opened", **opened())
    await write(store, "session.opened", **opened(sid="s2", epoch=2, at=NOON + 1000))
    await write(store, "session.ended", **ended())
    await LogReader(store).run()
    (device,) = await rows(store, "SELECT is_active, sid FROM user_device")
    assert device == {"is_active": True, "sid": "s2"}


async def test_an_older_login_does_not_replace_what_is_known_of_a_device(store: Store) -> None:
    await write(store, "session.opened", **opened(sid="s2", at=NOON + 1000, ip="192.0.2.1"))
    await write(store, "session.opened", **opened())
    await LogReader(store).run()
    (device,) = await rows(store, "SELECT sid, last_ip FROM user_device")
    assert device == {"sid": "s2", "last_ip": "192.0.2.1"}


async def test_the_first_end_of_a_session_is_the_one_that_counts(store: Store) -> None:
    await write(store, "session.ended", **ended())
    await write(store, "session.ended", **ended(reason="idle", at=NOON + 2000))
    await LogReader(store).run()
    assert [row["reason"] for row in await rows(store, "SELECT reason FROM session_history")] == [
        "replaced"
    ]


async def test_a_log_that_is_read_twice_leaves_what_it_left_the_first_time(store: Store) -> None:
    """As it is when Redis was replaced by an older copy of itself."""
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await write(store, "session.opened", **opened(member=member.id))
    await write(store, "session.ended", **ended(member=member.id))
    await write(store, "session.opened", **opened(member=member.id, sid="s2", at=NOON + 1000))
    await write_audits(store, 3)
    await write(store, "session.opened", sid="poison")
    tables = ("member", "session_history", "user_device", "event_rejected")
    assert await LogReader(store).run() == 8
    first = [await rows(store, f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608
    await _execute(store, "UPDATE event_cursor SET last_id = '0-0', mark = ''")
    await store.redis.delete(store.keys.persisted())
    assert await LogReader(store).run() == 8
    assert [
        await rows(store, f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
        for table in tables
    ] == first
    assert await count(store, "audit") == 3


async def test_devices_go_on_after_redis_was_emptied_and_epochs_began_anew(store: Store) -> None:
    await write(store, "session.opened", **opened(epoch=40))
    await write(store, "session.opened", **opened(sid="s2", epoch=1, at=NOON + 9, ip="192.0.2.1"))
    await LogReader(store).run()
    (device,) = await rows(store, "SELECT sid, last_ip FROM user_device")
    assert device == {"sid": "s2", "last_ip": "192.0.2.1"}


async def test_a_deleted_member_leaves_neither_devices_nor_history(store: Store) -> None:
    await write(store, "session.opened", **opened())
    await write(store, "session.ended", **ended(reason="deleted"))
    await write(store, "member.deleted", member="m1")
    await LogReader(store).run()
    assert await count(store, "user_device") == await count(store, "session_history") == 0


async def test_an_audit_entry_keeps_its_detail(store: Store) -> None:
    detail = {"before": "active", "sessions": 2}
    event = await write(
        store,
        "audit",
        actor="a1",
        act="member.block",
        subject="m1",
        detail=detail,
        at=NOON,
        ip="::1",
    )
    await LogReader(store).run()
    (entry,) = await rows(store, "SELECT * FROM audit")
    assert (entry["event_id"], entry["act"], entry["detail"]) == (event, "member.block", detail)


async def test_names_may_be_swapped_within_a_batch(store: Store) -> None:
    one = await store.members.create(email="one@example.id", password_hash="x")
    two = await store.members.create(email="two@example.id", password_hash="x")
    await LogReader(store).run()
    for member, name in ((one, "tmp"), (two, "one"), (one, "two")):
        await store.members.change(member.id, email=f"{name}@example.id", username=name)
    await LogReader(store).run()
    found = await rows(store, "SELECT email FROM member ORDER BY created_at")
    assert [row["email"] for row in found] == ["two@example.id", "one@example.id"]
    assert await count(store, "event_rejected") == 0


async def test_a_deleted_members_name_is_free_within_a_batch_that_also_holds_poison(
    store: Store,
) -> None:
    old = await store.members.create(email="ani@example.id", password_hash="x")
    await LogReader(store).run()
    await store.members.delete(old.id, by="admin")
    new = await store.members.create(email="ani@example.id", password_hash="x")
    await write(store, "session.opened", **opened(user_agent="nul \0"))
    await LogReader(store).run()
    assert [row["id"] for row in await rows(store, "SELECT id FROM member")] == [new.id]
    assert await count(store, "event_rejected") == 1


POISON: dict[str, dict[str, Any]] = {
    "a field is missing": {"type": "session.opened", "data": {"member": "m1"}},
    "a field has another type": {"type": "session.opened", "data": opened(sid=["s"])},
    "text that Postgres does not take": {"type": "session.opened", "data": opened(ip="\0")},
    "half a character": {"type": "session.opened", "data": opened(ip="\ud800")},
    "a number that no column takes": {"type": "session.opened", "data": opened(epoch=2**80)},
    "a moment beyond the calendar": {"type": "session.opened", "data": opened(at=10**18)},
    "true for a number": {"type": "session.opened", "data": opened(epoch=True)},
    "a detail that jsonb does not take": {
        "type": "audit",
        "data": {"actor": "a", "act": "b", "at": NOON, "detail": {"x": "\0"}},
    },
    "no member": {"type": "member.changed", "data": {}},
    "a member that is no text": {"type": "member.deleted", "data": {"member": 7}},
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_is_put_aside_and_the_log_goes_on(store: Store, name: str) -> None:
    await write(store, "session.opened", **opened(sid="before", device="d0"))
    poison = await write(store, POISON[name]["type"], **POISON[name]["data"])
    await write(store, "session.opened", **opened(sid="after", device="d2"))
    assert await LogReader(store).run() == 3
    found = await rows(store, "SELECT sid FROM session_history ORDER BY sid")
    assert [row["sid"] for row in found] == ["after", "before"]
    (rejected,) = await rows(store, "SELECT * FROM event_rejected")
    assert rejected["event_id"] == poison
    assert rejected["type"] == POISON[name]["type"]
    assert rejected["error"] and rejected["data"].startswith("{")
    assert await LogReader(store).run() == 0


@pytest.mark.parametrize("data", ['{"actor": "a"', "[1]", "nul \0"])
async def test_data_that_is_no_json_object_is_kept_as_it_was(store: Store, data: str) -> None:
    fields: dict[Any, Any] = {"type": "audit", "data": data}
    await store.redis.xadd(store.keys.events(), fields)
    await LogReader(store).run()
    (rejected,) = await rows(store, "SELECT data FROM event_rejected")
    assert rejected["data"] == data.replace("\0", "\\0")


async def test_a_broken_hash_puts_aside_the_event_that_named_it(store: Store) -> None:
    await store.redis.hset(store.keys.member("m1"), mapping={"id": "m1", "created_at": "soon"})
    await write(store, "member.changed", member="m1")
    await write(store, "session.opened", **opened(member="m2"))
    await LogReader(store).run()
    assert await count(store, "event_rejected") == await count(store, "session_history") == 1


async def test_a_name_held_twice_costs_only_the_later_row(store: Store) -> None:
    one = await store.members.create(email="one@example.id", password_hash="x")
    two = await store.members.create(email="two@example.id", password_hash="x")
    old = await store.members.create(email="old@example.id", password_hash="x")
    await LogReader(store).run()
    await store.members.delete(old.id, by="admin")  # and its name is free within the same batch
    new = await store.members.create(email="old@example.id", password_hash="x")
    await store.redis.hset(store.keys.member(two.id), "email", "ONE@example.id")
    await write(store, "member.changed", member=two.id)
    await write(store, "session.opened", **opened())
    await LogReader(store).run()
    found = await rows(store, "SELECT id, email FROM member ORDER BY email")
    assert [row["id"] for row in found] == [new.id, one.id, two.id]
    assert found[2]["email"] == "two@example.id"
    assert await count(store, "event_rejected") == await count(store, "session_history") == 1


async def test_a_table_that_is_missing_stops_the_log_and_rejects_nothing(store: Store) -> None:
    await write(store, "session.opened", **opened())
    await _execute(store, "ALTER TABLE session_history RENAME TO elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await LogReader(store).run()
    await _execute(store, "ALTER TABLE elsewhere RENAME TO session_history")
    assert await count(store, "event_rejected") == 0
    assert await LogReader(store).run() == 1


async def test_more_than_a_batch_is_applied_in_one_run(store: Store) -> None:
    await write_audits(store, 2 * BATCH + 7)
    assert await LogReader(store).run() == 2 * BATCH + 7
    assert await count(store, "audit") == 2 * BATCH + 7


async def test_a_run_ends_when_its_time_is_over_and_asks_for_the_next(store: Store) -> None:
    await write_audits(store, 3 * BATCH)
    assert await LogReader(store).run(seconds=0) == BATCH
    await _until(lambda: store.queue.is_waiting("default"))


async def test_a_run_gives_way_to_an_urgent_job(store: Store) -> None:
    await write_audits(store, 3 * BATCH)
    await store.queue.enqueue("jobs.persist.run", queue="urgent")
    assert await LogReader(store).run() == BATCH


async def test_the_cursor_is_told_and_the_log_trimmed_behind_it(store: Store) -> None:
    old = int(time.time() * 1000) - KEEP_MS - 60_000
    data = '{"actor": "a", "act": "b", "at": 1}'
    fields: dict[Any, Any] = {"type": "audit", "data": data}
    for number in range(3):
        await store.redis.xadd(store.keys.events(), fields, id=f"{old}-{number}")
    recent = await write(store, "audit", actor="a", act="b", at=NOON)
    await LogReader(store).run()
    kept: Any = await store.redis.xrange(store.keys.events())
    assert [entry[0] for entry in kept] == [recent]
    assert await store.redis.get(store.keys.persisted()) == recent
    assert await store.events.lag_seconds() == 0


async def test_a_log_that_was_begun_anew_is_read_from_its_start(store: Store) -> None:
    """Redis on another machine, whose clock is behind: its ids are smaller than the cursor."""
    await write_audits(store, 3)
    await LogReader(store).run()
    await store.redis.delete(store.keys.events(), store.keys.persisted())
    fields: dict[Any, Any] = {"type": "audit", "data": '{"actor":"a","act":"new","at":1}'}
    await store.redis.xadd(store.keys.events(), fields, id="1000-0")
    assert await LogReader(store).run() == 2  # the other is that Redis was brought up to date
    assert await LogReader(store).run() == 0
    assert len(await rows(store, "SELECT 1 FROM audit WHERE act = 'new'")) == 1


async def test_two_runs_at_once_apply_each_event_once(store: Store, settings: Settings) -> None:
    await _note_each_application(store)
    await write_audits(store, 4 * BATCH)
    async with open_store(settings) as other:
        passed = await asyncio.gather(*(LogReader(one).run() for one in (store, other, store)))
    assert sum(passed) == 4 * BATCH
    await _assert_each_once(store, 4 * BATCH)


async def test_an_event_whose_wake_up_finds_the_cursor_taken_is_not_left_behind(
    store: Store, settings: Settings
) -> None:
    await _note_each_application(store)
    await write_audits(store, 1)
    assert await LogReader(store).run() == 1  # who comes first of all makes the cursor
    await _execute(store, SLOW.format(table="audit"))
    await write_audits(store, 300)
    async with open_store(settings) as other:
        running = asyncio.create_task(LogReader(store).run())
        await _until(lambda: _is_applying(other, beyond=1))
        await write(other, "audit", actor="a", act="late", at=NOON)
        assert await LogReader(other).run() == 0  # its wake-up found the cursor taken
        assert await asyncio.wait_for(running, 20) == 301
    assert len(await rows(store, "SELECT 1 FROM audit WHERE act = 'late'")) == 1


@pytest.mark.parametrize("moment", ["audit", "event_cursor"])
async def test_killed_in_mid_batch_each_event_is_applied_once(
    store: Store, environment: dict[str, str], moment: str
) -> None:
    """Real processes, SIGKILL: while the effects are written, and when only the cursor is left.

    Either way the batch in hand is undone, and the next run begins with it.
    """
    await _note_each_application(store)
    await write_audits(store, 3 * BATCH)
    for kept in (0, BATCH):
        await _execute(store, SLOW.format(table=moment))
        process = _start_run(environment)
        await _until(partial(_is_applying, store, beyond=kept))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        await _until(lambda: _nobody_applies(store))
        assert await count(store, "audit") == await count(store, "applied") == kept
        await _execute(store, f"DROP TRIGGER slow ON {moment}")
        if kept == 0:
            assert await LogReader(store).run(seconds=0) == BATCH
    process = _start_run(environment)
    assert await asyncio.to_thread(process.wait, 30) == 0
    await _assert_each_once(store, 3 * BATCH)
    assert await store.redis.get(store.keys.persisted()) == await store.events.last_id()


async def test_postgres_away_the_log_waits_and_is_caught_up(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path / "pg" / "data", supervisor)
    server.start()
    migrate(server.url)
    settings = Settings.from_environment(environment | {"DATABASE_URL": server.url})
    try:
        async with open_store(settings) as store:
            await store.redis.set(store.keys.built(), "1")
            await write_audits(store, 10)
            assert await LogReader(store).run() == 10
            server.kill()
            await write_audits(store, 10)
            began = Stopwatch()
            assert await LogReader(store).run() == 0
            assert began.seconds < 5
            assert await store.events.lag_seconds() > 0
            await store.members.create(email="ani@example.id", password_hash="x")
            server.start()
            assert await LogReader(store).run() == 11
            assert await count(store, "audit") == 20
            assert await count(store, "member") == 1
    finally:
        server.stop()


async def test_how_fast_the_log_is_applied(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    async with store.redis.pipeline(transaction=False) as pipe:
        for number in range(5000):
            data = opened(member=member.id, sid=f"s{number}", epoch=number, at=NOON + number)
            pipe.xadd(store.keys.events(), {"type": "session.opened", "data": json.dumps(data)})
        await pipe.execute()
    began = time.monotonic()
    assert await LogReader(store).run() == 5001
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\npersist: {5001 / seconds:,.0f} events/s (session.opened, one device)")
    assert await count(store, "session_history") == 5000


def _start_run(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    return subprocess.Popen(RUN, env=clean | environment, cwd=ROOT)


SLOW = """
    CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION linger()
"""
"""Makes a batch take long enough to be met in the middle."""


async def _note_each_application(store: Store) -> None:
    """A trigger that notes each attempt to write an entry, also one that would change nothing."""
    await _execute(
        store,
        """
        CREATE TABLE applied (event_id text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO applied VALUES (NEW.event_id);
            RETURN NEW;
        END $$;
        CREATE TRIGGER note BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION note();
        CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep(CASE TG_TABLE_NAME WHEN 'audit' THEN 0.002 ELSE 1 END);
            RETURN NEW;
        END $$;
        """,
    )


async def _assert_each_once(store: Store, expected: int) -> None:
    assert await count(store, "applied") == await count(store, "audit") == expected
    subjects = await rows(store, "SELECT count(DISTINCT subject) AS subjects FROM audit")
    assert subjects[0]["subjects"] == expected


async def _is_applying(store: Store, beyond: int = 0) -> bool:
    """Whether a run is inside a batch this moment, after so many entries that are committed."""
    active = await rows(
        store,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'active' AND wait_event = 'PgSleep'",
    )
    return bool(active) and await count(store, "audit") == beyond


async def _nobody_applies(store: Store) -> bool:
    others = await rows(
        store,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
    )
    return not others


async def _execute(store: Store, query: str) -> None:
    async with store.database.connection() as connection:
        await connection.execute(query.encode())


async def _until(ask: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not await ask():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
