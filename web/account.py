"""A member's own account: who they are, how they are reached, what they bought, what was done, and
leaving."""

from __future__ import annotations

from typing import Annotated, Any

from store.clock import now_ms
from store.letters import Letter
from store.limits import Limit
from store.sessions import CurrentSession
from web import fields
from web.devices import device_row
from web.fields import PasswordOrNone, text
from web.handler import Handler
from web.hotspot.entry import CodeHandler, OtpCode, Phone
from web.own import member_of, session_of

RENAMES = Limit("rename", 20, 3600)
EXPORTS = Limit("export", 10, 3600)
WISHES = Limit("deletion", 6, 86_400)
"""Asking to be deleted, and taking it back."""

CODE_MAILED = "Kode sedang dikirim ke alamat itu. Berlaku 30 menit."
CODE_SENT = "Kode sedang dikirim ke nomor itu."


class AccountPage(Handler):
    """`/akun`. What is in Postgres is fetched by the page itself."""

    async def get(self) -> None:
        current = await self.current_session()
        member = await self.store.members.get(current.member)
        settings = self.store.settings
        self.page(
            "account.html",
            member=member_of(current),
            session=session_of(current),
            email="" if member.email.endswith(".invalid") else member.email,
            phone=member.phone,
            has_password=member.has_password,
            by_mail=settings.has_mail,
            by_phone=settings.has_gateway,
        )


class Me(Handler):
    """`/api/me {name}`: what a member is called."""

    class Body(fields.Body):
        name: Annotated[str, text(100, needed="Nama harus diisi.")]

    async def patch(self) -> None:
        current = await self.current_session()
        name = self.body(self.Body).name
        await self.store.limits.take(RENAMES.of(current.member))
        await self.store.members.change(current.member, name=name)
        detail = {"name": [current.name, name]}
        await self.store.audit.note(
            current.member, "member.change", current.member, ip=self.address, detail=detail
        )
        self.respond({"success": True, "name": name})


class MyEmail(Handler):
    """`/api/me/email {email, password}`: sends a code to a new address."""

    class Body(fields.Body):
        email: Annotated[str, text(190)]
        password: PasswordOrNone = ""

    async def post(self) -> None:
        current = await self.current_session()
        body = self.body(self.Body)
        contacts = self.store.contacts
        await contacts.prove(current.member, body.password, self.address)
        await contacts.ask_email(current.member, body.email, self.address)
        self.respond({"success": True, "message": CODE_MAILED})


class MyEmailCode(Handler):
    """`/api/me/email/confirm {code}`: the address is the member's from here on."""

    class Body(fields.Body):
        code: OtpCode

    async def post(self) -> None:
        current = await self.current_session()
        code = self.body(self.Body).code
        member = await self.store.contacts.confirm_email(current.member, code, self.address)
        self.respond({"success": True, "email": member.email})


class MyPhone(CodeHandler):
    """`/api/me/phone {phone_number, password}`: sends a code to a new phone."""

    class Body(fields.Body):
        phone_number: Phone
        password: PasswordOrNone = ""

    async def post(self) -> None:
        current = await self.current_session()
        body = self.body(self.Body)
        await self.store.contacts.prove(current.member, body.password, self.address)
        await self.store.contacts.ask_phone(current.member, body.phone_number)
        self.respond(await self.issued(body.phone_number, CODE_SENT, always=True))


class MyPhoneCode(CodeHandler):
    """`/api/me/phone/confirm {code}`: the phone is the member's from here on."""

    class Body(fields.Body):
        code: OtpCode

    async def post(self) -> None:
        current = await self.current_session()
        code = self.body(self.Body).code
        contacts = self.store.contacts
        phone = await contacts.asked_phone(current.member)
        line = await self.line_of(await self.store.hotspot.accounts.member_of(phone))
        member = await contacts.confirm_phone(current.member, code, self.address, line)
        self.respond({"success": True, "phone": member.phone})


class Bought(Handler):
    """`/api/me/orders`: the orders and licences of the member's address."""

    is_activity = False

    async def get(self) -> None:
        current = await self.current_session()
        member = await self.store.members.get(current.member)
        self.respond({"success": True, **await self.store.own.bought(member)})


class MyAudit(Handler):
    """`/api/me/audit`: what was done to the account."""

    is_activity = False

    async def get(self) -> None:
        current = await self.current_session()
        member = await self.store.members.get(current.member)
        self.respond({"success": True, "audit": await self.store.own.audit(member)})


class Export(Handler):
    """`/api/me/export`: who a member is, what was bought and done, devices, sessions and hotspot,
    as a file; attendance is its teacher's."""

    async def get(self) -> None:
        current = await self.current_session()
        await self.store.limits.take(EXPORTS.of(current.member))
        member = await self.store.members.get(current.member)
        cards = await self.store.devices.of(current.member)
        found = await self.store.own.export(member)
        self.set_header("Content-Disposition", 'attachment; filename="akun.json"')
        self.respond(
            {
                "success": True,
                "made_at": now_ms() / 1000,
                **found,
                "devices": [device_row(card, current.session) for card in cards],
            }
        )


class Deletion(Handler):
    """`/api/me/deletion {password}`: asks the operator to delete the account, who decides; DELETE
    takes it back."""

    class Body(fields.Body):
        may_be_missing = True

        password: PasswordOrNone = ""

    async def post(self) -> None:
        current = await self.current_session()
        password = self.body(self.Body).password
        if (await self.store.members.get(current.member)).has_password:
            await self.store.contacts.prove(current.member, password, self.address)
        await self._note(current, "member.deletion-asked")
        settings, letters = self.store.settings, self.store.letters
        await letters.owe(current.member, Letter("hapus_diterima"))
        if whom := settings.site.contact_address or settings.admin_email:
            said = {"username": current.username}
            await letters.owe(current.member, Letter("minta_hapus", to=whom, said=said))
        self.respond({"success": True, "message": "Permintaan Anda kami terima."})

    async def delete(self) -> None:
        current = await self.current_session()
        await self._note(current, "member.deletion-withdrawn")
        self.respond({"success": True, "message": "Permintaan dibatalkan."})

    async def _note(self, current: CurrentSession, act: str) -> None:
        await self.store.limits.take(WISHES.of(current.member))
        await self.store.audit.note(
            current.member, act, current.member, ip=self.address, detail={"by": "member"}
        )


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/akun", AccountPage),
        (r"/api/me", Me),
        (r"/api/me/email", MyEmail),
        (r"/api/me/email/confirm", MyEmailCode),
        (r"/api/me/phone", MyPhone),
        (r"/api/me/phone/confirm", MyPhoneCode),
        (r"/api/me/orders", Bought),
        (r"/api/me/audit", MyAudit),
        (r"/api/me/export", Export),
        (r"/api/me/deletion", Deletion),
    ]
