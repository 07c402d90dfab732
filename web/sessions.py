"""Login, logout and the clocks: the addresses of CONTRACT §4 and §5."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

from msgspec import field

from store.ends import REASONS
from store.errors import (
    Forbidden,
    InvalidRequest,
    NotApproved,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
    WrongMethod,
)
from store.phones import is_same_phone
from store.sessions import Device, new_id
from store.settings import Settings
from store.weak_passwords import strong_password
from web import fields
from web.fields import LoginName, Password, as_sent
from web.handler import BARRED, Handler, OpenHandler, barred_page
from web.own import clocks_of, member_of, session_of
from web.pages import Pages, Static


def _action(field: str, value: object) -> str:
    if not isinstance(value, str) or value not in ("", "keep"):
        raise InvalidRequest(field, "action harus kosong atau 'keep'.")
    return value


def _ticked(field: str, value: object) -> bool:
    """A box of a form, as forms and JSON say it."""
    if not isinstance(value, str | bool):
        raise InvalidRequest(field)
    return value not in (False, "", "0", "false", "off")


Action = Annotated[str, fields.read_by(_action, enum=["", "keep"])]
"""`keep`: this login stays, the one that is live elsewhere goes."""


class Login(Handler):
    """The login page; it gives the browser its device cookie."""

    is_activity = False

    async def get(self) -> None:
        if (reason := self.get_query_argument("reason", "")) in BARRED:
            self._go(barred_page(reason))
            return
        self._device_cookie()
        self.page(
            "login.html",
            notice=await self._notice(),
            signed_in=await self._signed_in(),
            credentials_in_url=self.store.settings.login_url_credentials,
            domain=self.request.host,
            password_login="password" in self.store.settings.web_login,
            qr_login="qr" in self.store.settings.web_login,
        )

    async def _notice(self) -> dict[str, Any] | None:
        """Return why this browser's last session ended, when the page was opened to say it."""
        reason = self.get_query_argument("reason", "")
        if reason == "password_set":
            return {"reason": reason, "not_me": False, **_PASSWORD_SET}
        if reason not in REASONS:
            return None
        notice: dict[str, Any] = {"reason": reason, "not_me": False}
        if reason in _EXPIRED:
            return notice | {"title": REASONS[reason], "text": SessionExpired.message}
        if reason == "replaced":
            notice["not_me"] = await self.store.devices.may_freeze(self.cookie_credential)
        return notice | {"title": "Anda telah keluar", "text": REASONS[reason]}

    async def _signed_in(self) -> str | None:
        """The username of whoever is logged in here, None when nobody is."""
        current = await self.current_session_or_none()
        return current.username if current else None


_PASSWORD_SET = {
    "title": "Password baru tersimpan",
    "text": "Masuk dengan password baru Anda. Perangkat lain sudah keluar.",
}

_EXPIRED = ("idle", "absolute", "remember")


class LoginAddress(Handler):
    """The base of both login addresses: all their answers have the documented `status`."""

    def respond(self, body: dict[str, Any], status: int = 200) -> None:
        super().respond({"status": "invalid"} | body, status)


class CheckFingerprint(LoginAddress):
    """`/cekfingerprint`: may this login go ahead? Changes nothing."""

    class Body(fields.Body):
        null_is_absent = True

        username: LoginName
        password: Password = field(name="pass")
        action: Action = ""
        link: Annotated[Any, as_sent(type="boolean")] = False
        """True of a page that came by a link: only that one has to know whether it must ask."""

    async def post(self) -> None:
        require_password_login(self.store.settings)
        body = self.body(self.Body)
        answer = await self.store.logins.ask(
            body.username,
            body.password,
            self.device_of,
            keep=body.action == "keep",
            address=self.address,
        )
        known = {"known": answer.is_familiar} if body.link is True else {}
        if answer.ticket is None:
            self.respond({"status": "beda", "valid": False, **known})
            return
        self.respond(
            {
                "status": "sama",
                "valid": True,
                "login": "/auth/authenticate",
                "ticket": answer.ticket,
                **known,
            }
        )


class Authenticate(LoginAddress):
    """`/auth/authenticate`: opens the session. The documented page sends a form; JSON is taken as
    well."""

    class Body(fields.Body):
        null_is_absent = True

        username: LoginName
        password: Password
        action: Action = ""
        remember: Annotated[bool, fields.read_by(_ticked)] = False
        ticket: str = ""

    async def post(self) -> None:
        require_password_login(self.store.settings)
        form = self._form()
        opened = await self.store.logins.open(
            form.username,
            form.password,
            self.device_of,
            keep=form.action == "keep",
            remember=form.remember,
            ticket=form.ticket[:64],
            address=self.address,
        )
        await self.move_in(opened)
        self.respond({"status": "successful", "redirect": "/dashboard"})

    def _form(self) -> Body:
        if self.request.headers.get("Content-Type", "").startswith("application/json"):
            return self.body(self.Body)
        # as sent: Tornado's own reading of an argument makes blanks of control characters
        form = {
            name: self.decode_argument(values[-1], name)
            for name, values in self.request.body_arguments.items()
        }
        return fields.read(self.Body, form)


class CekAction(Handler):
    """`/cekaction`: whether this browser's session is still valid, and whether its login said
    `keep`."""

    is_activity = False

    async def get(self) -> None:
        try:
            current = await self.current_session()
        except (Unauthenticated, NotApproved, InvalidRequest):
            self.respond({"valid": False, "action": None})
            return
        member = await self.store.members.get(current.member)
        self.respond({"valid": not current.draining, "action": member.action or None})


