"""The hotspot engine against a router over a real socket, with a store on a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from jobs.hotspot.engine import Engine
from jobs.hotspot.usage import seconds_of
from jobs.mikrotik import Write, open_link
from scripts.benchmark.measures.hotspot import bar, settle_in
from scripts.router_check import check
from scripts.simulator.part import RouterPart
from store.hotspot.deciding import Policy
from store.opening import open_store
from store.settings import Settings
from tests.hotspot import shown
from tests.jobs.house import PHONE, House
from tests.stopwatch import Stopwatch

USER, BINDING = "/ip/hotspot/user", "/ip/hotspot/ip-binding"
MB = 1 << 20


@pytest.fixture
def settings(environment: dict[str, str], router: RouterPart) -> Settings:
    more = {"MIKROTIK_HOST": "127.0.0.1", **router.settings}
    return Settings.from_environment({**environment, **more})


@pytest.fixture
async def house(settings: Settings, router: RouterPart) -> AsyncIterator[House]:
    async with open_store(settings) as store:
        await store.redis.set(store.keys.built(), "1")
        yield House(store, router)


async def test_a_member_gets_in_and_the_second_run_writes_nothing(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    assert not house.send()
    report = await house.sync()
    assert report.state == "done" and report.writes == 3, report
    assert house.send()
    (binding,) = house.rows("ip-binding")
    assert binding["comment"].startswith("081200000001 [jaga uid=" + member)
    again = await house.sync()
    assert (again.writes, again.state) == (0, "done") and house.prints() <= 6
    assert (await house.account(member)).settled["utama"] == "aktif"


async def test_a_block_takes_the_internet_away_in_two_seconds(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    assert house.send()
    house.router.control("fault", eager_devices=True)
    began = Stopwatch()
    await house.store.members.block(member, by="admin")
    report = await house.sync(member)
    assert began.seconds < 2
    assert not house.send() and house.rows("ip-binding") == []
    assert house.rows("user")[0]["profile"] == "profile-blokir"
    assert house.rows("user")[0]["disabled"] == "true"
    assert house.prints() <= 6 and report.changes[0]["to"] == "blocked"
    passed = [passed for _, _, passed in house.router.read("state")["passages"]]
    assert passed == sorted(passed, reverse=True), "it got back between two calls"
    await house.store.members.admit(member, by="admin")
    await house.sync(member)
    assert house.send()


async def test_quota_runs_down_to_slow_and_to_nothing(house: House) -> None:
    member = await house.person(1, PHONE, quota_mb=100)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    house.send()
    house.send(84 * MB - 1)
    await house.sync()
    assert (await shown(house.store, member)).used == 84 * MB
    days = await house.store.hotspot.quota.days(member)
    assert len(days) == 14 and [used for _, used in days] == [0] * 13 + [84 * MB]
    house.send(MB)
    house.router.control("fault", eager_devices=True)
    await house.sync()
    assert (await house.account(member)).settled["utama"] == "fup"
    assert house.send(), "it was logged in again"
    assert house.rows("active")[0]["user"] == "081200000001"
    house.send(15 * MB)
    report = await house.sync()
    assert (await house.account(member)).settled["utama"] == "habis", report
    assert not house.send() and house.rows("active") == []
    package = await house.store.hotspot.packages.make("Tambah", 50, 30, False, None)
    await house.store.hotspot.quota.give(member, package.id)
    await house.sync()
    assert house.send()


async def test_going_slow_is_a_login_and_the_device_is_in_again(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    await house.store.hotspot.quota.correct(member, used=90 * MB)
    await house.sync()
    house.send()
    await house.sync()
    assert house.send() and house.rows("active")[0]["login-by"] == "admin"


@pytest.mark.timeout(120)
async def test_a_run_cut_off_after_any_write_is_made_whole_by_the_next(house: House) -> None:
    members = [await house.person(n, f"AA:BB:CC:00:01:{n:02X}") for n in range(1, 5)]
    for n in range(1, 5):
        house.router.control("join", mac=f"AA:BB:CC:00:01:{n:02X}", ip=f"192.168.200.{n}")
    await house.sync()
    for cut in range(2 * len(CUTS)):
        for n, member in enumerate(members):
            barred = (n + cut) % 2
            change = house.store.members.block if barred else house.store.members.admit
            await change(member, by="admin")
        # the connection dies right after the write, and the run with it
        path, verb = CUTS[cut % len(CUTS)]
        command = f"/ip/hotspot/{path}/{verb}"
        house.router.control("fault", kind="lose_reply", command=command, after=cut // len(CUTS))
        first = await house.sync()
        assert first.state == "away", first
        house.router.control("fault", clear=True)
        for _ in range(3):
            report = await house.sync()
        assert report.writes == 0 and report.state == "done", (cut, first, report)
        for n, member in enumerate(members):
            barred = (n + cut) % 2
            assert house.send(mac=f"AA:BB:CC:00:01:{n + 1:02X}") == (not barred), (cut, n)
            assert (await house.account(member)).settled["utama"] == (
                "blocked" if barred else "aktif"
            )


CUTS = (
    ("user", "set"),
    ("ip-binding", "remove"),
    ("host", "remove"),
    ("ip-binding", "add"),
)


async def test_whoever_lost_the_lease_writes_nothing_more(house: House) -> None:
    await house.person(1, PHONE)
    house.router.control("fault", delay_seconds=0.15)
    running = asyncio.create_task(house.sync())
    await asyncio.sleep(0.4)
    lease, fence = (
        house.store.keys.hotspot_lease("utama"),
        house.store.keys.hotspot_fence("utama"),
    )
    token = await house.store.redis.incr(fence)
    await house.store.redis.set(lease, token)
    assert (await running).state == "overtaken"
    assert house.rows("user") == [] and house.rows("ip-binding") == []
    assert await house.store.redis.get(lease) == str(token), "another's lease is not given back"


async def test_two_runs_at_once_are_one(house: House) -> None:
    await house.person(1, PHONE)
    house.router.control("fault", delay_seconds=0.4)
    reports = await asyncio.gather(*(house.engine().run() for _ in range(3)))
    assert sorted(report.state for report in reports) == ["busy", "busy", "done"]


async def test_a_run_for_one_member_costs_nobody_the_run_over_everybody(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("fault", delay_seconds=0.05)
    one = asyncio.create_task(house.engine().run(member))
    await asyncio.sleep(0.1)
    assert (await house.engine().run()).state == "done"
    assert (await one).state == "done"


async def test_a_block_need_not_wait_for_a_long_run(house: House) -> None:
    """1,200 writes at 20 ms each: a run over everybody gives way after a chunk, and the rest is
    another run's."""
    members = [
        await house.person(n, f"A4:BB:CC:01:{n >> 8:02X}:{n & 255:02X}", quota_mb=0)
        for n in range(600)
    ]
    for member in members:
        await house.store.hotspot.quota.correct(member, unlimited=True)
    house.router.control("fault", delay_seconds=0.02)
    long = asyncio.create_task(house.engine().run())
    enough = time.monotonic() + 20
    while len(house.rows("user")) < 10:
        assert time.monotonic() < enough
        await asyncio.sleep(0.05)
    began = time.monotonic()
    await house.store.members.block(members[-1], by="admin")
    report = await house.engine().run(members[-1])
    took = time.monotonic() - began
    print(f"\na block during a long run: {took:.2f} s")
    assert report.state == "done" and report.writes > 0
    assert took < 5
    # their user and its chunk were written, and more is owed
    first = await long
    assert first.state == "yielded" and 32 <= first.writes < 1200
    assert await house.store.queue.is_waiting("hotspot")
    house.router.control("fault", clear=True)
    rest = await house.sync()
    assert rest.state == "done" and first.writes + rest.writes > 1150
    assert (await house.sync()).writes == 0


