"""Fixtures of the addresses.

* `place`  the port of a server, a teacher who is logged in, and a meeting that is going on
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.opening import Store
from tests.client import Browser
from tests.pupils import meeting_of, teacher_at
from tests.serving import serving


@pytest.fixture
async def place(
    environment: dict[str, str], store: Store
) -> AsyncIterator[tuple[int, Browser, str]]:
    async with serving(environment) as site:
        teacher = await teacher_at(store, site.port)
        yield site.port, teacher, await meeting_of(teacher)
