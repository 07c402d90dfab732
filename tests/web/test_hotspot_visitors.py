"""What strangers send to the hotspot's addresses stands in no line with blocks and codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from store.queue import MOST_WAITING, QUEUES, THREADS, queue_redis
from tests.hotspot import customer
from tests.serving import Serving, serving

ROUTER = {
    "MIKROTIK_HOST": "127.0.0.1",
    "MIKROTIK_PORT": "9",
    "MIKROTIK_USERNAME": "jaga",
    "MIKROTIK_PASSWORD": "jaga",
    "PROXYFIX_X_FOR": "1",
}


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, **ROUTER) as site:
        yield site


def waiting(site: Serving) -> dict[str, int]:
    """How many jobs wait, by queue; those of the log's own are left out."""
    with queue_redis(site.store.settings) as connection:
        return {name: _length(connection, name) for name in QUEUES if name != "default"}


def _length(connection: redis.Redis, name: str) -> int:
    return int(connection.llen(f"rq:queue:{name}"))


async def test_junk_is_refused_before_anything_is_queued(site: Serving) -> None:
    proofs = (
        site.browser().post("/api/hotspot/proof", {"token": f"junk{number:020d}"})
        for number in range(20)
    )
    codes = (
        site.browser().post(
            "/api/auth/request-otp",
            {"phone_number": f"0812{number:08d}"},
            X_Forwarded_For=f"203.0.113.{number}",
        )
        for number in range(20)
    )
    answers = await asyncio.gather(*proofs, *codes)
    assert {answer.status for answer in answers} == {200}
    assert {a.json["hotspot"]["state"] for a in answers[:20]} == {"unproven"}
    assert waiting(site) == {"urgent": 0, "hotspot": 0, "visitors": 0}


async def test_a_known_phone_has_its_code_queued_and_is_answered_alike(site: Serving) -> None:
    await customer(site.store, 1)
    urgent = waiting(site)["urgent"]
    for phone in ("081200000001", "081299999999"):
        answer = await site.browser().post("/api/auth/request-otp", {"phone_number": phone})
        assert (answer.status, answer.json["expires_in"], answer.json["resend_in"]) == (
            200,
            300,
            60,
        )
    assert waiting(site)["urgent"] == urgent + 1


async def test_a_proof_under_way_asks_the_router_among_visitors(
    site: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.hotspot.presence.WAIT_SECONDS", 0.1)
    token, _ = await site.store.hotspot.presences.begin("utama", {"member": "m"})
    answers = await asyncio.gather(
        *(
            site.browser().post(
                "/api/hotspot/proof", {"token": token}, X_Forwarded_For=f"203.0.113.{number}"
            )
            for number in range(100)
        )
    )
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 60 and statuses.count(429) == 40
    assert {a.json["hotspot"]["state"] for a in answers if a.status == 200} == {"pending"}
    lines = waiting(site)
    assert lines["urgent"] == lines["hotspot"] == 0
    # each of a process's threads may have looked before the other added
    assert 0 <= lines["visitors"] - MOST_WAITING["visitors"] < THREADS
