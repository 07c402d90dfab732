"""Works off the outbox of messages, what was due first first: not at night, not more than a few a
minute to one member, nothing that time has overtaken.

As with mails: one is claimed with a lease and marked by itself, and a gateway that takes nothing
from us lets the whole outbox rest.
"""

from __future__ import annotations

import logging
import time

from jobs.messages.gateway import Blame, NotSent, send
from store.clock import now_ms
from store.database import Row
from store.errors import NotFound
from store.hotspot import Account
from store.hotspot.deciding import STATUSES, Policy, decide
from store.opening import Store
from store.outboxes import Backoff

LEASE_SECONDS = 30
"""How long a claimed message is nobody else's: three times what a gateway may take."""

RUN_SECONDS = 30.0
BATCH = 60
"""At most as many in a run, of which there are two a minute: gateways ban who sends more."""

PER_MINUTE = 3
"""At most as many to one member."""

RETRY = Backoff(tuple(30.0 * 2**failures for failures in range(7)), spread=0)
"""Doubled each time: the eighth and last attempt is an hour after the first."""

TEXTS = {
    "aktif": "Internet hotspot Anda sudah aktif. Selamat menggunakan.",
    "unlimited": "Internet hotspot Anda sudah aktif, tanpa batas kuota.",
    "fup": "Pemakaian Anda melewati batas wajar paket ini. Internet tetap jalan, tetapi lebih "
    "pelan sampai paket ini habis.",
    "habis": "Kuota hotspot Anda sudah habis. Beli paket baru untuk tersambung lagi.",
    "expired": "Masa aktif paket hotspot Anda sudah habis. Beli paket baru untuk tersambung lagi.",
    "inactive": "Akun hotspot Anda sedang nonaktif. Hubungi pengelola bila ini keliru.",
    "blocked": "Akun hotspot Anda diblokir. Hubungi pengelola bila ini keliru.",
    "quota_low": "Kuota hotspot Anda hampir habis.",
    "ends_in_1": "Paket hotspot Anda berakhir dalam 1 hari.",
    "ends_in_3": "Paket hotspot Anda berakhir dalam 3 hari.",
    "ends_in_7": "Paket hotspot Anda berakhir dalam 7 hari.",
    "nomor_diganti": "Nomor HP akun Anda baru saja diganti, dan nomor ini tidak dipakai lagi. "
    "Hubungi pengelola bila bukan Anda yang menggantinya.",
    "email_diganti": "Alamat email akun Anda baru saja diganti. "
    "Hubungi pengelola bila bukan Anda yang menggantinya.",
}

BUYING = ("habis", "expired", "quota_low", "ends_in_1", "ends_in_3", "ends_in_7")
ASKING = ("inactive", "blocked", "nomor_diganti", "email_diganti")

log = logging.getLogger("jaga.messages")


class MessageSender:
    """Sends what is due."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outbox = store.messages
        self._settings = store.settings
        self._policy = Policy.of(store.settings)

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Send until nothing is due; returns how many were taken. Raises Unavailable."""
        rest = await self._outbox.resting()
        if rest and rest.is_on:
            return 0
        enough = time.monotonic() + seconds
        sent = 0
        for _ in range(BATCH):
            row = await self._outbox.claim(LEASE_SECONDS) if time.monotonic() < enough else None
            if row is None:
                break
            try:
                sent += await self._deliver(row)
            except NotSent as refusal:
                if refusal.blame is Blame.OURS:
                    await self._rest(row, refusal)
                    break
                await self._fail(row, refusal)
        if sent and rest:
            await self._outbox.end_rest()
        return sent

    async def _deliver(self, row: Row) -> bool:
        """Send one message, unless it is too late or too soon for it. Raises NotSent."""
        if row["lately"] >= PER_MINUTE:
            await self._outbox.mark("put_off", row, seconds=60)
            return False
        if row["phone"]:
            await self._send(row, row["phone"])
            return True
        try:
            account = await self._store.hotspot.accounts.get(row["member_id"])
        except NotFound:
            account = None
        if account is None or is_overtaken(row["kind"], row["key"], account, self._policy):
            await self._outbox.mark("overtaken", row)
            return False
        await self._send(row, account.phone)
        return True

    async def _send(self, row: Row, phone: str) -> None:
        await send(self._settings, phone, self._text(row["kind"]))
        await self._outbox.mark("mark_sent", row)

    def _text(self, kind: str) -> str:
        """With where to buy, or whom to ask, where that is set."""
        site, text = self._settings.site, TEXTS[kind]
        if kind in BUYING and site.shop_url:
            return f"{text} {site.shop_url}"
        if kind in ASKING and site.contact_url:
            return f"{text} {site.contact_address or site.contact_url}"
        return text

    async def _rest(self, row: Row, refusal: NotSent) -> None:
        log.error("messages rest: %s", refusal.words)
        await self._outbox.mark("held", row, error=refusal.words)
        await self._outbox.rest(refusal.words)

    async def _fail(self, row: Row, refusal: NotSent) -> None:
        backoff = None if refusal.blame is Blame.RECIPIENT else RETRY
        is_dead = await self._outbox.fail(row, refusal.words, backoff)
        level = logging.ERROR if is_dead else logging.WARNING
        log.log(level, "message %s was not sent: %s", row["id"], refusal.words)


def is_overtaken(kind: str, key: str, account: Account, policy: Policy) -> bool:
    """Whether what a message says is not so any more: another status since, another package.

    `key` is the row's; a notice's ends in the key that it was news by.
    """
    now = now_ms()
    if kind in STATUSES:
        return decide(account.terms(now), now, policy) != kind
    return not any(
        kind == current and key.endswith(f":{kind}:{news}")
        for current, news in account.notices(now, policy)
    )
