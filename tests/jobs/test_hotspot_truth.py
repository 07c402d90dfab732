"""What the engine says is what the router does: "connected" when packets pass, "blocked" when none
do, and whose row is in the way otherwise. Each case as people make it on a router, by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs import hotspot
from jobs.hotspot import alarm
from jobs.hotspot.binding import bind_device
from jobs.hotspot.report import Report
from jobs.mikrotik import Trap
from jobs.persist.reader import LogReader
from scripts.simulator.part import RouterPart
from store.clock import now_ms
from store.errors import NotFound
from store.hotspot.deciding import Policy
from store.opening import open_store
from store.settings import Settings
from tests.hotspot import foreign_client
from tests.jobs.house import PHONE, House
from tests.parts import ROOT

USER, BINDING = "/ip/hotspot/user", "/ip/hotspot/ip-binding"
IP = "192.168.200.10"
LAPTOP = "AA:BB:CC:00:00:02"


class Site(House):
    """A house whose owner also works on the router by hand."""

    def by_hand(self, path: str, **values: str) -> None:
        with foreign_client(self.router) as api:
            named = {name.replace("_", "-"): value for name, value in values.items()}
            list(api.path(path).add(**named) or ())

    async def public(self, member: str) -> dict[str, Any]:
        account = await self.account(member)
        return account.public(now_ms(), Policy.of(self.store.settings))

    async def connect(self, member: str) -> str:
        """What the portal says when the member logs in on the phone."""
        wish = {"member": member, "address": IP, "mac": PHONE, "ip": IP, "name": "HP"}
        wish |= {"browser": "", "replace": "", "link": ""}
        return str((await bind_device(self.store, wish))["state"])


async def opened(
    environment: dict[str, str], router: RouterPart, **more: str
) -> AsyncIterator[Site]:
    given = {"MIKROTIK_HOST": "127.0.0.1", **router.settings, **more}
    async with open_store(Settings.from_environment({**environment, **given})) as store:
        await store.redis.set(store.keys.built(), "1")
        router.control("join", mac=PHONE, ip=IP)
        yield Site(store, router)


@pytest.fixture
async def site(environment: dict[str, str], router: RouterPart) -> AsyncIterator[Site]:
    async for site in opened(environment, router):
        yield site


@pytest.fixture
async def by_login(environment: dict[str, str], router: RouterPart) -> AsyncIterator[Site]:
    async for site in opened(environment, router, HOTSPOT_MODE="session"):
        yield site


FOREIGN: dict[str, dict[str, str]] = {
    "a regular one": {"mac_address": PHONE, "type": "regular", "comment": "Laptop Ani"},
    "a bypassed one": {"mac_address": PHONE, "type": "bypassed", "comment": "TV Pak RT"},
    "a blocked one": {"mac_address": PHONE, "type": "blocked", "comment": "nakal"},
    "a blocked address": {"address": IP, "type": "blocked", "comment": "nakal"},
    "a range": {"address": "192.168.200.0/24", "type": "blocked", "comment": "tamu"},
}


@pytest.mark.parametrize("row", FOREIGN.values(), ids=FOREIGN)
async def test_connected_is_not_said_while_somebody_elses_binding_is_in_the_way(
    site: Site, row: dict[str, str]
) -> None:
    member = await site.person(1)
    site.by_hand(BINDING, **row)
    before = site.rows("ip-binding")[0]
    assert await site.connect(member) == "conflict"
    public = await site.public(member)
    assert public["pending"] and public["agreed_on"] == []
    kind = "binding" if "mac_address" in row else "address"
    assert public["obstacles"] == [{"router": "utama", "kind": kind}], "whose is not the member's"
    (seen,) = (await site.account(member)).in_the_way()
    assert (seen["whose"], seen["decision"]) == (row["comment"], "")
    assert site.rows("ip-binding")[0] == before

    accounts = site.store.hotspot.accounts
    await accounts.decide_on(member, "utama", seen["mark"], "leave")
    assert (await site.sync(member)).conflicts and site.rows("ip-binding")[0] == before
    assert (await site.account(member)).in_the_way()[0]["decision"] == "leave"
    await accounts.decide_on(member, "utama", seen["mark"], "take")
    assert await site.connect(member) == "bound"
    assert site.send()
    (row_of_ours,) = site.rows("ip-binding")
    assert f"uid={member}" in row_of_ours["comment"] and row_of_ours["type"] == "bypassed"
    public = await site.public(member)
    assert (public["agreed_on"], public["obstacles"]) == (["utama"], [])
    assert (await site.sync()).writes == 0


async def test_what_is_in_one_devices_way_is_not_said_of_another(site: Site) -> None:
    member = await site.person(1, LAPTOP)
    site.by_hand(BINDING, mac_address=LAPTOP, type="regular", comment="Laptop Ani")
    await site.sync()
    assert await site.connect(member) == "bound" and site.send()
    assert (await site.public(member))["obstacles"] == [{"router": "utama", "kind": "binding"}]
    site.by_hand(BINDING, address=IP, type="blocked", comment="nakal")
    assert await site.connect(member) == "conflict"


async def test_a_row_that_comes_later_takes_the_router_off_the_list(site: Site) -> None:
    member = await site.person(1, PHONE)
    await site.sync()
    assert (await site.public(member))["agreed_on"] == ["utama"] and site.send()
    site.by_hand(BINDING, address=IP, type="blocked", comment="nakal")
    await site.sync()
    public = await site.public(member)
    assert public["agreed_on"] == [] and public["pending_on"] == ["utama"]
    with foreign_client(site.router) as api:
        rows = api.path(BINDING)
        rows.remove(*(row[".id"] for row in rows if row.get("comment") == "nakal"))
    await site.sync()
    assert (await site.public(member))["agreed_on"] == ["utama"]


async def test_a_decision_is_about_the_row_that_was_seen(site: Site) -> None:
    member = await site.person(1, PHONE)
    site.by_hand(BINDING, mac_address=PHONE, type="regular", comment="Laptop Ani")
    await site.sync()
    accounts = site.store.hotspot.accounts
    (seen,) = (await site.account(member)).in_the_way()
    with pytest.raises(NotFound):
        await accounts.decide_on(member, "utama", "0" * 16, "take")
    await accounts.decide_on(member, "utama", seen["mark"], "take")
    with foreign_client(site.router) as api:
        (row,) = api.path(BINDING)
        api.path(BINDING).update(**{".id": row[".id"], "comment": "Laptop Ani, kasir"})
    await site.sync()
    assert site.rows("ip-binding")[0]["comment"] == "Laptop Ani, kasir"
    assert (await site.account(member)).in_the_way()[0]["decision"] == ""


async def test_a_user_of_that_name_with_a_persons_note_is_asked_about(by_login: Site) -> None:
    site = by_login
    member = await site.person(1)
    site.by_hand(USER, name="081200000001", password="x", comment="voucher kasir")
    before = site.rows("user")
    assert await site.connect(member) == "conflict" and site.rows("user") == before
    (seen,) = (await site.account(member)).in_the_way()
    assert (seen["kind"], seen["whose"]) == ("user", "voucher kasir")
    await site.store.hotspot.accounts.decide_on(member, "utama", seen["mark"], "take")
    assert await site.connect(member) == "bound" and site.send()


# One member's refusal is that member's error


@pytest.mark.parametrize(
    "message",
    [
        "user 081200000001 is not allowed to log in from this MAC address",
        "input does not match any value of server",
        "user 081200000001 has reached uptime limit",
        "failure: no more sessions are allowed for user 081200000001",
    ],
)
async def test_a_refusal_for_one_stops_nobody_else(by_login: Site, message: str) -> None:
    site = by_login
    first, second = await site.person(1, PHONE), await site.person(2, "AA:BB:CC:00:00:02")
    leaving = await site.person(3, "AA:BB:CC:00:00:03")
    site.router.control("join", mac="AA:BB:CC:00:00:02", ip="192.168.200.11")
    await site.store.members.delete(leaving, by="admin")
    site.router.control(
        "fault", kind="trap", command="/ip/hotspot/active/login", message=message, times=1
    )
    report = await site.sync()
    assert report.state == "done", report
    (refused,) = report.conflicts
    assert refused in (first, second) and message in report.errors[0]
    (seen,) = (await site.account(refused)).in_the_way()
    assert seen["kind"] == "refused" and message[:40] in seen["whose"]
    assert (await site.public(refused))["agreed_on"] == []
    other = second if refused == first else first
    assert (await site.public(other))["agreed_on"] == ["utama"]
    assert await site.store.members.find("m3@jaga.test") is None, "the purge goes on"
    again = await site.sync()
    assert again.state == "done" and (await site.public(refused))["agreed_on"] == ["utama"]
    assert site.send()


def test_only_a_lack_of_permission_and_the_device_mode_stop_a_run() -> None:
    stops = ["not enough permissions (9)", "std failure: not allowed (9)"]
    stops += ["failure: not allowed by device-mode"]
    assert all(Trap(text).is_forbidden for text in stops)
    assert not Trap("user x is not allowed to log in from this MAC address").is_forbidden


async def test_a_password_that_somebody_changed_is_ours_again(by_login: Site) -> None:
    site = by_login
    member = await site.person(1, PHONE)
    await site.sync()
    with foreign_client(site.router) as api:
        (row,) = [row for row in api.path(USER) if row["name"] == "081200000001"]
        api.path(USER).update(**{".id": row[".id"], "password": "kasir"})
    site.router.control("fault", cookies_survive_reboot=False)
    site.router.control("reboot")
    site.router.control("join", mac=PHONE, ip=IP)
    assert (await site.sync()).conflicts
    assert (await site.sync()).conflicts == {} and site.send()
    assert (await site.public(member))["agreed_on"] == ["utama"]


# Taking over leaves nothing behind


MIKHMON: dict[str, list[dict[str, str]]] = json.loads(
    (ROOT / "tests/jobs/mikhmon_router.json").read_text()
)


def left_by_mikhmon(site: Site) -> None:
    with foreign_client(site.router) as api:
        for profile in ("3jam", "harian", "bulanan", "kuota1g"):
            api.path("/ip/hotspot/user/profile").add(name=profile)
        api.path("/ip/hotspot").add(name="hotspot2", interface="bridge2")
        for path in (USER, BINDING):
            for row in MIKHMON[path]:
                api.path(path).add(**row)


@pytest.mark.parametrize("whole", [True, False], ids=["everybody", "each"])
@pytest.mark.parametrize("unset_shown", [True, False])
async def test_of_what_mikhmon_left_nothing_is_in_a_members_way(
    by_login: Site, whole: bool, unset_shown: bool
) -> None:
    site = by_login
    site.router.control("fault", unset_shown=unset_shown)
    left_by_mikhmon(site)
    foreign = [row for row in site.rows("ip-binding") if "0812" not in row["comment"]]
    voucher = [row for row in site.rows("user") if row["name"].startswith("vc")]
    site.router.control("join", mac="AA:BB:CC:00:00:06", ip="192.168.88.77")
    members = [await site.person(n, f"AA:BB:CC:00:01:0{n}") for n in range(1, 6)]
    members.append(await site.person(6))
    for n in range(1, 6):
        site.router.control("join", mac=f"AA:BB:CC:00:01:0{n}", ip=f"192.168.200.2{n}")
    for only in [""] if whole else members:
        for _ in range(2):
            report = await site.sync(only)
            assert report.state == "done" and report.conflicts == {}, report
    for n in range(1, 6):
        assert site.send(mac=f"AA:BB:CC:00:01:0{n}"), n
    rows = site.rows("user")
    ours = [row for row in rows if "[jaga" in row.get("comment", "")]
    assert sorted(row["name"] for row in ours) == [f"08120000000{n}" for n in range(1, 7)]
    for row in ours:
        wanted = {"limit-uptime": "0s", "limit-bytes-total": "0", "server": "all"}
        assert row.get("mac-address", "00:00:00:00:00:00") == "00:00:00:00:00:00", row
        assert all(row.get(name, value) == value for name, value in wanted.items()), row
    assert (await site.account(members[5])).slots[0].mac == "AA:BB:CC:00:00:06"
    bindings = site.rows("ip-binding")
    assert not any(row.get("address") for row in bindings), "the address alone passes nobody"
    assert [row for row in bindings if row in foreign] == foreign
    assert [row for row in rows if row["name"].startswith("vc")] == voucher
    assert (await site.sync()).writes == 0


FORMS = ["081200000001", "6281200000001", "+6281200000001", "0812-0000-0001", "0812 0000 0001"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [True, False], ids=["everybody", "each"])
async def test_a_block_leaves_no_way_in(by_login: Site, form: str, whole: bool) -> None:
    """By no old user in any spelling, by no address alone, no cookie, no other's voucher."""
    site, address = by_login, "192.168.200.77"
    member = await site.person(1, PHONE)
    await site.sync()
    site.by_hand(USER, name=form if form != "081200000001" else "budi2", password="lama")
    site.by_hand(USER, name="budi", password="lama", comment=form)
    site.by_hand(USER, name="vc7k2m9", password="vc7k2m9", comment="vc-381-07.14.25-warung")
    site.by_hand(BINDING, address=address, type="bypassed", comment=form)
    site.router.control("join", mac="AA:BB:CC:00:00:77", ip=address)
    assert site.send(mac="AA:BB:CC:00:00:77")
    assert site.router.control("login", mac=PHONE, username="vc7k2m9", password="vc7k2m9")["ok"]
    await site.store.members.block(member, by="admin")
    report = await site.sync("" if whole else member)
    assert report.state == "done" and report.conflicts == {}
    for mac in (PHONE, "AA:BB:CC:00:00:77"):
        assert not site.send(mac=mac), mac
    assert site.rows("active") == [] and site.rows("cookie") == []
    assert site.rows("ip-binding") == []
    names = [row["name"] for row in site.rows("user")]
    assert "budi" not in names and "vc7k2m9" in names
    for name in ("budi", form):
        said = site.router.control("login", mac=PHONE, username=name, password="lama")
        assert not said["ok"], name
    assert (await site.account(member)).settled["utama"] == "blocked"


