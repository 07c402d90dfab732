"""Writing to many gives the loop its turn, and passes over who has left."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from realtime.presence.broadcast import BATCH, broadcast


async def test_others_have_their_turn_between_two_batches() -> None:
    crowd: Any = [SimpleNamespace(is_open=True) for _ in range(3 * BATCH)]
    written: list[int] = []
    seen: list[int] = []

    async def other() -> None:
        while len(written) < len(crowd):
            seen.append(len(written))
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    await broadcast(crowd, lambda _: written.append(1))
    await watching
    assert {BATCH, 2 * BATCH} <= set(seen)


async def test_who_left_meanwhile_is_passed_over() -> None:
    crowd: Any = [SimpleNamespace(is_open=number % 2 == 0) for number in range(2 * BATCH)]
    written: list[Any] = []

    def write(one: Any) -> None:
        crowd[-2].is_open = False
        written.append(one)

    await broadcast(crowd, write)
    assert written == crowd[::2][:-1]
