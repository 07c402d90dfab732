"""Fixtures of the browser tests.

* `budi`  a member with the name and password of `tests.browser.people`
* `photos`  where a test puts its screenshots
* `sit`   opens browsers at a running product: `first = await sit(web)`; when the test is over,
          none of their pages may have complained (script errors, refused scripts or styles)
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from store.members import Member
from store.opening import Store
from tests.browser.people import EMAIL, NAME, PASSWORD, Seat
from tests.parts import Site


@pytest.fixture
async def budi(store: Store) -> Member:
    return await store.members.create(email=EMAIL, password=PASSWORD, name=NAME)


@pytest.fixture
async def sit(chromium: Browser) -> AsyncIterator[Callable[..., Awaitable[Seat]]]:
    seats: list[Seat] = []

    async def take(web: Site, **options: Any) -> Seat:
        context = await chromium.new_context(locale="id-ID", **options)
        seats.append(Seat(web, context))
        return seats[-1]

    yield take
    for seat in seats:
        await seat.context.close()
    assert [complaint for seat in seats for complaint in seat.complaints] == []


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Where the screenshots go: `JAGA_PHOTOS`, else with the test's other files."""
    folder = Path(os.environ.get("JAGA_PHOTOS", tmp_path / "photos"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
