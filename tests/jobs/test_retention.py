"""What is forgotten, what stays, and that forgetting is cheap, bounded and can be cut short."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobs import retention
from store.database import statement
from store.opening import Store
from store.payments.intake import HELD_DAYS
from tests.jobs.log import count, rows

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

AGED = {
    "audit": (
        "(event_id, actor, act, subject, detail, ip, at) VALUES (%(id)s, 'a', 'b', '', '{}', '',"
        " %(at)s)",
        400,
    ),
    "session_history": (
        "(sid, member_id, device_id, kind, epoch, opened_at, ended_at) VALUES (%(id)s, 'm', 'd',"
        " 'web', 1, %(at)s, %(at)s)",
        400,
    ),
    "user_device": (
        "(id, member_id, device_type, device_name, browser_id, device_fingerprint, user_agent,"
        " last_ip, is_active, sid, opened_at, last_active_at, created_at) VALUES (%(id)s, 'm',"
        " 'web', '', '', '', '', '', false, 's', %(at)s, %(at)s, %(at)s)",
        400,
    ),
    "event_rejected": (
        "(event_id, type, data, error, at) VALUES (%(id)s, '', '', '', %(at)s)",
        400,
    ),
    "member_gone": ("(id, gone_at) VALUES (%(id)s, %(at)s)", 400),
    "attendances_revoked": (
        "(id, meeting_id, student_id, attendance_day, revoked_by, revoked_at) VALUES (%(id)s, 'm',"
        " gen_random_uuid(), %(at)s::date, '', %(at)s)",
        401,
    ),
    "hotspot_transition": (
        "(event_id, member_id, before, status, at) VALUES (%(id)s, 'm', '', 'aktif', %(at)s)",
        400,
    ),
    "hotspot_day": ("(member_id, day, bytes) VALUES (%(id)s, %(at)s::date, 1)", 401),
    "lynk_inbox": (
        "(id, body, header, address, tier, ref_id, verified, signed_with, state, receipts,"
        " received_at, last_at) VALUES (%(id)s, '', '', '', 'redis', '', false, '', 'quarantined',"
        " '{}', %(at)s, %(at)s)",
        400,
    ),
    "email_outbox": (
        "(dedupe_key, template, recipient, payload, state, created_at) VALUES (%(id)s, '', '',"
        " '{}', 'sent', %(at)s)",
        90,
    ),
    "message_outbox": (
        "(key, member_id, kind, due_at, sent_at) VALUES (%(id)s, 'm', 'k', %(at)s, %(at)s)",
        90,
    ),
    "qr_login_token": (
        "(id, token, status, delivery, web_fingerprint, web_user_agent, web_ip, web_name,"
        " browser_id, expires_at, created_at) VALUES (%(id)s, %(id)s, 'redeemed', 'cookie', '', '',"
        " '', '', '', %(at)s, %(at)s)",
        90,
    ),
    "attendance_attempts": (
        "(event_id, meeting_id, attendance_day, type, name, class, device_id, winner, ip,"
        " user_agent, at) VALUES (%(id)s, 'm', %(at)s::date, '', '', '', '', '', '', '', %(at)s)",
        90,
    ),
}
"""Each table that only grows: how a row of an age is written, and the days it is kept."""


async def execute(store: Store, query: str, **params: object) -> None:
    async with store.database.connection() as connection:
        await connection.execute(query.encode(), params)


async def add(store: Store, table: str, id: str, days: float) -> None:
    columns, _ = AGED[table]
    query = f"INSERT INTO {table} {columns.replace('%(at)s', '(%(now)s - %(age)s)')}"
    age = f"{days * 86_400} seconds"
    query = query.replace("%(age)s", "%(age)s::interval").replace("%(now)s", "%(now)s::timestamptz")
    await execute(store, query, id=id, now=NOW, age=age)


async def test_what_is_too_old_goes_and_what_is_younger_stays(store: Store) -> None:
    for table, (_, days) in AGED.items():
        await add(store, table, "young", days - 1)
        await add(store, table, "old", days + 1)
    gone = await retention.run(store, NOW)
    assert {table: await count(store, table) for table in AGED} == dict.fromkeys(AGED, 1)
    assert gone.pop("forget_stale_letters") == gone.pop("forget_held") == 0
    assert gone == dict.fromkeys(gone, 1) and len(gone) == len(AGED)
    assert (await rows(store, "SELECT sid FROM session_history")) == [{"sid": "young"}]


async def test_every_table_without_a_limit_is_known(store: Store) -> None:
    """A table that a migration adds has to be named here, or be among those that are for good."""
    for_good = {
        "attendances",
        "event_cursor",
        "hotspot_account",
        "hotspot_device",
        "hotspot_package",
        "hotspot_purchase",  # of a member, with whom it goes
        "hotspot_settled",
        "license_devices",
        "lynk_correction",  # of an order, which is kept
        "lynk_order",
        "lynk_product",
        "lynk_signature",
        "lynk_webhook",
        "meeting_students",
        "meetings",
        "member",
        "outbox_pause",  # a row an outbox
        "schema_migration",
        "students",
    }
    found = await rows(store, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    assert {row["tablename"] for row in found} - for_good == set(AGED)


async def test_what_is_still_of_use_stays_however_old(store: Store) -> None:
    await add(store, "session_history", "phone", 900)
    await execute(store, "UPDATE session_history SET ended_at = NULL")
    await add(store, "user_device", "phone", 900)
    await execute(store, "UPDATE user_device SET is_active = true")
    await add(store, "email_outbox", "owed", 900)
    await execute(store, "UPDATE email_outbox SET state = 'queued'")
    for state in ("done", "review", "conflict", "dead", "processing"):
        await add(store, "lynk_inbox", state, 900)
        await execute(store, "UPDATE lynk_inbox SET state = id WHERE id = %(id)s", id=state)
    await add(store, "lynk_inbox", "first", 900)
    await execute(store, "INSERT INTO lynk_signature VALUES ('signature', 'first')")
    gone = await retention.run(store, NOW)
    assert gone == dict.fromkeys(gone, 0)
    assert await count(store, "lynk_inbox") == 6


async def test_what_no_key_came_for_in_a_month_is_forgotten(store: Store) -> None:
    for id, state, reason, days in (
        ("old", "held", "no key", HELD_DAYS + 1),
        ("new", "held", "no key", HELD_DAYS - 1),
        ("sold", "review", "amount", HELD_DAYS + 1),
    ):
        await add(store, "lynk_inbox", id, days)
        await execute(
            store,
            "UPDATE lynk_inbox SET state = %(state)s, reason = %(reason)s, verified = false"
            " WHERE id = %(id)s",
            id=id,
            state=state,
            reason=reason,
        )
    await retention.run(store, NOW)
    left = await rows(store, "SELECT id FROM lynk_inbox ORDER BY id")
    assert [row["id"] for row in left] == ["new", "sold"]


async def test_a_mail_that_is_owed_waits_for_ever_unless_it_is_stale_news(store: Store) -> None:
    for id, template, days in (
        ("a", "ponsel_baru", 8),
        ("b", "ponsel_baru", 6),
        ("c", "license", 8),
    ):
        await add(store, "email_outbox", id, days)
        await execute(
            store,
            "UPDATE email_outbox SET state = 'queued', template = %(template)s"
            " WHERE dedupe_key = %(id)s",
            id=id,
            template=template,
        )
    await retention.run(store, NOW)
    left = await rows(store, "SELECT dedupe_key FROM email_outbox ORDER BY dedupe_key")
    assert [row["dedupe_key"] for row in left] == ["b", "c"]


async def test_a_run_goes_by_batches_and_one_cut_short_goes_on_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        await add(store, "audit", str(number), 500 + number)
    short = await retention.run(store, NOW, seconds=0)
    assert short["forget_audit"] == 2
    # the oldest first
    left = await rows(store, "SELECT event_id FROM audit ORDER BY event_id")
    assert [row["event_id"] for row in left] == ["0", "1", "2"]
    assert (await retention.run(store, NOW))["forget_audit"] == 3


async def test_a_row_that_somebody_holds_keeps_nobody_waiting(store: Store) -> None:
    for id in ("held", "free"):
        await add(store, "audit", id, 500)
    async with store.database.connection() as connection:
        await connection.execute(b"SELECT 1 FROM audit WHERE event_id = 'held' FOR UPDATE")
        assert (await retention.run(store, NOW))["forget_audit"] == 1
    assert (await retention.run(store, NOW))["forget_audit"] == 1


@pytest.mark.parametrize("kept", retention.TABLE, ids=lambda kept: kept.statement)
async def test_the_oldest_are_found_by_an_index(store: Store, kept: retention.Kept) -> None:
    query = b"EXPLAIN " + statement("retention", kept.statement)
    async with store.database.connection() as connection:
        # without rows Postgres would rather read the whole of nothing
        await connection.execute(b"SET LOCAL enable_seqscan = off")
        await connection.execute(b"SET LOCAL enable_sort = off")
        found = await connection.execute(query, {"before": NOW, "count": 10})
        plan = "\n".join(row["QUERY PLAN"] for row in await found.fetchall())
    assert "Seq Scan" not in plan and "Sort" not in plan, plan


async def test_the_operator_decides_how_long(
    store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (environment | {"RETENTION_DAYS": "30"}).items():
        monkeypatch.setenv(name, value)
    for id, days in (("old", 31), ("young", 29)):
        await execute(
            store,
            "INSERT INTO audit (event_id, actor, act, subject, detail, ip, at)"
            " VALUES (%(id)s, '', '', '', '{}', '', now() - make_interval(days => %(days)s))",
            id=id,
            days=days,
        )
    await retention.forget()
    assert [row["event_id"] for row in await rows(store, "SELECT event_id FROM audit")] == ["young"]