async def test_a_block_right_after_another_phone_finds_what_the_old_one_left(
    environment: dict[str, str], router: RouterPart
) -> None:
    more = {"MIKROTIK_HOST": "127.0.0.1", "HOTSPOT_MODE": "session", **router.settings}
    async with open_store(Settings.from_environment({**environment, **more})) as store:
        await store.redis.set(store.keys.built(), "1")
        house = House(store, router)
        member = await house.person(1, PHONE)
        router.control("join", mac=PHONE, ip="192.168.200.10")
        for _ in range(2):
            await house.sync()
            house.send()
        assert house.rows("active")[0]["user"] == "081200000001"
        await store.members.change(member, phone="081200000009")
        await store.members.block(member, by="admin")
        router.control("fault", eager_devices=True)
        assert (await house.sync(member)).state == "done"
        assert not house.send() and house.rows("active") == []
        (user,) = house.rows("user")
        assert (user["name"], user["disabled"]) == ("081200000009", "true")
        # the number is another's by now, who is nobody to be thrown out
        other = await house.person(1, "A4:BB:CC:00:00:02", email="other@jaga.test")
        router.control("join", mac="A4:BB:CC:00:00:02", ip="192.168.200.11")
        for _ in range(2):
            await house.sync(other)
            house.send(mac="A4:BB:CC:00:00:02")
        assert (await house.sync(member)).writes == 0
        assert [row["user"] for row in house.rows("active")] == ["081200000001"]