class Logout(Handler):
    """Ends the session in the cookie, and only that one."""

    async def get(self) -> None:
        if not self.door.is_visit(self.request.headers):
            self.page("logout_confirm.html")
            return
        await self._leave()

    async def head(self, *path: str) -> None:
        raise WrongMethod()  # who only looks where a link leads must not be logged out by it

    async def post(self) -> None:
        await self._leave()

    async def _leave(self) -> None:
        reason = await self._why_it_is_over_already()
        await self.store.sessions.leave(self.cookie_credential or await self._remembered())
        self.drop_session()
        self._go(f"/login?reason={quote(reason)}" if reason else "/login")

    async def _remembered(self) -> str:
        """A browser that was closed has the remember cookie alone: then its session is meant."""
        token = self.cookie("jaga_remember")
        device = self.device_of(token.partition(".")[0])
        try:
            return (await self.store.sessions.rotate(token, device.id, portal=True)).credential
        except Unauthenticated:
            return ""

    async def _why_it_is_over_already(self) -> str:
        """A page of the documented listing comes here after a logout: the login page says why."""
        try:
            await self.store.sessions.check(self.cookie_credential, touch=False, portal=True)
        except (SessionEnded, SessionExpired) as ended:
            return ended.reason
        except Unauthenticated:
            return ""
        return ""


class UpdateActivity(OpenHandler):
    """The ping: a person is at the page. It never revives a session that is over."""

    works_before_password_change = True

    async def post(self) -> None:
        current = await self.current_session(sparing=True)
        clocks = clocks_of(current.session)
        self.respond(
            {
                "success": True,
                "message": "Activity updated",
                "idle_expires_at": clocks["idle_expires_at"],
                "absolute_expires_at": clocks["absolute_expires_at"],
                "server_now": current.now / 1000,
            }
        )


class SessionNow(OpenHandler):
    """`/api/session`: the current session, for the page that shows it. No activity."""

    is_activity = False

    works_before_password_change = True

    async def get(self) -> None:
        current = await self.current_session()
        self.respond(
            {"success": True, "member": member_of(current), "session": session_of(current)}
        )


class Dashboard(Handler):
    """The member's own page."""

    async def get(self) -> None:
        current = await self.current_session()
        if current.session.kind == "mobile":
            self._go("/devices")
            return
        self.member_page(
            "dashboard.html",
            current,
            ping_seconds=self.store.settings.activity_ping_seconds,
            dev=self.store.settings.is_dev,
        )


class Home(Handler):
    """`/`: the dashboard. Who is not logged in is sent to the login page."""

    def get(self) -> None:
        self._go("/dashboard")


class Blocked(Handler):
    """`/akun-diblokir`: where a member ends up who is blocked, or (`reason=inactive`) switched
    off."""

    def get(self) -> None:
        is_inactive = self.get_query_argument("reason", "") == "inactive"
        self.page("blocked.html", is_inactive=is_inactive)


class ChangePassword(Handler):
    """A new password. A member made by a purchase has to choose one at the first login."""

    works_before_password_change = True

    class Body(fields.Body):
        current: Password
        new: Password

    async def get(self) -> None:
        current = await self.current_session()
        self.member_page(
            "password_change.html",
            current,
            must_change=current.must_change,
        )

    async def post(self) -> None:
        current = await self.current_session()
        body = self.body(self.Body)
        old, new = body.current, body.new
        if old == new or is_same_phone(old, new):
            raise InvalidRequest("new", "Password baru harus berbeda dari yang lama.")
        member = await self.store.members.get(current.member)
        strong_password(new, *member.names, field="new")
        await self.store.logins.prove(current.member, old, address=self.address)
        await self.store.members.set_password(current.member, new)
        await self.store.sessions.end(
            current.member,
            "all",
            keep=current.session.sid,
            reason="password_changed",
            by=current.session.device_name,
        )
        await self.store.audit.note(
            current.member,
            "password.change",
            current.member,
            ip=self.address,
            detail={"by": "member"},
        )
        self.respond({"success": True, "redirect": "/dashboard"})


class OtherLogin(Handler):
    """In development: the same member logs in "elsewhere", so that one browser shows a logout."""

    DELAY_SECONDS = 0.3
    """So that the page has its answer before it is put out."""

    async def post(self) -> None:
        current = await self.current_session()
        self.respond({"success": True})
        await asyncio.sleep(self.DELAY_SECONDS)
        elsewhere = Device(id=new_id(), name="Firefox - Android", fp="simulasi", ip=self.address)
        await self.store.sessions.open(current.member, elsewhere, method="password", keep=True)


def require_password_login(settings: Settings) -> None:
    """Raise Forbidden where browsers log in by a phone only (WEB_LOGIN)."""
    if "password" not in settings.web_login:
        raise Forbidden("Login dengan password tidak diaktifkan. Gunakan kode QR.")


def routes(pages: Pages, dev: bool) -> list[tuple[Any, ...]]:
    """The addresses of this file; `dev` adds what exists in development only."""
    only_dev = [(r"/api/dev/other-login", OtherLogin)] if dev else []
    return [
        *only_dev,
        (r"/", Home),
        (r"/login", Login),
        (r"/cekfingerprint", CheckFingerprint),
        (r"/auth/authenticate", Authenticate),
        (r"/cekaction", CekAction),
        (r"/logout", Logout),
        (r"/dashboard", Dashboard),
        (r"/password", ChangePassword),
        (r"/akun-diblokir", Blocked),
        (r"/api/session", SessionNow),
        (r"/api/update-activity", UpdateActivity),
        (r"/static/(.+)", Static, {"pages": pages}),
        (r"/js/realtime\.js", Static, {"pages": pages, "path": "js/realtime.js"}),
    ]
