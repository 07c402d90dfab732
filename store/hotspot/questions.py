"""Questions that a job answers, for web processes never talk to a router."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.changes import Changes, Part
from store.queue import Queue
from store.sessions import new_id

ASK_SECONDS = 60
"""How long a question may keep its worker: a preview of a large site is the longest."""

ANSWER_SECONDS = 300
"""How long a job's answer waits for the page that asked."""


class Questions(Part):
    """What is asked, and what was answered."""

    def __init__(self, changes: Changes, queue: Queue) -> None:
        super().__init__(changes)
        self._queue = queue

    async def ask(self, function: str, *args: Any, queue: str = "visitors") -> str:
        """Have a job find something out; returns where its answer will be. Raises Unavailable, also
        when too many questions wait already."""
        question = new_id()
        await self._queue.enqueue(
            f"jobs.hotspot.{function}", question, *args, queue=queue, seconds=ASK_SECONDS
        )
        return question

    async def answer(self, question: str, answer: Mapping[str, Any]) -> None:
        """Give an answer."""
        key = self._keys.hotspot_answer(question)
        await self._redis.set(key, json.dumps(answer), ex=ANSWER_SECONDS)

    async def answer_to(self, question: str) -> dict[str, Any] | None:
        """Return the answer, None while there is none."""
        text = await self._redis.get(self._keys.hotspot_answer(question))
        return dict(json.loads(text)) if text else None