async def test_an_hour_away_with_500_changes_takes_one_pass(house: House) -> None:
    members = []
    for n in range(600):
        member = await house.person(n, f"AA:BB:CC:00:{n >> 8:02X}:{n & 255:02X}", quota_mb=0)
        await house.store.hotspot.quota.correct(member, unlimited=True)
        members.append(member)
    await house.sync()
    house.router.control("fault", max_sessions=0)
    assert (await house.sync()).state == "away"
    for member in members[:500]:
        await house.store.members.block(member, by="admin")
    assert (await house.account(members[0])).settled["utama"] == "unlimited"
    house.router.control("fault", clear=True)
    report = await house.sync()
    assert report.state == "done" and report.writes == 1000 and len(report.changes) >= 200
    assert len(house.rows("ip-binding")) == 100
    assert (await house.account(members[499])).settled["utama"] == "blocked"


async def test_a_missing_profile_stops_everything_before_the_first_write(house: House) -> None:
    await house.person(1, PHONE)
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        rows = await link.read("/ip/hotspot/user/profile", ".id", "name")
        (fup,) = [row["id"] for row in rows if row["name"] == "profile-fup"]
        await link.do(Write("/ip/hotspot/user/profile", "set", fup, {"name": "Profile-FUP"}))
    report = await house.sync()
    assert report.state == "refused" and "profile-fup" in report.errors[0]
    assert house.rows("user") == []


async def test_profiles_that_were_seen_before_are_not_taken_for_others(house: House) -> None:
    member = await house.person(1, PHONE)
    await house.sync()
    await house.store.members.block(member, by="admin")
    settings = house.store.settings
    policy = Policy.of(settings)
    other = Policy(85, "bypass", {**policy.profiles, "fup": "nowhere"})
    report = await Engine(house.store, settings.routers[0], other).run()
    assert report.state == "refused" and len(house.rows("ip-binding")) == 1


async def test_radius_is_noticed_before_it_is_relied_on(house: House) -> None:
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        await link.do(Write("/ip/hotspot/profile", "set", "*1", {"use-radius": True}))
    report = await house.sync()
    assert report.state == "refused" and "RADIUS" in report.errors[0]


