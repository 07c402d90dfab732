"""The only door to the message gateway: asks it, and believes only an answer that says yes.

Without one, in development, each message is a file.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any

from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from store.gateway import Form
from store.settings import Settings

SEND_SECONDS = 10.0
"""A gateway that takes longer has lost the message; the member asks again."""

MOST_BYTES = 65_536
"""Of an answer; a gateway's has some hundred."""

MOST_WORDS = 300
"""Characters that are kept of why not."""

REASONS = ("reason", "detail", "message", "error", "description", "msg")
"""Where gateways say why not, Fonnte first."""

_ABOUT_US = re.compile(
    r"token|quota|kuota|saldo|balance|credit|device|disconnect|expired|limit|rate|auth|forbidden"
    r"|suspend|api.?key|package|paket|plan\b|whitelist|\bip\b",
    re.IGNORECASE,
)
_ABOUT_RECIPIENT = re.compile(r"target|number|nomor|recipient|phone|not registered", re.IGNORECASE)

log = logging.getLogger("jaga.messages")


class Blame(Enum):
    """Whose fault it is that a message was not sent."""

    OURS = "ours"
    """The gateway, our token, our quota: nobody's message would be taken."""

    RECIPIENT = "recipient"
    """A number that no message reaches: for good."""

    MESSAGE = "message"
    """This message, now."""


class NotSent(Exception):
    """A message that nothing says was taken: whose fault that is, and the gateway's words."""

    def __init__(self, blame: Blame, words: str) -> None:
        super().__init__(words)
        self.blame = blame
        self.words = words


async def send(settings: Settings, phone: str, text: str) -> None:
    """Send a text to a phone (`628…`). Raises NotSent."""
    if settings.otp_sender == "http":
        await _ask(settings.gateway, phone, text)
        log.info("message sent to=%s…", phone[:6])
    elif settings.is_dev:
        _keep(settings, phone, text)
    else:
        # and no text is logged: who reads the log must not be able to log in
        raise NotSent(Blame.OURS, "was made and not sent: OTP_SENDER=log has no gateway")


async def _ask(form: Form, phone: str, text: str) -> None:
    asked = form.fill(phone, text)
    request = HTTPRequest(
        asked.url,
        method=asked.method,
        headers=dict(asked.headers),
        body=asked.body,
        connect_timeout=SEND_SECONDS,
        request_timeout=SEND_SECONDS,
        follow_redirects=False,
    )
    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=MOST_BYTES)
    try:
        answer = await client.fetch(request, raise_error=False)
    except (OSError, HTTPError, ValueError) as error:
        raise NotSent(Blame.OURS, _clean(f"{type(error).__name__}: {error}", form)) from error
    finally:
        client.close()
    _believe(answer, form)


def _believe(answer: HTTPResponse, form: Form) -> None:
    """Return when an answer says that the message was taken. Raises NotSent."""
    if answer.code == 599:
        raise NotSent(Blame.OURS, _clean(str(answer.error), form))
    body = _json_of(answer)
    if not 200 <= answer.code < 300:
        words = f"HTTP {answer.code} {_reason(body)}"
        blame = Blame.MESSAGE if answer.code in (400, 422) else Blame.OURS
        raise NotSent(_blame(words) or blame, _clean(words, form))
    try:
        found = form.success.find(body)
    except LookupError:
        said = _reason(body) or (answer.body or b"")[:120].decode("utf-8", "replace")
        raise NotSent(Blame.OURS, _clean(f"bukan jawaban yang diharapkan: {said}", form)) from None
    if not form.success.is_said_by(found):
        words = _reason(body) or f"{'.'.join(form.success.path)}: {found}"
        raise NotSent(_blame(words) or Blame.MESSAGE, _clean(words, form))


def _json_of(answer: HTTPResponse) -> Any:
    try:
        return json.loads(answer.body or b"", object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without what it says twice: no yes is believed that has a no beside it."""
    counts = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if counts[name] == 1}


def _reason(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    return next((str(body[name]) for name in REASONS if body.get(name)), "")


def _blame(words: str) -> Blame | None:
    if _ABOUT_US.search(words):
        return Blame.OURS
    return Blame.RECIPIENT if _ABOUT_RECIPIENT.search(words) else None


def _clean(words: str, form: Form) -> str:
    """One line without the token, which some gateways say back."""
    safe = words.replace(form.token, "…") if form.token else words
    return " ".join("".join(sign if sign.isprintable() else " " for sign in safe).split())[
        :MOST_WORDS
    ]


def _keep(settings: Settings, phone: str, text: str) -> None:
    """In development: a file, whole or not at all, under a name that sorts by time."""
    folder = settings.jaga_home / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json"
    unfinished = folder / f".{name}"
    message = {"to": phone, "text": text, "at": time.time()}
    unfinished.write_text(json.dumps(message, ensure_ascii=False))
    os.replace(unfinished, folder / name)
