"""The process: its first admin, a part that fails, and an end that comes whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from realtime import server as servers
from realtime.presence.expiry import Expiry
from tests.serving import serving, until


async def test_the_first_admin_is_made_once(environment) -> None:
    named = {"ADMIN_EMAIL": "admin@jaga.test", "ADMIN_PASSWORD": "rahasia admin"}
    for _ in range(2):
        async with serving(environment, **named) as site:
            await until(lambda site=site: _is_there(site))  # type: ignore[misc]
            admin = await site.store.members.find("admin@jaga.test")
            assert admin and admin.role == "admin"
            answer = await site.browser().login("admin@jaga.test", "rahasia admin")
            assert answer.status == 200


async def _is_there(site) -> bool:
    return await site.store.members.find("admin@jaga.test") is not None


async def test_a_part_that_fails_ends_the_process_so_that_it_is_started_again(
    settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Expiry) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(Expiry, "watch", fail)
    async with asyncio.timeout(10):
        assert await servers.serve(settings) == 1


async def test_a_part_that_misses_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As redis-py does before Python 3.12, when it comes in the moment a write is done."""
    monkeypatch.setattr(servers, "CANCEL_SECONDS", 0.02)
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while missed < 3:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                missed += 1
        await asyncio.sleep(30)

    task = asyncio.create_task(servers._for_ever(deaf(), lambda: None))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await servers._end([task])
    assert missed == 3 and task.cancelled()


async def test_health_answers_in_json_to_whatever_is_asked(environment) -> None:
    async with serving(environment) as site:
        browser = site.browser()
        assert (await browser.get("/healthz")).json == {"alive": True}
        ready = (await browser.get("/readyz")).json
        assert ready["serving"] is True and ready["redis"]["durable"] is True
        assert ready["postgres"]["ok"] is True and ready["event_log"]["following"] is True
        figures = (await browser.get("/metrics")).body.decode()
        assert "jaga_connections" in figures and "jaga_loop_lag_seconds" in figures
        for path in ("/healthz", "/readyz"):
            assert (await browser.send("HEAD", path, b"")).status == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            refused = await browser.post(path, {})
            assert (refused.status, refused.json["type"]) == (405, "METHOD_NOT_ALLOWED")
