"""The operator's side of the hotspot over real sockets: lists, counts, one member, packages."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from jobs.persist.reader import LogReader
from store.errors import NotFound
from store.hotspot import desk as desk_module
from store.hotspot.desk import Desk, Which
from store.opening import Store
from tests.client import Answer, Browser
from tests.serving import Serving, serving

PHONE = "0812000000"


@dataclass
class Counter:
    """A running server, and an admin at its desk."""

    site: Serving
    admin: Browser

    async def guest(self, name: str, number: int, quota_mb: int = 100, used_mb: int = 0) -> str:
        """A member with a phone, a package of so much, and so much of it used."""
        member = await self.site.member(f"{name}{number}".replace(" ", ""), name=name)
        hotspot = self.site.store.hotspot
        await hotspot.accounts.enrol(member.id, f"{PHONE}{number:02d}")
        used = used_mb << 20
        if quota_mb:
            await hotspot.quota.correct(member.id, quota=quota_mb << 20, used=used)
        return member.id

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """A request of the admin, with JSON when there is something to send."""
        data = b"" if body is None else json.dumps(body).encode()
        return await self.admin.send(method, f"/api/admin{path}", data)

    async def names(self, query: str = "") -> list[str]:
        """Whom a list shows."""
        answer = await self.ask("GET", f"/hotspot/members?{query}")
        assert answer.status == 200, answer.body
        return [row["name"] for row in answer.json["members"]]

    async def audited(self) -> list[tuple[str, str]]:
        """Act and subject of what was written down, newest first."""
        await LogReader(self.site.store).run()
        rows = (await self.ask("GET", "/audit")).json["audit"]
        return [(row["act"], row["subject"]) for row in rows]


@pytest.fixture
async def counter(environment: dict[str, str]) -> AsyncIterator[Counter]:
    async with serving(environment, MIKROTIK_ROUTERS="utara=api://127.0.0.1:9") as site:
        admin = await site.logged_in(await site.member("admin", role="admin"))
        yield Counter(site, admin)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "hotspot/overview"),
        ("GET", "hotspot/members"),
        ("GET", "hotspot/routers"),
        ("GET", "hotspot/plan"),
        ("GET", "hotspot/runs"),
        ("POST", "hotspot/sync"),
        ("GET", "packages"),
        ("POST", "packages"),
        ("PATCH", "packages/0123456789abcdef"),
        ("DELETE", "packages/0123456789abcdef"),
        ("GET", "members/0123456789abcdef/hotspot"),
        ("POST", "members/0123456789abcdef/hotspot/sync"),
        ("POST", "members/0123456789abcdef/hotspot/obstacle"),
        ("DELETE", "members/0123456789abcdef/hotspot/devices/01234567"),
    ],
)
async def test_only_an_admin_may(counter: Counter, method: str, path: str) -> None:
    nobody = counter.site.browser()
    teacher = await counter.site.logged_in(await counter.site.member("guru", role="teacher"))
    assert (await nobody.send(method, f"/api/admin/{path}", b"")).status == 401
    assert (await teacher.send(method, f"/api/admin/{path}", b"")).status == 403


async def test_pages_lead_those_who_may_not_away(counter: Counter) -> None:
    teacher = await counter.site.logged_in(await counter.site.member("guru", role="teacher"))
    for path in ("/admin/hotspot", "/admin/products"):
        html = {"Accept": "text/html"}
        nobody = await counter.site.browser().get(path, **html)
        assert (nobody.status, nobody.headers["location"]) == (302, "/login")
        assert (await teacher.get(path, **html)).status == 403
        assert (await counter.admin.get(path, **html)).status == 200


async def test_members_are_found_by_name_phone_status_and_by_what_they_wait_for(
    counter: Counter,
) -> None:
    siti = await counter.guest("Siti Rahma", 1)
    await counter.guest("budi", 2, used_mb=90)
    rina = await counter.guest("Rina", 3)
    store = counter.site.store
    await store.hotspot.accounts.approve(rina, False)
    await store.redis.hset(store.keys.hotspot(siti), "settled:utara", "aktif")
    assert await counter.names() == ["budi", "Rina", "Siti Rahma"]
    assert await counter.names("q=SITI") == ["Siti Rahma"]
    assert await counter.names("q=0812-0000-0002") == ["budi"]
    assert await counter.names("q=%2B62812000000") == ["budi", "Rina", "Siti Rahma"]
    assert await counter.names("q=orang") == []
    assert await counter.names("status=fup") == ["budi"]
    assert await counter.names("waiting=1") == ["Rina"]
    assert await counter.names("pending=1") == ["budi"]
    assert await counter.names("pending=1&status=fup&q=bud") == ["budi"]
    assert await counter.names(f"ids={siti},{'0' * 16}") == ["Siti Rahma"]


async def test_a_list_goes_on_where_it_ended(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await counter.guest(f"Anggota {number}", number, used_mb=90 if number % 2 else 0)
    for scan in (2_000, 3):
        monkeypatch.setattr(desk_module, "SCAN", scan)
        monkeypatch.setattr(desk_module, "STEP", 2)
        seen: list[str] = []
        after, turns = "", 0
        while after is not None:
            answer = (
                await counter.ask("GET", f"/hotspot/members?status=fup&limit=2&after={after}")
            ).json
            assert answer["scanned"] <= max(scan, 7)
            seen += [row["name"] for row in answer["members"]]
            after, turns = answer["next"], turns + 1
        assert sorted(seen) == ["Anggota 1", "Anggota 3", "Anggota 5"]
        assert len(seen) == 3 and turns <= 4


@pytest.mark.parametrize(
    "query", ["status=rusak", "pending=2", "waiting=ya", "limit=0", "limit=x", "ids=x", "ids=,"]
)
async def test_an_odd_query_is_400(counter: Counter, query: str) -> None:
    answer = await counter.ask("GET", f"/hotspot/members?{query}")
    assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")


async def test_the_overview_counts_and_is_kept_for_a_moment(counter: Counter) -> None:
    await counter.guest("Siti", 1)
    await counter.guest("Budi", 2, used_mb=90)
    rina = await counter.guest("Rina", 3)
    await counter.site.store.hotspot.accounts.approve(rina, False)
    seen = (await counter.ask("GET", "/hotspot/overview")).json
    assert seen["members"] == 3 and seen["pending"] == 2 and seen["waiting_approval"] == 1
    counted = {status: count for status, count in seen["statuses"].items() if count}
    assert counted == {"aktif": 1, "fup": 1, "inactive": 1}
    assert [router["name"] for router in seen["routers"]] == ["utara"]
    store = counter.site.store
    await store.hotspot.accounts.approve(rina, True)
    assert (await counter.ask("GET", "/hotspot/overview")).json == seen
    assert 0 < await store.redis.pttl(store.keys.hotspot_overview()) <= 2_000
    await store.redis.delete(store.keys.hotspot_overview())
    assert (await counter.ask("GET", "/hotspot/overview")).json["waiting_approval"] == 0


async def test_ten_thousand_members_do_not_hold_the_loop(store: Store) -> None:
    async with store.redis.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            member = f"{number:016x}"
            pipe.hset(
                store.keys.member(member),
                mapping={"status": "active", "name": f"Anggota {number}", "username": member},
            )
            pipe.hset(
                store.keys.hotspot(member),
                mapping={"phone": f"6281{number:08d}", "purchased": 1 << 30, "used": number << 16},
            )
            pipe.sadd(store.keys.hotspot_accounts(), member)
        await pipe.execute()
    desk = Desk(store)
    held = 0.0

    async def watch() -> None:
        nonlocal held
        while True:
            before = time.thread_time()  # what others do on this machine is none of ours
            await asyncio.sleep(0)
            held = max(held, time.thread_time() - before)

    gc.collect()
    gc.freeze()  # nor is sweeping up what the test itself has left
    watching = asyncio.create_task(watch())
    counted = await desk.overview()
    rare = Which(text="Anggota 9999")
    after: str | None = ""
    rows: list[dict[str, Any]] = []
    turns = 0
    while after is not None:
        found = await desk.find(rare, after, 50)
        assert found.scanned <= desk_module.SCAN
        rows, after, turns = rows + found.rows, found.next, turns + 1
    watching.cancel()
    gc.unfreeze()
    print(f"\nlongest hold {held * 1000:.1f} ms")
    assert counted["members"] == 10_000 and counted["statuses"]["habis"] == 0
    assert [row["name"] for row in rows] == ["Anggota 9999"] and turns == 5
    assert held < 0.05


async def test_one_member_shows_the_usage_of_two_weeks(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1)
    store = counter.site.store
    today = (await store.hotspot.quota.days(siti))[-1][0]
    await store.redis.hset(store.keys.hotspot_days(siti), today, 5 << 20)
    answer = (await counter.ask("GET", f"/members/{siti}/hotspot")).json
    assert len(answer["days"]) == 14 and answer["days"][-1] == {"day": today, "bytes": 5 << 20}
    shown = answer["hotspot"]
    assert (shown["id"], shown["name"], shown["account"]) == (siti, "Siti", "active")
    assert (await counter.ask("GET", f"/members/{'0' * 16}/hotspot")).status == 404


async def test_a_device_is_taken_away_and_that_is_written_down(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1)
    _, slot = await counter.site.store.hotspot.devices.bind(siti, "A4:BB:CC:00:00:01", "10.0.0.2")
    path = f"/members/{siti}/hotspot/devices/{slot}"
    gone = await counter.ask("DELETE", path)
    assert gone.status == 200 and gone.json["hotspot"]["devices"] == []
    assert (await counter.ask("DELETE", path)).status == 404
    assert (
        await counter.ask("DELETE", f"/members/{'0' * 16}/hotspot/devices/{slot}")
    ).status == 404
    assert ("hotspot.device.remove", siti) in await counter.audited()


async def test_one_member_is_synchronised_and_that_is_written_down(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1)
    asked = await counter.ask("POST", f"/members/{siti}/hotspot/sync")
    assert asked.status == 202 and asked.json["hotspot"]["pending_on"] == ["utara"]
    assert (await counter.ask("POST", f"/members/{'0' * 16}/hotspot/sync")).status == 404
    assert ("hotspot.sync", siti) in await counter.audited()


async def test_without_a_router_nothing_is_synchronised(environment: dict[str, str]) -> None:
    async with serving(environment) as site:
        counter = Counter(site, await site.logged_in(await site.member("admin", role="admin")))
        siti = await counter.guest("Siti", 1)
        assert (await counter.ask("POST", f"/members/{siti}/hotspot/sync")).status == 404
        assert (await counter.ask("POST", "/hotspot/sync")).status == 404
        assert (await counter.ask("GET", "/hotspot/plan")).status == 404
        assert (await counter.ask("GET", "/hotspot/routers")).json["routers"] == []


async def test_routers_and_their_runs_are_told_apart(environment: dict[str, str]) -> None:
    routers = "utara=api://10.0.0.2,selatan=api-ssl://10.0.0.3"
    async with serving(environment, MIKROTIK_ROUTERS=routers) as site:
        admin = await site.logged_in(await site.member("admin", role="admin"))
        common = {"only": "", "members": 3, "prints": 5, "writes": 2, "pending": 0, "took_ms": 40}
        for router, state, at in (
            ("utara", "done", 100.0),
            ("selatan", "away", 100.0),
            ("utara", "done", 200.0),
            ("selatan", "away", 200.0),
        ):
            run = common | {"router": router, "state": state, "at": at, "errors": []}
            await site.store.hotspot.ledger.note_run(run | {"id": f"{router}{at}", "conflicts": {}})
        seen = (await admin.get("/api/admin/hotspot/routers")).json["routers"]
        assert [(one["name"], one["state"], one["away_since"]) for one in seen] == [
            ("utara", "done", None),
            ("selatan", "away", 100.0),
        ]
        assert "password" not in json.dumps(seen)
        runs = (await admin.get("/api/admin/hotspot/runs?router=selatan")).json["runs"]
        assert [run["at"] for run in runs] == [200.0, 100.0]
        assert len((await admin.get("/api/admin/hotspot/runs?limit=3")).json["runs"]) == 3


# Packages


async def package_of(counter: Counter, **terms: Any) -> dict[str, Any]:
    body = {"name": "Harian", "quota_mb": 2048, "days": 1, "unlimited": False} | terms
    made = await counter.ask("POST", "/packages", body)
    assert made.status == 201, made.body
    return dict(made.json["package"])


async def test_a_changed_package_is_what_is_given_from_then_on(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1, quota_mb=0)
    package = await package_of(counter)
    await counter.ask("POST", f"/members/{siti}/package", {"package_id": package["id"]})
    path = f"/packages/{package['id']}"
    changed = await counter.ask("PATCH", path, {"quota_mb": 4096, "fup_percent": 70})
    assert changed.json["package"] == package | {"quota_mb": 4096, "fup_percent": 70}
    assert (await counter.ask("GET", "/packages")).json["packages"] == [changed.json["package"]]
    shown = (await counter.ask("GET", f"/members/{siti}/hotspot")).json["hotspot"]
    assert shown["purchased_bytes"] == 2048 << 20
    given = await counter.ask("POST", f"/members/{siti}/package", {"package_id": package["id"]})
    bought = [one["purchased_bytes"] for one in given.json["hotspot"]["packages"]]
    assert bought == [2048 << 20, 4096 << 20], "each with the terms it was given with"
    assert ("package.change", package["id"]) in await counter.audited()
    rows = await counter.site.store.database.fetch(
        b"SELECT quota, fup_percent FROM hotspot_package"
    )
    assert [tuple(row.values()) for row in rows] == [(4096 << 20, 70)]


async def test_a_removed_package_stays_with_who_has_it(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1, quota_mb=0)
    package = await package_of(counter)
    await counter.ask("POST", f"/members/{siti}/package", {"package_id": package["id"]})
    assert (await counter.ask("DELETE", f"/packages/{package['id']}")).status == 200
    assert (await counter.ask("GET", "/packages")).json["packages"] == []
    shown = (await counter.ask("GET", f"/members/{siti}/hotspot")).json["hotspot"]
    assert (shown["status"], shown["package"]) == ("aktif", "Harian")
    again = await counter.ask("POST", f"/members/{siti}/package", {"package_id": package["id"]})
    assert again.status == 404
    for method, body in (("DELETE", None), ("PATCH", {"days": 2})):
        assert (await counter.ask(method, f"/packages/{package['id']}", body)).status == 404
    assert ("package.remove", package["id"]) in await counter.audited()
    left = b"SELECT 1 FROM hotspot_package WHERE removed_at IS NULL"
    assert await counter.site.store.database.fetch(left) == []


async def test_a_change_that_comes_too_late_brings_no_package_back(counter: Counter) -> None:
    packages = counter.site.store.hotspot.packages
    package = await packages.get((await package_of(counter))["id"])
    await packages.remove(package.id)
    with pytest.raises(NotFound):
        await packages.change(package)
    with pytest.raises(NotFound):
        await packages.remove(package.id)
    assert (await counter.ask("GET", "/packages")).json["packages"] == []


async def test_a_package_that_is_sold_is_not_removed(counter: Counter) -> None:
    package = await package_of(counter)
    sold = {"uuid": "u-1", "title": "Wi-Fi Harian", "grants": "hotspot"}
    unknown = await counter.ask("POST", "/products", sold | {"package_id": "0" * 16})
    assert (unknown.status, unknown.json["field"]) == (400, "package_id")
    mapped = await counter.ask("POST", "/products", sold | {"package_id": package["id"]})
    assert mapped.status == 201
    refused = await counter.ask("DELETE", f"/packages/{package['id']}")
    assert refused.status == 409 and "Wi-Fi Harian" in refused.json["message"]
    await counter.ask("DELETE", f"/products/{mapped.json['product']['id']}")
    assert (await counter.ask("DELETE", f"/packages/{package['id']}")).status == 200


async def test_fair_use_begins_at_a_percentage_or_at_what_is_left(counter: Counter) -> None:
    both = {"name": "Dua", "quota_mb": 100, "fup_percent": 80, "fup_remaining_mb": 10}
    refused = await counter.ask("POST", "/packages", both)
    assert (refused.status, refused.json["field"]) == (400, "fup_remaining_mb")
    package = await package_of(counter, fup_remaining_mb=500)
    assert (package["fup_percent"], package["fup_remaining_mb"]) == (None, 500)
    path = f"/packages/{package['id']}"
    ways = [
        ({"fup_percent": 70}, (70, None)),
        ({"days": 2}, (70, None)),
        ({"fup_remaining_mb": 300}, (None, 300)),
        ({"fup_remaining_mb": None}, (None, None)),
    ]
    for change, expected in ways:
        changed = (await counter.ask("PATCH", path, change)).json["package"]
        assert (changed["fup_percent"], changed["fup_remaining_mb"]) == expected, change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "body"),
        ({"id": "x"}, "id"),
        ({"name": " "}, "name"),
        ({"quota_mb": -1}, "quota_mb"),
        ({"quota_mb": True}, "quota_mb"),
        ({"days": 1.5}, "days"),
        ({"unlimited": "ya"}, "unlimited"),
        ({"fup_percent": 0}, "fup_percent"),
        ({"fup_remaining_mb": 0}, "fup_remaining_mb"),
        ({"fup_percent": 80, "fup_remaining_mb": 500}, "fup_remaining_mb"),
    ],
)
async def test_a_wrong_change_of_a_package_is_400(
    counter: Counter, change: dict[str, Any], field: str
) -> None:
    package = await package_of(counter)
    answer = await counter.ask("PATCH", f"/packages/{package['id']}", change)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert (await counter.ask("GET", "/packages")).json["packages"] == [package]


async def test_what_a_package_would_do_is_said_before_it_is_given(counter: Counter) -> None:
    siti = await counter.guest("Siti", 1, quota_mb=0)
    monthly = await package_of(counter)
    path = f"/members/{siti}/package"
    await counter.ask("POST", path, {"package_id": monthly["id"]})
    top_up = (await counter.ask("POST", "/packages", {"name": "Tambahan", "quota_mb": 512})).json
    wish = {"package_id": top_up["package"]["id"]}
    before = (await counter.ask("GET", f"/members/{siti}/hotspot")).json["hotspot"]
    answer = await counter.ask("POST", path, wish | {"dry_run": True})
    assert (answer.status, answer.json["dry_run"]) == (200, True)
    would = answer.json["hotspot"]["packages"]
    assert [(one["package"], one["state"]) for one in would] == [
        ("Harian", "in_use"),
        ("Tambahan", "next"),
    ]
    assert would[1]["expires_at"] == would[0]["expires_at"] == before["expires_at"], (
        "no end is lost"
    )
    still = (await counter.ask("GET", f"/members/{siti}/hotspot")).json["hotspot"]
    assert still["packages"] == before["packages"], "nothing was given"
    given = (await counter.ask("POST", path, wish)).json["hotspot"]["packages"]
    assert [one | {"id": "", "given_at": 0, "begins_at": 0} for one in given] == [
        one | {"id": "", "given_at": 0, "begins_at": 0} for one in would
    ]
    for bad in ("ja", 1, None):
        assert (await counter.ask("POST", path, wish | {"dry_run": bad})).status == 400


async def test_the_owner_decides_on_a_row_that_is_in_the_way(counter: Counter) -> None:
    siti = await counter.guest("siti", 1)
    store = counter.site.store
    seen = {"kind": "binding", "whose": "TV Pak RT", "where": "AA:BB:CC:00:00:01", "mark": "m" * 16}
    async with store.hotspot.leases.taken("utara", 1.0) as lease:
        assert lease is not None
        await store.hotspot.ledger.note_obstacle("utara", siti, json.dumps(seen), lease)
    said = (await counter.ask("GET", f"/members/{siti}/hotspot")).json["hotspot"]
    assert said["pending"] and said["agreed_on"] == []
    assert said["obstacles"] == [{"router": "utara", **seen, "decision": ""}]
    path, body = f"/members/{siti}/hotspot/obstacle", {"router": "utara", "mark": "m" * 16}
    for choice in ("leave", "take"):
        answer = await counter.ask("POST", path, {**body, "choice": choice})
        assert answer.json["hotspot"]["obstacles"][0]["decision"] == choice
    assert (await store.hotspot.accounts.get(siti)).taken("utara") == "m" * 16
    assert (await counter.ask("POST", path, {**body, "choice": "drop"})).status == 400
    stale = {**body, "mark": "n" * 16, "choice": "take"}
    assert (await counter.ask("POST", path, stale)).status == 404
