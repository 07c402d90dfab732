"""The operator's view of mails and messages: what waits, what failed, and why."""

from __future__ import annotations

from typing import Any

from store import mails, messages
from store.outboxes import Outbox
from web.admin import AdminHandler


class OutboxHandler(AdminHandler):
    """What these handlers share: an outbox to look at, and to start again."""

    async def show(self, name: str, outbox: Outbox, rows: list[dict[str, Any]], count: int) -> None:
        """Write the rows, of which `count` were asked for, and how the outbox does."""
        self.respond(
            {
                "success": True,
                name: rows,
                "counts": await outbox.counts(),
                "trouble": await outbox.trouble(),
                "next": rows[-1]["id"] if len(rows) == count else None,
            }
        )

    async def resend_dead(self, outbox: mails.Mails | messages.Messages, act: str) -> None:
        """Send all that were given up once more, and write it down."""
        current = await self.require_admin()
        count = await outbox.resend_dead()
        await self.note(current, act, "", count=count)
        self.respond({"success": True, "count": count}, 202)


class Mails(OutboxHandler):
    """`/api/admin/mails[?state=&q=&order=&to=&before=&limit=]`: the newest first, how many are in
    each state, and why none leaves (`trouble`)."""

    async def get(self) -> None:
        await self.require_admin()
        outbox, count = self.store.mails, self.rows()
        rows = await outbox.list(
            state=self.chosen("state", mails.STATES),
            search=self.query("q", 190),
            ref_id=self.query("order", 190) or None,
            recipient=self.query("to", 254) or None,
            before=self.before(),
            count=count,
        )
        await self.show("mails", outbox, rows, count)


class ResendMail(OutboxHandler):
    """`/api/admin/mails/{id}/resend`: once more, now."""

    async def post(self, mail: str) -> None:
        current = await self.require_admin()
        row = await self.store.mails.resend(int(mail))
        await self.note(current, "mail.resend", mail, to=row["recipient"], order=row["ref_id"])
        self.respond({"success": True, "message": "Email segera dikirim lagi."}, 202)


class ResendMails(OutboxHandler):
    """`/api/admin/mails/resend`: all that were given up."""

    async def post(self) -> None:
        await self.resend_dead(self.store.mails, "mail.resend")


class Messages(OutboxHandler):
    """`/api/admin/messages[?state=&before=&limit=]`: as for mails."""

    async def get(self) -> None:
        await self.require_admin()
        outbox, count = self.store.messages, self.rows()
        rows = await outbox.list(
            state=self.chosen("state", messages.STATES), before=self.before(), count=count
        )
        await self.show("messages", outbox, rows, count)


class ResendMessage(OutboxHandler):
    """`/api/admin/messages/{id}/resend`: sends it once more, at the next hour that messages may
    come."""

    async def post(self, message: str) -> None:
        current = await self.require_admin()
        row = await self.store.messages.resend(int(message))
        await self.note(current, "message.resend", message, member=row["member_id"])
        self.respond({"success": True, "message": "Pesan segera dikirim lagi."}, 202)


class ResendMessages(OutboxHandler):
    """`/api/admin/messages/resend`: all that were given up."""

    async def post(self) -> None:
        await self.resend_dead(self.store.messages, "message.resend")


class MailsPage(OutboxHandler):
    """`/admin/mails`: the same for a person."""

    async def get(self) -> None:
        current = await self.require_admin()
        self.member_page("mails.html", current)


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/admin/mails", MailsPage),
        (r"/api/admin/mails", Mails),
        (r"/api/admin/mails/resend", ResendMails),
        (r"/api/admin/mails/([0-9]{1,18})/resend", ResendMail),
        (r"/api/admin/messages", Messages),
        (r"/api/admin/messages/resend", ResendMessages),
        (r"/api/admin/messages/([0-9]{1,18})/resend", ResendMessage),
    ]
