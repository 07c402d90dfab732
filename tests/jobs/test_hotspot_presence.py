"""A device that is only told of has to log in at the router once before it is anybody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jobs import hotspot
from jobs.hotspot import presence
from jobs.hotspot.binding import bind_device, bind_proven
from scripts.simulator.part import RouterPart
from store.opening import Store, open_store
from store.settings import Settings
from tests.hotspot import customer

PHONE, THIEF = "A4:BB:CC:00:00:01", "A4:BB:CC:00:00:02"
LINK = "http://hotspot.lan/login"


@pytest.fixture
async def cloud(
    environment: dict[str, str], router: RouterPart, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cloud]:
    more = {"MIKROTIK_HOST": "127.0.0.1", "HOTSPOT_PRESENCE": "proof", **router.settings}
    for name, value in {**environment, **more}.items():
        monkeypatch.setenv(name, value)
    async with open_store(Settings.from_environment()) as store:
        await store.redis.set(store.keys.built(), "1")
        member = await customer(store, 1)
        router.control("join", mac=PHONE, ip="192.168.200.10")
        router.control("join", mac=THIEF, ip="192.168.200.66")
        yield Cloud(store, router, member)


class Cloud:
    """A portal that sees nobody's address, and a router with two devices."""

    def __init__(self, store: Store, router: RouterPart, member: str) -> None:
        self.store = store
        self.router = router
        self.member = member

    async def ask(self, **more: str) -> dict[str, Any]:
        wish = {"member": self.member, "address": "", "mac": PHONE, "ip": "192.168.200.10"}
        wish |= {"name": "HP", "browser": "", "replace": "", "link": LINK}
        return await bind_device(self.store, wish | more)

    def log_in(self, url: str, mac: str) -> str:
        """What the router's own page does for whoever opens it; returns the token on the way
        back."""
        query = parse_qs(urlsplit(url).query)
        who = {"username": query["username"][0], "password": query["password"][0]}
        answer = self.router.control("login", mac=mac, **who)
        assert "error" not in answer, answer
        return query["dst"][0].partition("#")[2]

    def rows(self, path: str) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.router.read("state")["tables"][f"/ip/hotspot/{path}"]
        return rows

    def proof_users(self) -> list[str]:
        return [row["name"] for row in self.rows("user") if "proof" in row.get("comment", "")]

    def send(self, mac: str) -> bool:
        return bool(self.router.control("traffic", mac=mac, bytes_in=1, bytes_out=1)["passed"])


async def test_a_device_that_logs_in_at_the_router_is_bound_and_the_user_is_gone(
    cloud: Cloud,
) -> None:
    asked = await cloud.ask()
    assert asked["state"] == "prove" and asked["login_url"].startswith(LINK + "?username=jaga-")
    assert (await cloud.store.hotspot.accounts.get(cloud.member)).slots == ()
    (user,) = [row for row in cloud.rows("user") if "proof" in row.get("comment", "")]
    assert user["limit-uptime"] == "1m" and user["limit-bytes-total"] == "5000000"
    token = cloud.log_in(asked["login_url"], PHONE)
    assert (await bind_proven(cloud.store, token))["state"] == "bound"
    assert [slot.mac for slot in (await cloud.store.hotspot.accounts.get(cloud.member)).slots] == [
        PHONE
    ]
    assert cloud.proof_users() == [] and cloud.rows("active") == []
    assert cloud.send(PHONE)
    assert (await bind_proven(cloud.store, token))["state"] == "unproven", "it is used up"


async def test_a_device_that_is_somebodys_need_not_prove_itself_again(cloud: Cloud) -> None:
    await cloud.store.hotspot.devices.bind(cloud.member, PHONE, "192.168.200.10")
    await hotspot.run()
    assert cloud.send(PHONE), "it gets past, and would find no login at the router"
    assert (await cloud.ask())["state"] == "bound"
    await cloud.store.hotspot.devices.bind("f" * 16, THIEF, "192.168.200.66")
    assert (await cloud.ask(mac=THIEF, ip="192.168.200.66"))["state"] == "taken"
    assert cloud.proof_users() == []


async def test_whoever_borrows_a_mac_binds_their_own_device(cloud: Cloud) -> None:
    asked = await cloud.ask()
    token = cloud.log_in(asked["login_url"], THIEF)
    bound = await bind_proven(cloud.store, token)
    assert (bound["state"], bound["mac"]) == ("bound", THIEF)
    assert not cloud.send(PHONE)


async def test_without_a_login_nothing_is_bound_and_the_proof_can_be_tried_again(
    cloud: Cloud,
) -> None:
    asked = await cloud.ask()
    token = parse_qs(urlsplit(asked["login_url"]).query)["dst"][0].partition("#")[2]
    assert (await bind_proven(cloud.store, token))["state"] == "unproven"
    assert (await bind_proven(cloud.store, "x" * 24))["state"] == "unproven"
    cloud.router.control("fault", max_sessions=0)
    assert (await bind_proven(cloud.store, token))["state"] == "pending"
    cloud.router.control("fault", clear=True)
    cloud.log_in(asked["login_url"], PHONE)
    outcomes = await asyncio.gather(*(bind_proven(cloud.store, token) for _ in range(8)))
    assert sorted(one["state"] for one in outcomes) == ["bound"] + ["unproven"] * 7


async def test_what_is_not_at_the_router_gets_no_user(cloud: Cloud) -> None:
    assert (await cloud.ask(mac="A4:BB:CC:00:00:09"))["state"] == "mismatch"
    assert (await cloud.ask(ip="192.168.200.99"))["state"] == "unknown"
    assert (await cloud.ask(link=""))["state"] == "unproven"
    assert cloud.proof_users() == []
    # an address that trusted proxies name is evidence enough
    assert (await cloud.ask(address="192.168.200.10"))["state"] == "bound"


async def test_users_that_were_never_used_are_taken_away(cloud: Cloud) -> None:
    asked = await cloud.ask()
    cloud.router.control("fault", kind="lose_reply", command="/ip/hotspot/user/add")
    assert (await cloud.ask())["state"] == "pending", "the router has made it all the same"
    cloud.log_in(asked["login_url"], PHONE)
    await hotspot.run()
    assert len(cloud.proof_users()) == 2, "their time is not over"
    store = cloud.store
    key = store.keys.hotspot_presence_users()
    for user in await store.redis.hkeys(key):
        await store.redis.hset(key, user, '{"router": "utama", "until": 0}')
    cloud.router.control("fault", max_sessions=0)
    assert await presence.sweep(store) == 0
    cloud.router.control("fault", clear=True)
    await hotspot.run()
    assert cloud.proof_users() == [] and cloud.rows("active") == []
    assert await presence.sweep(store) == 0
