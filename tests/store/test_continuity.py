"""How two histories part, and what follows: the pure rule, and the door that is shut meanwhile."""

from __future__ import annotations

import pytest

from jobs.persist.reader import LogReader
from store.continuity import Break, Cursor, Seen, judge
from store.errors import SessionEnded, Unauthenticated, Unavailable
from store.opening import Store
from store.restoring import restore_if_needed
from tests.histories import PostgresCopy, RedisCopy
from tests.jobs.log import count, rows, write_audits
from tests.serving import open_session

AT = Cursor("3-b", "50-0", "m")

CASES = {
    "a first start": (Cursor("", "0-0", ""), Seen("", "", "0-0"), None),
    "a version before there were epochs": (Cursor("", "50-0", ""), Seen("", "m", "50-0"), None),
    "an empty Postgres beside a full Redis": (
        Cursor("", "0-0", ""),
        Seen("3-b", "", "50-0"),
        Break.POSTGRES_OLDER,
    ),
    "the same history": (AT, Seen("3-b", "m", "50-0"), None),
    "killed before Redis was told": (AT, Seen("3-b", "m", "40-0"), None),
    "a new epoch": (Cursor("3-b", "0-0", ""), Seen("3-b", "", "0-0"), None),
    "an older Postgres of which the log has the rest": (AT, Seen("3-b", "m", "70-0"), None),
    "an older Postgres": (AT, Seen("3-b", "", "70-0"), Break.POSTGRES_OLDER),
    "a Postgres of an epoch before": (AT, Seen("4-c", "", "70-0"), Break.POSTGRES_OLDER),
    "an emptied Redis": (AT, Seen("", "", "0-0"), Break.EMPTIED),
    "an older Redis": (AT, Seen("3-b", "", "40-0"), Break.REDIS_OLDER),
    "a Redis of an epoch before": (AT, Seen("2-a", "m", "50-0"), Break.REDIS_OLDER),
    "a log cut off behind the cursor": (AT, Seen("3-b", "", "50-0"), Break.TRIMMED),
    "another entry under the same id": (AT, Seen("3-b", "x", "50-0"), Break.DIFFERENT),
    "another site's Redis": (AT, Seen("3-z", "m", "50-0"), Break.DIFFERENT),
}


@pytest.mark.parametrize("name", CASES)
def test_how_histories_part(name: str) -> None:
    cursor, seen, kind = CASES[name]
    assert judge(cursor, seen) is kind


async def test_the_first_batch_makes_the_epoch_and_each_leaves_its_mark(store: Store) -> None:
    await write_audits(store, 2)
    await LogReader(store).run()
    (row,) = await rows(store, "SELECT epoch, last_id, mark FROM event_cursor")
    assert row["epoch"].startswith("1-")
    assert row["epoch"] == await store.redis.get(store.keys.epoch())
    assert row["last_id"] == await store.events.last_id() and len(row["mark"]) == 32
    await write_audits(store, 1)
    assert await LogReader(store).run() == 1


async def test_while_an_older_redis_is_not_mended_nobody_is_let_in(store: Store) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    opened = await open_session(store, member)
    await store.sessions.check(opened.credential, touch=False)
    await store.continuity.note(Break.REDIS_OLDER)
    with pytest.raises(Unavailable):
        await store.sessions.check(opened.credential, touch=False)
    with pytest.raises(Unavailable):
        await open_session(store, member)
    assert await store.continuity.broken() is Break.REDIS_OLDER
    await LogReader(store).run()
    await restore_if_needed(store)
    assert await store.continuity.broken() is None
    await store.sessions.check(opened.credential, touch=False)


