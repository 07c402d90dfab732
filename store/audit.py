"""The audit: who did what to whom, from where and when; never a secret.

Acts are written one by one. What strangers cause (wrong passwords, refused codes) is counted by who
was meant and where it came from, in windows of WINDOW_SECONDS, and written at the first, the tenth,
the hundredth…: an attack is a few lines that say how large it is, not a full disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.changes import Changes, Part
from store.clock import redis_ms
from store.limits import source_of

WINDOW_SECONDS = 300

MOST_LINES = 60
"""Lines of a window that are told apart, by act, subject and source: more than a day of a school's
mistakes. Whatever comes beyond them is one line more, that counts. An attack that never ends writes
some 20,000 lines a day at most."""


class Audit(Part):
    """Writes down."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._announce = changes.announce
        self._refuse = changes.script("audit_refuse")

    async def note(
        self, actor: str, act: str, subject: str, *, ip: str, detail: Mapping[str, Any]
    ) -> None:
        """Write down who did what to whom; `detail` holds no secret."""
        await self._announce(
            "audit",
            {
                "actor": actor,
                "act": act,
                "subject": subject,
                "detail": dict(detail),
                "ip": ip,
                "at": await redis_ms(self._redis),
            },
        )

    async def refused(self, act: str, subject: str, *, ip: str, actor: str = "") -> None:
        """Count that somebody was refused; `subject` is the member that was meant, "" for nobody.

        What was typed is never written: people type passwords into the wrong field.
        """
        line = f"{act}|{subject}|{source_of(ip)}"
        await self._refuse(
            [self._keys.refusals(), self._keys.events()],
            [line, act, subject, ip, actor, WINDOW_SECONDS, MOST_LINES],
        )
