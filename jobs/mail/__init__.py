"""The mails that are owed: `letters` writes them, `smtp` hands them over, `outbox` decides.

`wire` is how one looks as bytes, `verdicts` what a server's answer means.
"""

from __future__ import annotations

import logging

from jobs.mail.outbox import Post
from store.errors import Unavailable
from store.opening import open_store
from store.settings import Settings

log = logging.getLogger("jaga.mail")


async def send() -> None:
    """Send what is due; RQ calls this by name."""
    async with open_store(Settings.from_environment()) as store:
        try:
            await Post(store).run()
        except Unavailable as error:
            log.warning("mails wait: %s", type(error.__cause__ or error).__name__)
