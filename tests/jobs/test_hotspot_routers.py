"""Several routers: each is made to agree by itself, and none waits for one that is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs import hotspot
from jobs.hotspot.binding import Seen, bind_device, identify
from scripts.simulator.part import RouterPart
from store.hotspot.deciding import Policy
from store.opening import Store, open_store
from store.routers import Router
from store.settings import Settings
from tests.hotspot import customer, routers_of, shown
from tests.stopwatch import Stopwatch

PHONE, LAPTOP = "A4:BB:CC:00:00:01", "A4:BB:CC:00:00:02"
MB = 1 << 20


@pytest.fixture
async def site(
    environment: dict[str, str],
    router: RouterPart,
    utara: RouterPart,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Site]:
    for name, value in {**environment, **routers_of(router, utara)}.items():
        monkeypatch.setenv(name, value)
    async with open_store(Settings.from_environment()) as store:
        await store.redis.set(store.keys.built(), "1")
        yield Site(store, router, utara)


class Site:
    """A store and its two routers."""

    def __init__(self, store: Store, utama: RouterPart, utara: RouterPart) -> None:
        self.store = store
        self.utama = utama
        self.utara = utara

    async def person(self, number: int = 1, *macs: str) -> str:
        return await customer(self.store, number, *macs)

    async def public(self, member: str) -> dict[str, Any]:
        account = await self.store.hotspot.accounts.get(member)
        return account.public(int(time.time() * 1000), Policy.of(self.store.settings))

    async def states(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in await self.store.hotspot.ledger.routers()}

    async def drop_jobs(self) -> None:
        await self.store.redis.delete("rq:queue:hotspot")

    async def waits_for_sync(self) -> bool:
        return await self.store.queue.is_waiting("hotspot")


def rows(router: RouterPart, path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = router.read("state")["tables"][f"/ip/hotspot/{path}"]
    return found


def send(router: RouterPart, mac: str, size: int = 1) -> bool:
    return bool(router.control("traffic", mac=mac, bytes_in=size, bytes_out=0)["passed"])


def join(router: RouterPart, mac: str, ip: str = "192.168.200.10") -> None:
    router.control("join", mac=mac, ip=ip)


async def test_a_member_is_at_home_at_every_router_and_bytes_add_up(site: Site) -> None:
    member = await site.person(1, PHONE)
    assert (await site.public(member))["pending_on"] == ["utama", "utara"]
    await hotspot.run()
    assert (await site.public(member))["pending_on"] == []
    for router, size in ((site.utama, 3 * MB), (site.utara, 4 * MB)):
        join(router, PHONE)
        assert send(router, PHONE)
        await hotspot.run()
        assert send(router, PHONE, size - 1)
    await hotspot.run()
    await hotspot.run()
    # one byte a router was sent before its first look at the device
    assert (await shown(site.store, member)).used == 7 * MB - 1 - 1 + 2
    runs = await site.store.hotspot.ledger.runs(2)
    assert sorted(run["router"] for run in runs) == ["utama", "utara"]
    assert all(run["writes"] == 0 and run["prints"] <= 6 for run in runs)


async def test_one_that_is_away_delays_no_block_and_catches_up(site: Site) -> None:
    members = [await site.person(n, f"A4:BB:CC:00:01:{n:02X}") for n in range(1, 21)]
    join(site.utama, "A4:BB:CC:00:01:01")
    await hotspot.run()
    assert send(site.utama, "A4:BB:CC:00:01:01")
    site.utara.control("fault", delay_seconds=30.0)  # it takes the connection, and says nothing
    began = time.monotonic()
    await site.store.hotspot.ledger.note_away("utara")
    for member in members:
        await site.store.members.block(member, by="admin")
        await hotspot.sync_member(member)
    took = time.monotonic() - began
    print(f"\n20 blocks beside a dead router: {took:.2f} s")
    assert took < 10, "each would have waited 8 s for it"
    assert not send(site.utama, "A4:BB:CC:00:01:01")
    assert rows(site.utama, "ip-binding") == [] and len(rows(site.utara, "ip-binding")) == 20
    public = await site.public(members[0])
    assert public["pending"] and public["pending_on"] == ["utara"]
    site.utara.control("fault", clear=True)
    await hotspot.run()
    assert rows(site.utara, "ip-binding") == []
    assert not (await site.public(members[0]))["pending"]


async def test_one_that_is_back_is_noticed_and_has_a_run_made(site: Site) -> None:
    await site.person(1, PHONE)
    assert await site.states() == {"utama": "unknown", "utara": "unknown"}
    site.utara.stop()
    await hotspot.probe()
    assert await site.waits_for_sync(), "the first run of all need not wait for its turn"
    await site.drop_jobs()
    await hotspot.run()
    assert await site.states() == {"utama": "done", "utara": "away"}
    (utara,) = [one for one in await site.store.hotspot.ledger.routers() if one["name"] == "utara"]
    since = utara["away_since"]
    assert abs(since - time.time()) < 30
    await hotspot.run()
    assert (await site.store.hotspot.ledger.routers())[1]["away_since"] == since, (
        "since the first time"
    )
    await hotspot.probe()
    assert not await site.waits_for_sync()
    site.utara.start()
    await hotspot.probe()
    assert await site.waits_for_sync()
    await hotspot.run()
    assert await site.states() == {"utama": "done", "utara": "done"}
    assert (await site.store.hotspot.ledger.routers())[1]["away_since"] is None
    assert len(rows(site.utara, "ip-binding")) == 1


async def test_before_redis_is_built_nobody_is_touched(site: Site) -> None:
    await site.person(1, PHONE)
    await hotspot.run()
    await site.store.redis.delete(site.store.keys.built())
    await hotspot.run()
    assert len(rows(site.utama, "ip-binding")) == len(rows(site.utara, "ip-binding")) == 1


async def test_a_deleted_member_stays_until_every_router_is_clean(site: Site) -> None:
    member = await site.person(1, PHONE)
    await hotspot.run()
    site.utara.control("fault", max_sessions=0)
    await site.store.members.delete(member, by="admin")
    for _ in range(2):
        await hotspot.run()
        assert rows(site.utama, "user") == [] and len(rows(site.utara, "user")) == 1
        assert (await site.store.members.get(member)).status == "inactive"
    site.utara.control("fault", clear=True)
    await hotspot.run()
    assert rows(site.utara, "user") == []
    assert await site.store.members.find("m1@jaga.test") is None
    assert await site.store.redis.exists(site.store.keys.hotspot(member)) == 0


async def test_a_device_is_found_at_whichever_router_it_is(site: Site) -> None:
    member = await site.person()
    join(site.utara, PHONE, "192.168.200.20")
    wish = {"member": member, "address": "192.168.200.20", "mac": "", "ip": "", "name": "HP"}
    wish |= {"browser": "", "replace": ""}
    bound = await bind_device(site.store, wish)
    assert (bound["state"], bound["mac"]) == ("bound", PHONE)
    assert send(site.utara, PHONE)
    # the same address at the other router is somebody else's device
    join(site.utama, LAPTOP, "192.168.200.20")
    assert (await bind_device(site.store, wish))["state"] == "unknown"
    assert (await bind_device(site.store, wish | {"mac": LAPTOP}))["mac"] == LAPTOP
    assert send(site.utama, LAPTOP)
    site.utara.control("fault", max_sessions=0)
    absent = wish | {"address": "192.168.200.99"}
    assert (await bind_device(site.store, absent))["state"] == "pending", "it may be at utara"
    began = Stopwatch()
    assert (await bind_device(site.store, wish | {"mac": LAPTOP}))["state"] == "bound"
    assert began.seconds < 2


async def test_the_plan_is_of_all_routers_and_says_which_did_not_answer(site: Site) -> None:
    await site.person(1, PHONE)
    await hotspot.preview("q1")
    plan = (await site.store.hotspot.questions.answer_to("q1") or {})["plan"]
    reasons = {"no_user": 1, "no_binding": 1}
    each = {"writes": 2, "prints": 4, "reasons": reasons}
    assert plan["routers"] == {"utama": each, "utara": each}
    assert [step["router"] for step in plan["steps"]] == ["utama"] * 2 + ["utara"] * 2
    assert plan["writes"] == 4
    site.utara.stop()
    await hotspot.preview("q2")
    plan = (await site.store.hotspot.questions.answer_to("q2") or {})["plan"]
    assert plan["writes"] == 2 and "not reached" in plan["routers"]["utara"]["error"]
    site.utama.stop()
    await hotspot.preview("q3")
    assert "error" in (await site.store.hotspot.questions.answer_to("q3") or {})


def test_an_address_alone_never_decides_between_two_routers() -> None:
    a, b = (Router(name, "h", 1, "", "") for name in "ab")
    here = [
        Seen(a, {"id": "*1", "address": "10.0.0.9", "mac-address": PHONE}),
        Seen(b, {"id": "*1", "address": "10.0.0.9", "mac-address": LAPTOP}),
    ]
    told = {"address": "", "ip": "10.0.0.9", "mac": ""}
    assert identify(here, told) == ("unknown", None)
    assert identify(here[:1], told) == ("unknown", None), "anybody can type an address"
    assert identify(here, told | {"mac": LAPTOP}) == ("bound", here[1])
    assert identify(here, told | {"address": "10.0.0.9"}) == ("unknown", None)
    assert identify(here[:1], told | {"address": "10.0.0.9"}) == ("bound", here[0])
    assert identify(here, told | {"mac": "A4:00:00:00:00:00"}) == ("mismatch", None)


async def test_a_member_is_told_where_a_change_holds_and_where_not_yet(site: Site) -> None:
    member = await site.person(1, PHONE)
    site.utara.stop()
    await hotspot.run()
    public = await site.public(member)
    assert (public["pending_on"], public["agreed_on"]) == (["utara"], ["utama"])
