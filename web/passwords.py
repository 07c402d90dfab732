"""A forgotten password: a mailed link or a code to the phone, and the page for a new one."""

from __future__ import annotations

from typing import Annotated, Any

from store.errors import NotApproved, PasswordNeeded, WrongCode
from store.limits import AddressLimit
from store.phones import normal_phone
from web import fields
from web.fields import LoginName, as_sent, refusing
from web.handler import Handler
from web.hotspot.entry import CodeHandler, OtpCode, Phone

LINKS_TRIED = AddressLimit("links", 10, 300)
"""Per address in five minutes: a person sets one or two."""

MAILED = (
    "Kalau akun itu terdaftar, tautan untuk membuat password baru sedang dikirim ke emailnya. "
    "Periksa juga folder spam."
)

BY_MAIL = "Password akun ini hanya bisa diganti lewat email. Isi alamat email Anda, bukan nomor HP."

CODED = "Kalau nomor itu terdaftar, kodenya sedang dikirim."


class ForgottenPage(Handler):
    """`/lupa-password`: asks whose password it is."""

    is_activity = False

    def get(self) -> None:
        self._device_cookie()
        settings = self.store.settings
        self.page("forgotten.html", by_phone=settings.has_gateway, by_mail=settings.has_mail)


class Forgot(CodeHandler):
    """`/api/auth/forgot {username}`: a mail with a link; or a code, for a phone and where there is
    a gateway. Which of the two follows from what was typed, and from nothing that is known."""

    class Body(fields.Body):
        username: LoginName

    async def post(self) -> None:
        login = self.body(self.Body).username
        phone = normal_phone(login) if self.store.settings.has_gateway else None
        if phone:
            self.respond({**await self.issued(phone, CODED), "way": "code"})
            return
        await self.store.forgotten.ask(login, self.device_of, self.address)
        self.respond({"success": True, "way": "mail", "message": MAILED})


class ForgotCode(CodeHandler):
    """`/api/auth/forgot/code {phone_number, otp}`: a code for a link that sets the password. It is
    for members alone: who has a role sets it by mail, who waits for approval has none."""

    class Body(fields.Body):
        phone_number: Phone
        otp: OtpCode

    async def post(self) -> None:
        body = self.body(self.Body)
        phone = body.phone_number
        accounts = self.store.hotspot.accounts
        holder = await accounts.newcomers.holder(phone)
        opens = not holder.is_newcomer and not await self.store.members.needs_password(holder.id)
        line = await self.line_of(holder.id or None)
        try:
            await self.store.hotspot.otp.use(phone, body.otp, self.address, line, opens=opens)
        except PasswordNeeded:
            raise NotApproved() if holder.is_newcomer else PasswordNeeded(BY_MAIL) from None
        if not holder.id:
            raise WrongCode()
        link = await self.store.password_links.make_asked(holder.id)
        self.respond({"success": True, "redirect": link[len(self.store.settings.public_url) :]})


class PasswordPage(Handler):
    """`/atur-password#<token>`: the page behind a link."""

    def get(self) -> None:
        self.page("set_password.html")


class SetPassword(Handler):
    """`/api/auth/set-password {token, password}`: once for each link."""

    class Body(fields.Body):
        token: Annotated[str, refusing("Tautan ini tidak lengkap.", min_length=16, max_length=128)]
        password: Annotated[Any, as_sent(type="string", format="password")] = ""

    async def post(self) -> None:
        await self.store.limits.take(LINKS_TRIED.of(self.address))
        body = self.body(self.Body)
        member = await self.store.password_links.use(body.token, body.password)
        await self.store.audit.note(
            member, "password.change", member, ip=self.address, detail={"by": "link"}
        )
        self.respond({"success": True, "redirect": "/login"})


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/lupa-password", ForgottenPage),
        (r"/api/auth/forgot", Forgot),
        (r"/api/auth/forgot/code", ForgotCode),
        (r"/atur-password", PasswordPage),
        (r"/api/auth/set-password", SetPassword),
    ]
