"""Fixtures of the flows.

* `house`  a server with a worker and a router, its admin logged in
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scripts.simulator.part import RouterPart
from tests.flows.house import ADMIN, PASSWORD, House
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
