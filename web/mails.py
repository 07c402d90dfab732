"""The operator's view of mails and messages: what waits, what failed, and why."""

from __future__ import annotations

from typing import Any

from store import mails, messages
from store.errors import InvalidRequest
from web.admin import AdminHandler
from web.sessions import member_of, session_of


class OutboxHandler(AdminHandler):
    """What these handlers share: paging by number."""

    def before(self) -> int | None:
        """Return the number that the page asked for ends before. Raises InvalidRequest."""
        text = self.query("before")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidRequest("before")
        return int(text) if text else None


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
        self.respond(
            {
                "success": True,
                "mails": rows,
                "counts": await outbox.counts(),
                "trouble": await outbox.trouble(),
                "next": rows[-1]["id"] if len(rows) == count else None,
            }
        )


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
        current = await self.require_admin()
        count = await self.store.mails.resend_dead()
        await self.note(current, "mail.resend", "", count=count)
        self.respond({"success": True, "count": count}, 202)


class Messages(OutboxHandler):
    """`/api/admin/messages[?state=&before=&limit=]`: as for mails."""

    async def get(self) -> None:
        await self.require_admin()
        outbox, count = self.store.messages, self.rows()
        rows = await outbox.list(
            state=self.chosen("state", messages.STATES), before=self.before(), count=count
        )
        self.respond(
            {
                "success": True,
                "messages": rows,
                "counts": await outbox.counts(),
                "trouble": await outbox.trouble(),
                "next": rows[-1]["id"] if len(rows) == count else None,
            }
        )


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
        current = await self.require_admin()
        count = await self.store.messages.resend_dead()
        await self.note(current, "message.resend", "", count=count)
        self.respond({"success": True, "count": count}, 202)


class MailsPage(OutboxHandler):
    """`/admin/mails`: the same for a person."""

    async def get(self) -> None:
        current = await self.require_admin()
        self.page("mails.html", member=member_of(current), session=session_of(current))


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
