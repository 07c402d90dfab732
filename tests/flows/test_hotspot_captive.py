"""RFC 8908: a device asks whether it is held captive, and is told what its router says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote
from urllib.request import urlopen

from store.hotspot.captive import KEPT_SECONDS
from tests.client import Browser
from tests.flows.house import PHONE, House
from tests.parts import Site

LAPTOP = "AA:BB:CC:00:00:02"
HERE = "192.168.200.10"
PRINTS = "/ip/hotspot/host/print"


async def ask(house: House, address: str = HERE) -> tuple[int, dict[str, object]]:
    answer = await Browser(house.port).get("/api/hotspot/captive", X_Forwarded_For=address)
    if answer.status == 200:
        assert answer.headers["content-type"] == "application/captive+json"
        assert answer.headers["cache-control"] == "private"
    return answer.status, answer.json


async def test_it_turns_when_the_member_is_let_through(house: House) -> None:
    await house.member("081234567890")
    house.router.control("join", mac=PHONE, ip=HERE)
    portal = f"{house.product.settings.public_url}/hotspot/login"
    assert await ask(house) == (200, {"captive": True, "user-portal-url": portal})
    phone = Browser(house.port)
    await phone.post("/api/auth/request-otp", {"phone_number": "081234567890"})
    code = await house.code("6281234567890", 0)
    body = {"phone_number": "081234567890", "otp": code}
    await phone.post("/api/auth/verify-otp", body, X_Forwarded_For=HERE)
    assert house.send()
    await asyncio.sleep(KEPT_SECONDS)  # so old the answer before may be
    _, said = await ask(house)
    seconds, size = said.pop("seconds-remaining"), said.pop("bytes-remaining")
    assert said == {"captive": False, "user-portal-url": portal, "can-extend-session": True}
    month = 30 * 86_400
    assert month - 60 <= int(str(seconds)) <= month and 99 << 20 <= int(str(size)) <= 100 << 20


async def test_a_device_of_nobody_that_passes_is_told_no_more_than_that(house: House) -> None:
    house.router.control("join", mac=LAPTOP, ip="192.168.200.11")
    assert (await ask(house, "192.168.200.11"))[1]["captive"] is True
    # an address without a row: it has not sent anything yet
    assert (await ask(house, "192.168.200.99"))[1]["captive"] is True
    for outside in ("203.0.113.7", "192.168.201.1", "nonsense"):
        assert await ask(house, outside) == (200, {"captive": False})
    # what the device itself writes in front of the trusted hop counts for nothing
    assert (await ask(house, f"{HERE}, 203.0.113.7"))[1] == {"captive": False}


async def test_many_questions_at_once_are_one_for_the_router(house: House) -> None:
    house.router.control("join", mac=PHONE, ip=HERE)
    before = house.router.read("calls").get(PRINTS, 0)
    began = time.monotonic()
    answers = await asyncio.gather(*(ask(house) for _ in range(20)))
    most = 1 + (time.monotonic() - began) // KEPT_SECONDS
    assert all(status == 200 and said["captive"] is True for status, said in answers)
    assert 1 <= house.router.read("calls")[PRINTS] - before <= most


async def test_a_router_that_is_away_claims_nothing(house: House) -> None:
    house.router.control("fault", max_sessions=0)
    status, said = await ask(house)
    assert (status, said["type"]) == (503, "UNAVAILABLE")
    began = time.monotonic()
    assert (await ask(house))[0] == 503
    assert time.monotonic() - began < 1  # known for a moment, like any other answer


async def test_the_file_for_the_router_is_understood_there(house: House) -> None:
    """Put on the router as an operator does it, and asked by a device."""
    file = await Browser(house.port).get("/hotspot/api.json")
    assert file.headers["content-type"].startswith("application/json")
    house.router.control("install", name="api.json", text=file.body.decode())
    house.router.control("join", mac=PHONE, ip=HERE)

    def asked() -> dict[str, object]:
        with urlopen(f"{house.router.control_url}/device/{PHONE}/api", timeout=5) as answer:  # noqa: S310
            assert answer.headers["Content-Type"] == "application/captive+json"
            return dict(json.load(answer))

    said = await asyncio.to_thread(asked)
    assert said["captive"] is True
    portal = f"{house.product.settings.public_url}/hotspot/login"
    assert str(said["user-portal-url"]).startswith(f"{portal}?mac={quote(PHONE)}&ip={HERE}&link-")


async def test_without_a_router_nothing_is_captive(
    serve: Callable[..., Awaitable[Site]],
) -> None:
    web = await serve(PROXYFIX_X_FOR="1", HOTSPOT_CIDRS="192.168.200.0/24")
    answer = await Browser(web.settings.port).get("/api/hotspot/captive", X_Forwarded_For=HERE)
    assert answer.json == {"captive": False}