async def test_a_deleted_member_is_gone_from_the_router_before_the_row_goes(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    await house.store.members.delete(member, by="admin")
    assert (await house.store.members.get(member)).status == "inactive"
    house.router.control("fault", kind="lose_reply", command=f"{BINDING}/remove")
    assert (await house.sync()).state == "away"
    assert (await house.store.members.get(member)).status == "inactive"
    await house.sync()
    assert not house.send()
    assert house.rows("user") == [] and house.rows("ip-binding") == []
    assert await house.store.members.find("m1@jaga.test") is None
    assert await house.store.hotspot.accounts.member_of("6281200000001") is None


async def test_a_row_stays_while_a_device_still_gets_past(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    house.send()
    house.router.control("fault", rejudge_on_host_removal=False, eager_devices=True)
    await house.store.members.delete(member, by="admin")
    for _ in range(2):
        await house.sync()
        assert (await house.store.members.get(member)).status == "inactive"
    house.router.control("fault", clear=True)
    await house.sync()
    assert await house.store.hotspot.accounts.members() == []


async def test_a_row_that_only_a_phone_marks_becomes_the_members(house: House) -> None:
    member = await house.person(1)
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        values = {"mac-address": PHONE, "type": "bypassed", "comment": "+62 812 0000 0001"}
        await link.do(Write(BINDING, "add", values=values))
        other = {"mac-address": "AA:BB:CC:00:00:09", "comment": "printer kasir"}
        await link.do(Write(BINDING, "add", values=other))
    await house.sync()
    assert (await house.account(member)).slots[0].mac == PHONE
    assert [row["comment"][:12] for row in house.rows("ip-binding")] == [
        "081200000001",
        "printer kasi",
    ]


async def test_members_only_the_router_knows_are_put_out_unless_they_are_many(
    house: House,
) -> None:
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        for n in range(3):
            comment = f"0812 [jaga uid={n:016x} v=1]"
            await link.do(Write(USER, "add", values={"name": f"u{n}", "comment": comment}))
        await house.sync()
        assert house.rows("user") == []
        for n in range(4):
            comment = f"0812 [jaga uid={n:016x} v=1]"
            await link.do(Write(USER, "add", values={"name": f"u{n}", "comment": comment}))
    report = await house.sync()
    assert report.strangers == 4 and len(house.rows("user")) == 4


async def test_a_rehearsal_writes_only_for_those_it_names(
    environment: dict[str, str], router: RouterPart
) -> None:
    settings = Settings.from_environment(
        {
            **environment,
            **router.settings,
            "MIKROTIK_HOST": "127.0.0.1",
            "SYNC_TEST_MODE_ENABLED": "1",
            "SYNC_TEST_PHONE_NUMBERS": "+62 812 0000 0002",
        }
    )
    async with open_store(settings) as store:
        await store.redis.set(store.keys.built(), "1")
        house = House(store, router)
        for n in (1, 2, 3):
            await house.person(n)
        report = await house.sync()
        assert [row["name"] for row in house.rows("user")] == ["081200000002"]
        assert report.pending > 0


async def test_a_preview_says_what_and_why_and_writes_nothing(house: House) -> None:
    member = await house.person(1, PHONE)
    await house.store.hotspot.quota.correct(member, used=82 * MB)
    engine = house.engine()
    seen = await engine.preview(Policy.of(house.store.settings, 80))
    assert seen["moved"] == [
        {"member": member, "name": "m1@jaga.test", "from": "aktif", "to": "fup"}
    ]
    assert seen["writes"] == 2 and house.rows("user") == []
    assert sum(seen["reasons"].values()) == 2 and seen["reasons"]["no_user"] == 1
    assert (seen["statuses_before"], seen["statuses"]) == ({"aktif": 1}, {"fup": 1})
    assert "no user yet" in seen["steps"][0]["why"]
    assert "s3cret" not in str(seen) and house.store.hotspot.routers.password(member) not in str(
        seen
    )


async def test_nobody_is_put_out_because_redis_was_emptied(house: House) -> None:
    await house.person(1, PHONE)
    await house.sync()
    await house.store.redis.flushdb()
    with pytest.raises(Exception, match="sibuk|tidak tersedia|sebentar"):
        await house.sync()
    assert len(house.rows("ip-binding")) == 1


def test_uptimes_are_read_in_every_form() -> None:
    assert [seconds_of(text) for text in ("0s", "1w2d3h4m5s", "00:01:05", "2d03:04:05")] == [
        *(0, 788_645, 65),
        2 * 86_400 + 11_045,
    ]


async def test_thousands_of_members_take_six_prints_and_only_the_differences(house: House) -> None:
    """Ten thousand, and how long they take, are `scripts/bench --only hotspot`."""
    ids = await settle_in(house.store, 2_000)
    assert (await house.sync()).writes == 4_000
    house.router.control("crowd", count=2_000)
    await house.sync()
    still = await house.sync()
    assert (still.state, still.writes, house.prints()) == ("done", 0, still.prints)
    await bar(house.store, ids[:100])
    changed = await house.sync()
    assert changed.state == "done" and len(changed.changes) == 100
    # each: its user, its binding, its host
    assert changed.writes == 300
    assert still.prints <= 6 and changed.prints <= 6


async def test_the_walled_garden_is_kept_and_other_rows_are_left(house: House) -> None:
    garden = "/ip/hotspot/walled-garden"
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        await link.do(Write(garden, "add", values={"dst-host": "*.bca.test", "comment": "kasir"}))
        stale = {"dst-host": "old.test", "comment": "[jaga garden v=1]"}
        await link.do(Write(garden, "add", values=stale))
    assert await house.engine().keep_garden() == 5
    assert await house.engine().keep_garden() == 0
    (portal,) = house.rows("walled-garden/ip")  # by an address and a port no proxy catches it
    assert (portal["dst-address"], portal["action"]) == ("127.0.0.1", "accept")
    hosts = [row["dst-host"] for row in house.rows("walled-garden")]
    assert hosts == ["*.bca.test", "127.0.0.1", "lynk.id", "*.lynk.id"]
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    packet = {"mac": PHONE, "bytes_in": 1, "bytes_out": 1}
    assert house.router.control("traffic", **packet, to="pay.lynk.id")["passed"]


async def test_the_self_test_finds_what_is_wrong_and_writes_nothing(house: House) -> None:
    async def failing() -> list[str]:
        return [one.what for one in await check(house.store.settings) if not one.holds]

    assert await failing() == []
    async with open_link(house.store.settings.routers[0], 5.0) as link:
        await link.do(Write("/ip/hotspot/profile", "set", "*1", {"use-radius": True}))
        await link.do(Write("/ip/hotspot/user/profile", "set", "*2", {"name": "x"}))
        await link.do(Write("/user/group", "set", "*1", {"policy": "read,api,test,write"}))
        assert await failing() == ["profiles", "no RADIUS"]
        await link.do(Write("/user/group", "set", "*1", {"policy": "read,api,test"}))
    house.router.control("fault", version="6.42.1", clock_jump_seconds=90)
    assert (await failing())[0] == "version"
    house.router.control("fault", version="7.16")
    house.router.forget_calls()
    assert await failing() == ["permissions", "profiles", "no RADIUS", "clock"]
    assert all(name.endswith("/print") for name in house.router.read("calls"))
