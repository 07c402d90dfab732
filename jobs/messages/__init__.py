"""Short messages to phones. A login code is sent at once (`send_code`); what tells a member of a
change waits in an outbox (`deliver`). `gateway` is the door to whoever sends them."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from redis.exceptions import RedisError

from jobs.messages.gateway import Blame, NotSent, send
from jobs.messages.outbox import MessageSender
from store.errors import Unavailable
from store.opening import Store, open_store
from store.settings import Settings

QUIET_FROM, QUIET_UNTIL = 21, 7
"""Hours in which nobody's phone should ring for a quota."""

log = logging.getLogger("jaga.messages")


async def send_code(phone: str, code: str, line: str = "") -> None:
    """Send a login code; `line` as in `Otp.issue`.

    One that nothing says was taken is withdrawn: it counts as not asked for, and the page that
    waits for it hears so.
    """
    if not phone:
        return
    settings = Settings.from_environment()
    minutes = max(1, settings.otp_ttl_seconds // 60)
    text = (
        f"Kode masuk {settings.site_name}: {code}. Berlaku {minutes} menit. "
        "Jangan berikan kode ini kepada siapa pun."
    )
    refusal = None
    try:
        await send(settings, phone, text)
    except NotSent as error:
        refusal = error
        log.error("a code to=%s… %s", phone[:6], refusal.words)
    async with open_store(settings) as store:
        await _tell_page(store, (phone, code, line), refusal)
        if refusal is None or refusal.blame is Blame.OURS:
            await _tell_operator(store, refusal)


async def _tell_page(store: Store, sent: tuple[str, str, str], refusal: NotSent | None) -> None:
    phone, code, line = sent
    try:
        if refusal is None:
            await store.hotspot.otp.was_sent(phone, code)
        else:
            await store.hotspot.otp.withdraw(phone, code, line, for_all=refusal.blame is Blame.OURS)
    except (RedisError, OSError) as error:
        log.warning("a page does not hear of its code: %s", type(error).__name__)


async def _tell_operator(store: Store, refusal: NotSent | None) -> None:
    try:
        if refusal:
            await store.messages.rest(refusal.words)
        else:
            await store.messages.end_rest()
    except Unavailable:
        return  # Postgres is away: what the log says has to do


async def deliver() -> None:
    """Send what is due in the outbox; RQ calls this by name."""
    settings = Settings.from_environment()
    if is_quiet(datetime.now(ZoneInfo(settings.timezone)).hour):
        return
    async with open_store(settings) as store:
        try:
            await MessageSender(store).run()
        except (Unavailable, RedisError, OSError) as error:
            log.warning("messages wait: %s", type(error.__cause__ or error).__name__)


def is_quiet(hour: int) -> bool:
    """Whether it is night, local time."""
    return hour >= QUIET_FROM or hour < QUIET_UNTIL
