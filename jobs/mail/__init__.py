"""The mails that are owed. `writing` fills templates, `mime` makes bytes of them, `smtp` sends
them, `verdicts` judges what a server answers, `outbox` decides what becomes of each.
"""

from __future__ import annotations

import logging

from jobs.mail.outbox import MailSender
from store.errors import Unavailable
from store.opening import open_store
from store.settings import Settings

log = logging.getLogger("jaga.mail")


async def send() -> None:
    """Send what is due; RQ calls this by name."""
    async with open_store(Settings.from_environment()) as store:
        try:
            await MailSender(store).run()
        except Unavailable as error:
            log.warning("mails wait: %s", type(error.__cause__ or error).__name__)
