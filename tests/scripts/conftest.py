"""One simulator of a router for all tests of it, as new for each: starting it costs more than most
of them take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.embedded.supervisor import Supervisor
from scripts.router_simulator.part import RouterPart


@pytest.fixture(scope="session")
def running_router(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RouterPart]:
    log = tmp_path_factory.mktemp("router") / "router.log"
    part = RouterPart(supervisor, log, portal="http://portal.test/hotspot/login")
    part.start()
    yield part
    part.stop()


@pytest.fixture
def router(running_router: RouterPart) -> RouterPart:
    if running_router.child is None or running_router.child.returncode is not None:
        running_router.start()
    running_router.reset()
    return running_router