async def test_a_persons_binding_that_lets_a_blocked_device_past_is_told(site: Site) -> None:
    member = await site.person(1, PHONE)
    site.by_hand(BINDING, mac_address=PHONE, type="bypassed", comment="TV Pak RT")
    await site.store.members.block(member, by="admin")
    await site.sync(member)
    (seen,) = (await site.account(member)).in_the_way()
    assert (seen["kind"], seen["whose"]) == ("passes", "TV Pak RT")
    assert (await site.account(member)).settled["utama"] == ""
    await site.store.hotspot.accounts.decide_on(member, "utama", seen["mark"], "take")
    await site.sync(member)
    assert not site.send() and site.rows("ip-binding") == []
    assert (await site.account(member)).settled["utama"] == "blocked"


# A router that does not answer


async def state_of(site: Site) -> str:
    (router,) = await site.store.hotspot.ledger.routers()
    return str(router["state"])


@pytest.mark.parametrize("asks", ["portal", "plan", "garden", "member"])
async def test_whoever_finds_a_router_away_turns_it_red(
    site: Site, asks: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**environment, **site.router.settings, "MIKROTIK_HOST": "127.0.0.1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    member = await site.person(1)
    await site.sync()
    assert await state_of(site) == "done"
    site.router.control("fault", max_sessions=0)
    if asks == "portal":
        assert await site.connect(member) == "pending"
    elif asks == "plan":
        await hotspot.preview("q")
    elif asks == "garden":
        await hotspot.keep_garden()
    else:
        await hotspot.sync_member(member)
    assert await state_of(site) == "away"
    (router,) = await site.store.hotspot.ledger.routers()
    assert router["away_since"] and router["errors"]
    site.router.control("fault", clear=True)
    await hotspot.probe()
    assert await state_of(site) == "back" and await site.store.queue.is_waiting("hotspot")
    await hotspot.run()
    assert await state_of(site) == "done"


async def test_the_owner_is_told_once_that_a_router_went_and_once_that_it_is_back(
    site: Site, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**environment, **site.router.settings, "MIKROTIK_HOST": "127.0.0.1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    await site.store.members.create(
        email="pemilik@jaga.test", password_hash="x", name="Bu Rini", role="admin"
    )
    await LogReader(site.store).run()

    async def told() -> list[tuple[str, str]]:
        rows = await site.store.mails.list()
        return [(row["template"], row["to"]) for row in reversed(rows)]

    site.router.control("fault", max_sessions=0)
    await site.sync()
    await hotspot.probe()
    assert await told() == [], "a blink is no news"
    monkeypatch.setattr(alarm, "PATIENCE_SECONDS", 0.0)
    for _ in range(3):
        await hotspot.probe()
    away = ("router_mati", "pemilik@jaga.test")
    assert await told() == [away]
    site.router.control("fault", clear=True)
    for _ in range(3):
        await hotspot.probe()
        await hotspot.run()
    assert await told() == [away, ("router_hidup", "pemilik@jaga.test")]


async def test_a_profile_that_went_a_minute_ago_stops_a_run_before_its_first_write(
    site: Site,
) -> None:
    member = await site.person(1, PHONE)
    await site.sync()
    before = site.rows("user"), site.rows("ip-binding")
    with foreign_client(site.router) as api:
        path = api.path("/ip/hotspot/user/profile")
        (gone,) = [row[".id"] for row in path if row["name"] == "profile-fup"]
        path.remove(gone)
    await site.store.members.block(member, by="admin")
    report = await site.sync()
    assert report.state == "refused" and "profile-fup" in report.errors[0]
    assert (site.rows("user"), site.rows("ip-binding")) == before and site.prints() <= 6


def test_a_run_keeps_a_page_of_its_conflicts_and_their_number() -> None:
    report = Report("rb1", conflicts={f"{number:016x}": "taken" for number in range(3_000)})
    kept = report.as_dict(0.0)
    assert (len(kept["conflicts"]), kept["conflict_count"]) == (200, 3_000)
