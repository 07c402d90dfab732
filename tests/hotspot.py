"""What tests of the hotspot share: customers, and a foreign client at the router's API."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import librouteros
from librouteros.login import plain

from scripts.simulator.part import RouterPart
from store.clock import now_ms
from store.hotspot import Purchase
from store.opening import Store


async def customer(
    store: Store,
    number: int,
    *macs: str,
    name: str = "",
    email: str = "",
    quota_mb: int = 100,
    device: str = "",
) -> str:
    """A member with a phone of that number, a package and devices; returns their id."""
    member = await store.members.create(
        email=email or f"m{number}@jaga.test",
        password_hash="x",
        name=name,
        phone=f"0812{number:08d}",
    )
    for mac in macs:
        verdict, _ = await store.hotspot.devices.bind(member.id, mac, "192.168.200.10", name=device)
        assert verdict == "added"
    if quota_mb:
        package = await store.hotspot.packages.make(f"Harian {number}", quota_mb, 30, False, None)
        await store.hotspot.quota.give(member.id, package.id)
    return member.id


async def shown(store: Store, member: str) -> Purchase:
    """The package whose terms hold for a member now, or held last."""
    return (await store.hotspot.accounts.get(member)).stack.shown(now_ms())


def routers_of(utama: RouterPart, utara: RouterPart) -> dict[str, str]:
    """The settings of a house with two routers."""
    address = f"api://{utara.username}:{utara.password}@127.0.0.1:{utara.port}"
    more = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_ROUTERS": f"utara={address}"}
    return {**utama.settings, **more}


@contextmanager
def foreign_client(
    router: RouterPart, login: Callable[..., None] = plain
) -> Iterator[librouteros.Api]:
    """librouteros, logged in: it shares nothing with the simulator nor with our own client."""
    api = librouteros.connect(
        "127.0.0.1",
        router.username,
        router.password,
        port=router.port,
        encoding="utf-8",
        login_method=login,
    )
    try:
        yield api
    finally:
        api.close()


async def code_in(folder: Path) -> str:
    """The code of the first message, which a worker writes a moment later."""
    for _ in range(500):
        if found := re.search(r"\d{6}", await asyncio.to_thread(texts_in, folder)):
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError("no message came")


def texts_in(folder: Path) -> str:
    """What the messages say."""
    files = sorted(folder.glob("[!.]*.json"))
    return " ".join(json.loads(file.read_text())["text"] for file in files)
