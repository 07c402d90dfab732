"""Short messages to phones: through an HTTP gateway (Fonnte's form), or, in development, a file.

A login code is sent at once. What tells a member of a change waits in an outbox: once each, not at
night, not more than a few a minute, again after a failure.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections import Counter
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest

from store.database import Connection, Row, statement
from store.errors import NotFound
from store.opening import Store, open_store
from store.settings import Settings

SEND_SECONDS = 10.0
"""A gateway that takes longer has lost the message; the member asks again."""

RUN_SECONDS = 30.0
BATCH = 60
"""At most as many in a run, of which there are two a minute: gateways ban who sends more."""

PER_MINUTE = 3
"""At most as many to one member."""

MOST_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 30
"""Doubled each time: the eighth attempt is an hour after the first."""

QUIET_FROM, QUIET_UNTIL = 21, 7
"""Hours in which nobody's phone should ring for a quota."""

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
}

log = logging.getLogger("jaga.messages")


async def send_code(phone: str, code: str) -> None:
    """Send a login code; an empty `phone` is nobody's, and nothing is sent."""
    if not phone:
        return
    settings = Settings.from_environment()
    minutes = max(1, settings.otp_ttl_seconds // 60)
    await send(
        phone,
        f"Kode masuk Jaga: {code}. Berlaku {minutes} menit. "
        "Jangan berikan kode ini kepada siapa pun.",
    )


async def deliver() -> None:
    """Send what is due in the outbox."""
    settings = Settings.from_environment()
    if is_quiet(datetime.now(ZoneInfo(settings.timezone)).hour):
        return
    async with open_store(settings) as store, store.database.connection() as connection:
        params = {"most": MOST_ATTEMPTS, "count": BATCH}
        due = await (await connection.execute(statement("messages", "take_due"), params)).fetchall()
        told: Counter[str] = Counter()
        enough = time.monotonic() + RUN_SECONDS
        for row in due:
            if time.monotonic() > enough:
                break  # a gateway that hangs; the rest is due at the next run
            told[row["member_id"]] += 1
            if row["lately"] + told[row["member_id"]] > PER_MINUTE:
                await _put_off(connection, row["id"], 60, "", failed=0)
                continue
            await _deliver_one(store, connection, row)


async def _deliver_one(store: Store, connection: Connection, row: Row) -> None:
    try:
        account = await store.hotspot.account(row["member_id"])
        await send(account.phone, TEXTS[row["kind"]])
    except NotFound:
        await connection.execute(statement("messages", "mark_sent"), {"id": row["id"]})
    except (OSError, HTTPError) as error:
        wait = FIRST_WAIT_SECONDS * 2 ** row["attempts"]
        await _put_off(connection, row["id"], wait, type(error).__name__, failed=1)
    else:
        await connection.execute(statement("messages", "mark_sent"), {"id": row["id"]})


async def _put_off(
    connection: Connection, message: int, seconds: float, error: str, *, failed: int
) -> None:
    params = {"id": message, "seconds": seconds, "error": error, "failed": failed}
    await connection.execute(statement("messages", "put_off"), params)


def is_quiet(hour: int) -> bool:
    """Whether it is night, local time."""
    return hour >= QUIET_FROM or hour < QUIET_UNTIL


async def send(phone: str, text: str) -> None:
    """Send a text to a phone (`628…`). Raises tornado.httpclient.HTTPError."""
    settings = Settings.from_environment()
    if settings.otp_sender == "http":
        await _post(settings, phone, text)
    elif settings.is_dev:
        _keep(settings, phone, text)
    else:
        # never its text: who reads the log must not be able to log in
        log.warning("message to=%s… was made and not sent: OTP_SENDER is log", phone[:6])


async def _post(settings: Settings, phone: str, text: str) -> None:
    request = HTTPRequest(
        settings.otp_http_url,
        method="POST",
        headers={"Authorization": settings.otp_http_token},
        body=urlencode({"target": phone, "message": text, "countryCode": "62"}),
        connect_timeout=SEND_SECONDS,
        request_timeout=SEND_SECONDS,
    )
    await AsyncHTTPClient().fetch(request)
    log.info("message sent to=%s…", phone[:6])


def _keep(settings: Settings, phone: str, text: str) -> None:
    """In development: a file, whole or not at all, under a name that sorts by time."""
    folder = settings.jaga_home / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json"
    unfinished = folder / f".{name}"
    message = {"to": phone, "text": text, "at": time.time()}
    unfinished.write_text(json.dumps(message, ensure_ascii=False))
    os.replace(unfinished, folder / name)
