"""Questions that a job answers, for web processes never talk to a router."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from store.awaiting import Awaiting
from store.keys import Keys
from store.queue import Queue
from store.sessions import new_id

ASK_SECONDS = 60
"""How long a question may keep its worker: a preview of a large site is the longest."""

ANSWER_SECONDS = 300
"""How long a job's answer waits for the page that asked."""


class Questions:
    """What is asked, and what was answered."""

    def __init__(self, keys: Keys, queue: Queue, awaiting: Awaiting) -> None:
        self._keys = keys
        self._queue = queue
        self._awaiting = awaiting

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
        await self._awaiting.write(key, json.dumps(answer), ANSWER_SECONDS)

    async def answer_to(self, question: str, wait: float = 0.0) -> dict[str, Any] | None:
        """Return the answer as soon as it is there; None when it is not within `wait` seconds."""
        text = await self._awaiting.read(self._keys.hotspot_answer(question), wait)
        return dict(json.loads(text)) if text else None
