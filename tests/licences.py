"""What tests of licences share: one that was paid for, and who activates it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from store.opening import Store
from tests.client import Answer, Browser
from tests.lynk import KEY, deliver, payment
from tests.orders import settle
from tests.serving import Serving, serving


@asynccontextmanager
async def bought(environment: dict[str, str], **changes: str) -> AsyncIterator[tuple[Serving, str]]:
    """A server, and the key of a licence that was paid for."""
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, **changes) as site:
        await deliver(site.browser(), payment())
        await settle(site.store)
        yield site, await only_key(site.store)


async def only_key(store: Store) -> str:
    (row,) = await store.database.fetch(b"SELECT key_license FROM lynk_webhook")
    return str(row["key_license"])


async def act(browser: Browser, name: str, key: str, **more: Any) -> Answer:
    return await browser.post(f"/api/license/{name}", {"license_key": key} | more)


async def activated(site: Serving, key: str, fingerprint: str) -> str:
    answer = await act(site.browser(), "activate", key, fingerprint=fingerprint)
    assert answer.status == 200 and answer.json["activated"]
    return str(answer.json["instance"]["id"])


async def admin_sets(site: Serving, **changes: str) -> Answer:
    admin = await site.logged_in(await site.member(role="admin"))
    (row,) = (await admin.get("/api/admin/licenses")).json["licenses"]
    path = f"/api/admin/licenses/{row['id']}"
    return await admin.send("PATCH", path, json.dumps(changes).encode())


PASTED = [
    "kei-ab12-cd34ef56",
    "  KEI-AB12-CD34EF56\r\n",
    "KEI–AB12–CD34EF56",
    "KEI−AB12−CD34EF56",
    "KEI-\u200bAB12-CD34EF56",
    "KEI- AB12- CD34EF56",
    "KEI AB12 CD34EF56",
    "*KEI-AB12-CD34EF56*",
    '"KEI-AB12-CD34EF56"',
    "Kunci lisensi: KEI-AB12-CD34EF56",
    "ＫＥＩ－ＡＢ１２－ＣＤ３４ＥＦ５６",
    "KEI-AB12-\nCD34EF56",
    "KEIAB12CD34EF56",
    "<KEI-AB12-CD34EF56>",
    "KEI-AB12-CD34EF56 KEI-AB12-CD34EF56",
    "KEI‑AB12‑CD34EF56\u00ad",
]
"""The inputs that went wrong or nearly, and their kind."""
