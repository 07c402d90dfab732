"""An older Postgres beside a newer Redis: what is said, and what the command brings back."""

from __future__ import annotations

import asyncio
import os

import pytest

from jobs.persist.reader import LogReader
from jobs.persist.refilling import refill
from store.attendance.meetings import By
from store.continuity import HistoryBroken
from store.errors import Unavailable
from store.opening import Store
from store.restoring import restore
from store.settings import SETTING_NAMES
from tests.forkserver import ForkServer
from tests.histories import PostgresCopy
from tests.jobs.log import rows, write_audits
from tests.licences import act, bought
from tests.lynk import deliver, payment
from tests.orders import settle
from tests.pupils import Phone, iso
from tests.serving import open_session, serving

PHONE = "AA:BB:CC:00:00:01"


async def all_of(store: Store, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in await rows(store, query)]


SHOWN = (
    "SELECT id, email, status, password FROM member ORDER BY id",
    "SELECT sid, member_id, opened_at, reason FROM session_history ORDER BY sid",
    "SELECT id, is_active, is_primary FROM user_device ORDER BY id",
    "SELECT id, title, version FROM meetings ORDER BY id",
    "SELECT meeting_id, student_id FROM meeting_students ORDER BY 1, 2",
    "SELECT id, student_id, status FROM attendances ORDER BY id",
    "SELECT member_id, phone, approved, stack FROM hotspot_account ORDER BY 1",
    "SELECT member_id, slot, mac FROM hotspot_device ORDER BY 1, 2",
    "SELECT id, name, quota FROM hotspot_package ORDER BY id",
)


async def test_an_older_postgres_has_again_what_redis_knows(
    environment: dict[str, str], fork_server: ForkServer
) -> None:
    async with serving(environment) as site:
        store = site.store
        kept = await site.member("kept")
        await LogReader(store).run()
        older = PostgresCopy(site.settings.database_url)
        teacher = await site.member("guru", role="teacher")
        new = await site.member("new", phone="081234567890")
        await store.members.block(kept.id, by="admin")
        for method in ("password", "mobile"):
            await open_session(store, new, method=method)
        gone = await open_session(store, teacher)
        await store.sessions.leave(gone.credential)
        wish = {"title": "Kelas", "starts_at": iso(-1), "ends_at": iso(1), "timezone": "UTC"}
        meeting = await store.attendance.meetings.create(wish, By(teacher.id, ""))
        assert (await Phone(site.port).fill(meeting.id)).status == 201
        await store.hotspot.devices.bind(new.id, PHONE, "192.168.200.10")
        package = await store.hotspot.packages.make("Harian", 100, 30, False, None)
        await store.hotspot.quota.give(new.id, package.id)
        await LogReader(store).run()
        before = {query: await all_of(store, query) for query in SHOWN}
        older.put_back()
        await store.redis.xtrim(store.keys.events(), maxlen=0, approximate=False)
        await write_audits(store, 1)
        assert await LogReader(store).run() == 0
        report = await site.browser().get("/readyz")
        (line,) = [one for one in report.json["degraded"] if one.startswith("event_log: Postgres")]
        assert "scripts.restore --to-postgres" in line
        with pytest.raises(HistoryBroken):
            await restore(store, print)

        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        done = await asyncio.to_thread(
            fork_server.run,
            "-m",
            "scripts.restore",
            "--to-postgres",
            env=clean | environment,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        assert "the log is read again from its start" in done.stdout
        assert {query: await all_of(store, query) for query in SHOWN} == before
        assert await LogReader(store).run() == 1
        assert await store.continuity.broken() is None
        assert await store.set_aside.waiting() is None
        mails = await rows(
            store, "SELECT template FROM email_outbox WHERE template = 'ponsel_baru'"
        )
        assert mails == []  # whose phone it is was told when it came


async def test_an_order_that_postgres_lost_comes_back_with_its_key(
    environment: dict[str, str],
) -> None:
    async with bought(environment) as (site, first):
        store = site.store
        await LogReader(store).run()
        older = PostgresCopy(site.settings.database_url)
        second, third = payment(), payment()
        await deliver(site.browser(), second)
        await settle(store)
        keys = await all_of(store, "SELECT key_license FROM lynk_webhook ORDER BY id")
        lost = str(keys[-1][0])
        holder = (await act(site.browser(), "activate", lost, fingerprint="f1")).json["instance"]
        await act(site.browser(), "activate", first, fingerprint="f2")
        await LogReader(store).run()

        older.put_back()
        await store.redis.xtrim(store.keys.events(), maxlen=0, approximate=False)
        await refill(store, print)
        held = await all_of(store, "SELECT key_license, device_active FROM lynk_webhook")
        assert held[0][0] == first and held[0][1]
        await deliver(site.browser(), third)  # takes no number that Redis knows
        await settle(store)
        await deliver(site.browser(), second)  # Lynk.id is asked to send it again, within the hour
        await settle(store)
        again = await all_of(store, "SELECT key_license FROM lynk_webhook ORDER BY id")
        assert len(again) == 3 and set(keys) <= set(again)
        answer = await act(site.browser(), "validate", lost, instance_id=holder["id"])
        assert answer.json["valid"]
        assert (await act(site.browser(), "activate", lost, fingerprint="f3")).json["activated"]
        await LogReader(store).run()
        assert await store.set_aside.waiting() is None
        (row,) = await rows(
            store,
            f"SELECT device_active FROM lynk_webhook WHERE key_license = '{lost}'",  # noqa: S608
        )
        assert row["device_active"] not in (None, holder["id"])


async def test_an_emptied_redis_fills_nothing(store: Store) -> None:
    with pytest.raises(Unavailable):
        await refill(store, print)