async def test_an_older_redis_learns_what_postgres_knows(store: Store, settings) -> None:
    """Blocks, passwords, names, ended and lost sessions, deleted members."""
    made = [
        await store.members.create(email=f"{name}@example.id", password_hash="x")
        for name in ("blocked", "changed", "gone", "inside", "late")
    ]
    blocked, changed, gone, inside, late = made
    sessions = [await open_session(store, member) for member in made[:4]]
    await LogReader(store).run()
    older = RedisCopy(settings.redis_url)
    await store.members.block(blocked.id, by="admin")
    await store.members.change(changed.id, email="new@example.id", username="new")
    await store.members.set_password(changed.id, "sandi yang baru")
    await store.sessions.leave(sessions[1].credential)
    await store.members.delete(gone.id, by="admin")
    lost = await open_session(store, late)
    await LogReader(store).run()
    password = (await store.members.get(changed.id)).password

    older.put_back()
    await store.members.change(blocked.id, name="changed since, by who knew of no block")
    await LogReader(store).run()
    assert await store.continuity.broken() is None
    assert (await store.members.get(blocked.id)).status == "blocked"
    assert (await store.members.get(changed.id)).password == password
    assert await store.members.find("changed@example.id") is None
    assert (await store.members.find("new@example.id")).id == changed.id  # type: ignore[union-attr]
    assert await store.members.find("gone@example.id") is None
    for session in (*sessions[:3], lost):
        with pytest.raises((SessionEnded, Unauthenticated)):
            await store.sessions.check(session.credential, touch=False)
    await store.sessions.check(sessions[3].credential, touch=False)
    await LogReader(store).run()
    found = await rows(store, "SELECT id, status, password FROM member ORDER BY id")
    assert {row["id"] for row in found} == {member.id for member in made} - {gone.id}
    assert {row["id"]: row["status"] for row in found}[blocked.id] == "blocked"
    assert {row["id"]: row["password"] for row in found}[changed.id] == password
    (row,) = await rows(
        store,
        f"SELECT reason FROM session_history WHERE sid = '{lost.session.sid}'",  # noqa: S608
    )
    assert row["reason"] == "lost"
    assert await store.set_aside.waiting() is None
    (epoch,) = await rows(store, "SELECT epoch FROM event_cursor")
    assert epoch["epoch"].startswith("2-")


async def test_a_copy_from_before_the_last_epoch_is_found_too(store: Store, settings) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await LogReader(store).run()
    older = RedisCopy(settings.redis_url)
    for _ in range(2):
        await store.members.block(member.id, by="admin")
        await LogReader(store).run()
        older.put_back()
        await LogReader(store).run()
        assert (await store.members.get(member.id)).status == "blocked"
        await store.members.admit(member.id, by="admin")
        await LogReader(store).run()
    assert (await rows(store, "SELECT status FROM member"))[0]["status"] == "active"


async def test_an_emptied_redis_is_rebuilt_by_whoever_sees_it_first(store: Store) -> None:
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await open_session(store, member)
    await LogReader(store).run()
    await store.redis.flushdb()
    await store.redis.set(store.keys.built(), "1")  # even if somebody claims that it is whole
    await LogReader(store).run()
    assert await store.members.find("ani@example.id") == await store.members.get(member.id)
    assert (await rows(store, "SELECT reason FROM session_history"))[0]["reason"] == "lost"
    await store.members.block(member.id, by="admin")
    assert await LogReader(store).run() > 0
    assert (await rows(store, "SELECT status FROM member"))[0]["status"] == "blocked"


async def test_a_standby_that_lacked_some_of_it_reads_the_rest_again(
    store: Store, settings
) -> None:
    await write_audits(store, 3)
    await LogReader(store).run()
    older = PostgresCopy(settings.database_url)
    await write_audits(store, 4)
    await LogReader(store).run()
    older.put_back()
    assert await LogReader(store).run() == 4
    assert await count(store, "audit") == 7
    assert await store.continuity.broken() is None


@pytest.mark.parametrize("how", ["trimmed", "older"])
async def test_a_gap_stops_the_log_and_is_not_trimmed(store: Store, settings, how: str) -> None:
    await write_audits(store, 3)
    await LogReader(store).run()
    older = PostgresCopy(settings.database_url)
    await write_audits(store, 2)
    if how == "older":
        await LogReader(store).run()
        older.put_back()
    await store.redis.xtrim(store.keys.events(), maxlen=1, approximate=False)
    for _ in range(2):
        assert await LogReader(store).run() == 0
    kind = await store.continuity.broken()
    assert kind is (Break.TRIMMED if how == "trimmed" else Break.POSTGRES_OLDER)
    assert kind is not None and "--to-postgres" in kind.words
    assert await store.redis.xlen(store.keys.events()) == 1
    assert await count(store, "audit") == 3
    member = await store.members.create(email="ani@example.id", password_hash="x")
    await open_session(store, member)  # what Redis has is whole
