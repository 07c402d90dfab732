"""Short messages to phones: through an HTTP gateway (Fonnte's form), or into a file or the log."""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from store.settings import Settings

SEND_SECONDS = 10.0
"""A gateway that takes longer has lost the message; the member asks again."""

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


async def send(phone: str, text: str) -> None:
    """Send a text to a phone (`628…`). Raises tornado.httpclient.HTTPError."""
    settings = Settings.from_environment()
    if settings.otp_sender == "http":
        await _post(settings, phone, text)
    elif settings.is_dev:
        _keep(settings, phone, text)
    else:
        log.info("message to=%s: %s", phone, text)


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
