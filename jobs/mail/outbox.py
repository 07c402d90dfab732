"""Works off the outbox of mails, oldest first.

A mail is claimed with a lease, so that a worker that dies lets it go again; sent; marked. A death
between the last two repeats one mail, under the same Message-ID. What is wrong with a mail or its
recipient is that mail's own affair and holds nobody up; what is wrong with us would be answered to
all of them, so the whole outbox rests, each time longer, and shows the server's words.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from jobs.mail.mime import Unwritable
from jobs.mail.smtp import MAIL_SECONDS, Refusal, SmtpConnection
from jobs.mail.verdicts import Blame, Stage
from jobs.mail.writing import MailTemplates
from store.database import Row, statement
from store.errors import NotFound, Unavailable
from store.opening import Store
from store.outboxes import Backoff

RETRY = Backoff((30, 120, 600, 3_600, 21_600, 86_400))
"""After each failure; then the mail is dead and stands in the outbox."""

FULL = Backoff((3_600, 10_800, 43_200, 86_400, 86_400, 86_400))
"""The same for a full box, whose owner may be away for a weekend."""

LEASE_SECONDS = int(MAIL_SECONDS) + 15
"""How long a claimed mail belongs to its worker: the longest that sending takes, and a moment to
mark it."""

RUN_SECONDS = 60.0

PATIENCE = 4
"""How many rests (a quarter of an hour in all) one mail may cause. After that the next mail is
tried as well: the cause may be this mail, not the server."""

MOST_SUSPECTS = 64
"""Most mails that are tried in one run to find out. The number doubles with each rest, so that a
few odd mails do not hold up the others for hours, and a broken server is not asked often."""

MOST_CUTS = 2
"""Connections that break one after the other: the first may be the mail's fault, two are the
server's."""

log = logging.getLogger("jaga.mail")


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A mail at which the server complained of us: its doing, or ours."""

    row: Row
    refusal: Refusal


class MailSender:
    """Sends what is due."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = store.settings
        self._templates = MailTemplates(store.settings)

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Send until nothing is due; returns how many mails were taken. Raises Unavailable."""
        if not self._settings.smtp_url and not self._settings.is_dev:
            await self._say_that_none_is_set()
            return 0
        rest = await self._store.mails.resting()
        if rest and rest.is_on:
            return 0
        async with SmtpConnection(self._settings) as smtp:
            return await _Round(self._store, self._templates, smtp, bool(rest)).go(seconds)

    async def _say_that_none_is_set(self) -> None:
        due = await self._store.database.fetch_one(statement("mail", "count_due"))
        if due and due["count"]:
            log.error("%s mails wait: SMTP_URL is not set", due["count"])


class _Round:
    """One run over one connection."""

    def __init__(
        self, store: Store, templates: MailTemplates, smtp: SmtpConnection, is_trial: bool
    ) -> None:
        self._store = store
        self._templates = templates
        self._smtp = smtp
        self._is_trial = is_trial
        self._suspects: list[_Suspect] = []
        self._most_suspects = 0
        self._cuts = 0

    async def go(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        sent = 0
        while time.monotonic() < deadline and (row := await self._store.mails.claim(LEASE_SECONDS)):
            refusal = await self._send(row)
            if refusal is None:
                await self._store.mails.mark("sent", row)
                sent += 1
            if not await self._goes_on(row, refusal):
                return sent
        if self._suspects:
            # nobody else was there to be asked
            await self._rest(self._suspects[-1].refusal)
        return sent

    async def _send(self, row: Row) -> Refusal | None:
        """Send one mail; whatever is raised for it is its own trouble."""
        try:
            link = await self._link(row)
            mail = self._templates.write(row, link)
            await self._smtp.send(mail, self._templates.sender, row["recipient"])
        except Unavailable:
            raise
        except Refusal as refusal:
            return refusal
        except Unwritable as error:
            return Refusal(Blame.RECIPIENT, f"Tidak bisa ditulis: {error}")
        except Exception as error:
            log.exception("mail %s cannot be sent", row["id"])
            return Refusal(Blame.RECIPIENT, f"Tidak bisa ditulis: {type(error).__name__}: {error}")
        return None

    async def _link(self, row: Row) -> str:
        """A link to set a password, made when the mail goes out: none is kept in the outbox.
        Raises Unavailable when Redis is away, which is no fault of the mail."""
        links = self._store.password_links
        try:
            if row["template"] == "lupa_password":
                return await self._asked(row)
            if row["template"] not in ("pendaftaran_member", "sudah_terdaftar"):
                return ""
            member = await self._store.members.find(row["recipient"])
            return await links.make(member.id) if member else ""
        except NotFound:
            raise Unwritable("nobody's account") from None
        except (RedisError, OSError) as error:
            raise Unavailable() from error

    async def _asked(self, row: Row) -> str:
        """The link that somebody asked for, while the address is its member's. Raises NotFound."""
        member = await self._store.members.get(row["payload"]["member"])
        if member.email != row["recipient"]:
            raise NotFound()
        return await self._store.password_links.make_asked(member.id)

    async def _goes_on(self, row: Row, refusal: Refusal | None) -> bool:
        """Write down what became of a mail; returns whether the next may be tried."""
        self._cuts = self._cuts + 1 if refusal and refusal.is_cut else 0
        if refusal and (refusal.blame is Blame.OURS or self._cuts >= MOST_CUTS):
            return await self._blame_us(row, refusal)
        if refusal:
            await self._fail(row, refusal)
        if not (refusal and refusal.is_cut):
            await self._clear()
        return True

    async def _blame_us(self, row: Row, refusal: Refusal) -> bool:
        if not self._suspects:
            self._most_suspects = _suspects_after(row["holds"])
        self._suspects.append(_Suspect(row, refusal))
        if refusal.stage is not Stage.CONNECT and len(self._suspects) <= self._most_suspects:
            return True  # it may be these mails: the next one is asked
        await self._rest(refusal)
        return False

    async def _rest(self, refusal: Refusal) -> None:
        log.error("mails rest: %s", refusal.words)
        for suspect in self._suspects:
            await self._store.mails.mark("held", suspect.row, error=suspect.refusal.words)
        await self._store.mails.rest(refusal.words)

    async def _clear(self) -> None:
        """The server has taken or judged a mail: it is not us. Suspects were their own trouble."""
        suspects, self._suspects = self._suspects, []
        for suspect in suspects:
            await self._fail(suspect.row, suspect.refusal)
        if self._is_trial:
            self._is_trial = False
            await self._store.mails.end_rest()
            log.warning("mails are taken again")

    async def _fail(self, row: Row, refusal: Refusal) -> None:
        backoff = {Blame.RECIPIENT: None, Blame.FULL: FULL}.get(refusal.blame, RETRY)
        is_dead = await self._store.mails.fail(row, refusal.words, backoff)
        log.log(
            logging.ERROR if is_dead else logging.WARNING,
            "mail %s was not taken%s: %s",
            row["id"],
            " and is given up" if is_dead else "",
            refusal.words,
        )


def _suspects_after(holds: int) -> int:
    """Return how many mails are tried in a run before it rests, when the first of them has caused
    `holds` rests before."""
    return 0 if holds < PATIENCE else int(min(2 ** (holds - PATIENCE), MOST_SUSPECTS))
