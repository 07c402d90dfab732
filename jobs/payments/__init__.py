"""Works off payments: the doorways by which RQ and the persist job come in.

`processing` takes deliveries one by one through `judging`, `enrolling` and `granting`; `work` is
one delivery in hand.
"""

from __future__ import annotations

import logging

import psycopg

from jobs.payments.processing import Processing, notify_of_due
from store.errors import Unavailable
from store.opening import Store, open_store
from store.settings import Settings

log = logging.getLogger("jaga.payments")


async def process() -> None:
    """Work off the inbox; RQ calls this by name."""
    async with open_store(Settings.from_environment()) as store:
        await Processing(store).run()


async def notify(store: Store) -> None:
    """Have workers do what is due, payments and mails; what cannot be asked for now is asked for
    by the next persist job, three seconds later at most."""
    try:
        await notify_of_due(store)
    except (Unavailable, psycopg.errors.UndefinedTable) as error:
        log.debug("nobody was told of what is due: %s", error)
