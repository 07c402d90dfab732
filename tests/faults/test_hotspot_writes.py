"""A worker killed right after each single write to the router: the next run ends where it would
have ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from jobs import hotspot
from scripts.embedded.supervisor import Child, Supervisor
from scripts.simulator.part import RouterPart
from store.opening import Store, open_store
from store.settings import SETTING_NAMES, Settings
from tests.hotspot import customer
from tests.parts import ROOT

MB = 1 << 20
RUN = "import asyncio; from jobs import hotspot; asyncio.run(hotspot.run())"
STRUCK_SECONDS = 20.0

Picture = dict[str, Any]


class Site:
    """A store, a router whose devices send after every call, and workers that can be killed."""

    def __init__(self, store: Store, router: RouterPart, worker: Worker) -> None:
        self.store = store
        self.router = router
        self.worker = worker

    async def person(self, number: int, *macs: str) -> str:
        return await customer(self.store, number, *macs)

    async def settle(self) -> Picture:
        """Run until nothing is left to write; returns how the router is then."""
        for _ in range(4):
            await hotspot.run()
            (last,) = await self.store.hotspot.ledger.runs(1)
            assert last["state"] == "done", last
            if last["writes"] == 0:
                return self.picture()
        raise AssertionError(f"it never comes to rest: {last}")

    async def kill_after(self, writes: int) -> bool:
        """Have a worker's run killed when the router has carried out so many writes; returns
        whether the run had as many."""
        self.router.control("fault", kind="freeze", command="write", after=writes - 1)
        child = self.worker.start()
        try:
            enough = time.monotonic() + STRUCK_SECONDS
            while self._is_armed() and child.returncode is None:
                assert time.monotonic() < enough
                await asyncio.sleep(0.02)
            was_cut = not self._is_armed()
            child.send(signal.SIGKILL)
            await asyncio.to_thread(child.wait, STRUCK_SECONDS)
        finally:
            self.router.control("fault", clear=True)
            self.router.control("fault", eager_devices=True)
        # a dead worker's lease runs out by itself after 12 s
        await self.store.redis.delete(self.store.keys.hotspot_lease("utama"))
        return was_cut

    def _is_armed(self) -> bool:
        return bool(self.router.read("state")["faults"]["shots"])

    def picture(self) -> Picture:
        """What must be the same, whatever happened before: no ids, no counters."""
        state = self.router.read("state")
        tables = {name: state["tables"][f"/ip/hotspot/{name}"] for name in FIELDS}
        picture: Picture = {
            name: sorted(tuple(_said(row, field) for field in FIELDS[name]) for row in rows)
            for name, rows in tables.items()
        }
        picture["device"] = [
            (device["mac"], device["online"], device["why"], device["profile"])
            for device in state["devices"]
        ]
        return picture


def _said(row: Mapping[str, str], field: str) -> str:
    """A field's value; a device that comes back has another slot."""
    return re.sub(r"dev=\w+", "dev=…", row.get(field, ""))


FIELDS: Mapping[str, tuple[str, ...]] = {
    "user": ("name", "profile", "disabled", "comment"),
    "ip-binding": ("mac-address", "type", "disabled", "comment"),
    "active": ("user", "mac-address"),
    "cookie": ("user", "mac-address"),
    "host": ("mac-address", "bypassed", "authorized", "blocked"),
}


class Worker:
    """Starts runs as processes of their own."""

    def __init__(self, supervisor: Supervisor, env: Mapping[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        self._supervisor = supervisor
        self._env = {**clean, **env}

    def start(self) -> Child:
        return self._supervisor.start("run", [sys.executable, "-c", RUN], env=self._env, cwd=ROOT)


@pytest.fixture
async def site(
    environment: dict[str, str],
    router: RouterPart,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Site]:
    env = {**environment, **router.settings, "MIKROTIK_HOST": "127.0.0.1"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    async with open_store(Settings.from_environment(env)) as store:
        await store.redis.set(store.keys.built(), "1")
        router.control("fault", eager_devices=True)
        yield Site(store, router, Worker(supervisor, env))


@pytest.mark.timeout(240)
async def test_killed_after_any_write_the_next_run_ends_where_it_would_have_ended(
    site: Site,
) -> None:
    """Back and forth between two states, whose ways have every kind of write between them: users,
    bindings, cookies, sessions, hosts, logins; denials and grants."""
    macs = [f"A4:BB:CC:00:00:0{n}" for n in range(1, 5)]
    members = [await site.person(n, mac) for n, mac in enumerate(macs, 1)]
    for n, mac in enumerate(macs, 1):
        site.router.control("join", mac=mac, ip=f"192.168.200.{n}")
    hot = site.store.hotspot

    async def to_first() -> None:
        await hot.quota.correct(members[0], used=0)  # aktif
        await hot.quota.correct(members[1], used=90 * MB)  # fup, so by a login
        await site.store.members.block(members[2], by="admin")
        await hot.devices.bind(members[3], macs[3], "")

    async def to_second() -> None:
        await hot.quota.correct(members[0], used=100 * MB)  # habis
        await hot.quota.correct(members[1], used=0)  # aktif
        await site.store.members.admit(members[2], by="admin")
        await hot.quota.correct(members[2], used=90 * MB)
        for slot in (await hot.accounts.get(members[3])).slots:
            await hot.devices.unbind(members[3], slot.id)

    ways = (to_first, to_second)
    goals = []
    for way in ways:
        await way()
        goals.append(await site.settle())
    assert goals[0] != goals[1]
    counts = []
    for here, way in enumerate(ways):
        writes = 0
        while True:
            await ways[1 - here]()
            assert await site.settle() == goals[1 - here]
            await way()
            was_cut = await site.kill_after(writes + 1)
            assert await site.settle() == goals[here], (here, writes)
            if not was_cut:
                break
            writes += 1
        counts.append(writes)
    print(f"\nkilled after each of {counts[0]} + {counts[1]} writes")
    assert min(counts) >= 6, "too few to mean anything"


@pytest.mark.timeout(120)
async def test_killed_after_any_write_of_a_purge_the_next_one_leaves_nothing(site: Site) -> None:
    writes = 0
    while True:
        number = writes + 1
        member = await site.person(number, "A4:BB:CC:00:00:01", "A4:BB:CC:00:00:02")
        site.router.control("join", mac="A4:BB:CC:00:00:01", ip="192.168.200.1")
        await site.settle()
        await site.store.members.delete(member, by="admin")
        was_cut = await site.kill_after(number)
        if was_cut:
            assert (await site.store.members.get(member)).status == "inactive", "gone too early"
        await site.settle()
        assert await site.store.members.find(f"m{number}@jaga.test") is None
        left = site.picture()
        assert (left["user"], left["ip-binding"], left["active"]) == ([], [], [])
        assert all(host[1:] == ("false", "false", "false") for host in left["host"]), left
        if not was_cut:
            break
        writes += 1
    print(f"\nkilled after each of {writes} writes")
    assert writes >= 4
