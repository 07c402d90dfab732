"""Fixtures of the flows.

* `house`  a server with a worker and a router, its admin logged in
* `web`    a server with one member, Sari
* `phone`  Sari's phone, logged in
* `desk`   a computer with the login page open
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scripts.simulator.part import RouterPart
from store.opening import Store
from tests.flows.house import ADMIN, PASSWORD, House
from tests.flows.people import Desk, Phone, member_of
from tests.parts import Site


@pytest.fixture
async def house(
    serve: Callable[..., Awaitable[Site]], router: RouterPart, request: pytest.FixtureRequest
) -> House:
    settings: dict[str, Any] = {
        **router.settings,
        "MIKROTIK_HOST": "127.0.0.1",
        "ADMIN_EMAIL": ADMIN,
        "ADMIN_PASSWORD": PASSWORD,
        "PROXYFIX_X_FOR": "1",
        "HOTSPOT_CIDRS": "192.168.200.0/24",
    }
    house = House(await serve(worker=True, **settings), router)
    await house.log_in_admin()
    return house


@pytest.fixture
async def web(serve: Callable[..., Awaitable[Site]], store: Store) -> Site:
    await member_of(store)
    return await serve()


@pytest.fixture
async def phone(web: Site) -> Phone:
    return await Phone(web.settings.port).login()


@pytest.fixture
def desk(web: Site) -> Desk:
    return Desk(web.settings.port)
