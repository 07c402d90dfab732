"""Phones and linked devices: a phone's tokens, and the list of devices (CONTRACT §6)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from store.devices import Card
from store.members import Member
from store.sessions import Device, Opened, Session, device_id
from web import fields
from web.fields import Delivery, Flag, LoginName, Password, refusing, text
from web.handler import Handler, OpenHandler
from web.pages import Pages, Static

Figures = Callable[[], dict[str, int]]
"""What this process holds open. The server gives it, because web/ does not know realtime/."""


class PairHandler(Handler):
    """What answers with tokens."""

    async def respond_pair(self, opened: Opened) -> None:
        """Write the pair of a session just opened."""
        member = await self.store.members.get(opened.session.member)
        seconds = self.store.settings.access_token_seconds
        self.respond({"success": True, **tokens_of(opened, member), "expires_in": seconds})


class MobileLogin(PairHandler):
    """`/api/auth/login`: opens a phone's session. Programs get tokens; our own pages on a phone ask
    for `delivery: "cookie"`, so that no script ever holds a token."""

    class Body(fields.Body):
        email: LoginName
        password: Password
        device_type: Annotated[Literal["mobile"], refusing("{field} harus 'mobile'.")] = "mobile"
        device_name: Annotated[str, text(100)] = ""
        browser_id: Annotated[str, text(64)] = ""
        delivery: Delivery = "token"

    async def post(self) -> None:
        body = self.body(self.Body)
        opened = await self.store.logins.open(
            body.email,
            body.password,
            lambda member: self._phone(member, body.device_name, body.browser_id),
            keep=True,
            remember=False,
            ticket="",
            address=self.address,
            method="mobile",
            carrier="bearer" if body.delivery == "token" else "cookie",
        )
        await (self.respond_pair(opened) if body.delivery == "token" else self._settle_in(opened))

    def _phone(self, member: str, name: str, browser_id: str) -> Device:
        """Return the phone's device, by its own `browser_id`: a program keeps no cookie."""
        base = self.device_of(member)
        return Device(
            id=device_id(member, f"browser|{browser_id}") if browser_id else base.id,
            name=name or base.name,
            fp=base.fp,
            ip=base.ip,
            user_agent=base.user_agent,
            browser_id=browser_id,
        )

    async def _settle_in(self, opened: Opened) -> None:
        """The browser's cookie now stands for the phone."""
        await self.move_in(opened)
        member = await self.store.members.get(opened.session.member)
        self.respond(
            {"success": True, "device_id": opened.session.device, "user": member.as_user()}
        )


class Refresh(PairHandler):
    """`/api/auth/refresh`: gives a new pair of tokens for a refresh token, which works once."""

    class Body(fields.Body):
        refresh_token: Annotated[str, text(200)]

    async def post(self) -> None:
        token = self.body(self.Body).refresh_token
        await self.respond_pair(await self.store.sessions.rotate(token, "", self._trace()))

    def _trace(self) -> str:
        """Return what tells that a client repeats itself within 30 s. Its address does not: a phone
        changes it between two masts."""
        words = (self.request.headers.get("User-Agent", ""), self.cookie("jaga_device"))
        return hashlib.sha256("|".join(words).encode()).hexdigest()[:24]


class MobileLogout(Handler):
    """`/api/auth/logout`: ends the session of the bearer or cookie."""

    is_activity = False

    works_before_password_change = True

    async def post(self) -> None:
        current = await self.current_session()
        session = current.session
        await self.store.sessions.end(
            current.member, session.sid, reason="logged_out", by=session.device_name
        )
        self.drop_session()
        self.respond({"success": True, "message": "Anda telah keluar."})


class Devices(Handler):
    """`/api/devices`: where the member is logged in, and was."""

    async def get(self) -> None:
        current = await self.current_session()
        cards = await self.store.devices.of(current.member)
        devices = [device_row(card, current.session) for card in cards]
        self.respond({"success": True, "devices": devices, "count": len(devices)})


class OneDevice(Handler):
    """`/api/devices/{id}`: ends the session of a device; forgets a device that has none."""

    async def delete(self, device: str) -> None:
        current = await self.current_session()
        logout = await self.store.devices.end(current.session, device)
        receipt = await self.store.devices.receipt(logout)
        message = "Perangkat dikeluarkan." if logout.ended else "Perangkat dihapus dari daftar."
        self.respond({"success": True, "message": message, "receipt": receipt})


class EndAllWeb(Handler):
    """`/api/devices/logout-all-web`: every browser out, phones stay."""

    async def post(self) -> None:
        current = await self.current_session()
        logout = await self.store.devices.end_all_web(current.session)
        receipt = await self.store.devices.receipt(logout)
        if current.session.kind == "web":
            self.drop_session()
        self.respond(
            {
                "success": True,
                "message": "Semua sesi web dihentikan",
                "count": len(logout.ended),
                "receipt": receipt,
            }
        )


class AnswerAttempt(OpenHandler):
    """`/api/devices/attempts/{id}`: the live device allows or refuses a login elsewhere."""

    class Body(fields.Body):
        allow: Flag

    async def post(self, attempt: str) -> None:
        current = await self.current_session()
        allow = self.body(self.Body).allow
        await self.store.devices.answer_attempt(current.session, attempt, allowed=allow)
        yes = "Diizinkan. Bila ia melanjutkan, Anda keluar dari sini."
        no = "Ditolak. Perangkat itu tidak bisa masuk selama dua menit."
        self.respond({"success": True, "message": yes if allow else no})


class NotMe(Handler):
    """`/api/auth/not-me`: a browser that was logged out ends the login that did it."""

    async def post(self) -> None:
        await self.store.devices.freeze(self.cookie_credential)
        self.drop_session()
        self.respond(
            {
                "success": True,
                "message": "Kedua sesi sudah dihentikan. Masuk lagi dengan password Anda, "
                "lalu segera ganti password.",
            }
        )


class Stats(Handler):
    """`/api/devices/stats`: what this process holds open, for admins."""

    is_activity = False

    async def get(self) -> None:
        await self.require_role("admin")
        figures: Figures = self.settings["websocket_stats"]
        self.respond({"success": True, "websocket_stats": figures()})


class DevicesPage(Handler):
    """`/devices`: the list as a page."""

    async def get(self) -> None:
        current = await self.current_session()
        self.member_page("devices.html", current)


class Offline(Handler):
    """`/offline`: the page that an installed app shows without a network."""

    def get(self) -> None:
        self.page("offline.html")


def tokens_of(opened: Opened, member: Member) -> dict[str, Any]:
    """The four documented fields of a login that is carried by tokens."""
    return {
        "access_token": opened.bearer,
        "refresh_token": opened.remember,
        "device_id": opened.session.device,
        "user": member.as_user(),
    }


def device_row(card: Card, asking: Session) -> dict[str, Any]:
    """What a member may know of a device of theirs."""
    return {
        "id": card.id,
        "device_type": card.type,
        "device_name": card.name,
        "is_active": card.is_active,
        "is_primary": card.is_primary,
        "is_current": card.id == asking.device,
        "last_active_at": card.seen_at / 1000,
        "created_at": card.created_at / 1000,
        "last_ip": card.ip,
    }


def routes(pages: Pages) -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/auth/login", MobileLogin),
        (r"/api/auth/refresh", Refresh),
        (r"/api/auth/logout", MobileLogout),
        (r"/api/devices", Devices),
        (r"/api/auth/not-me", NotMe),
        (r"/api/devices/attempts/([^/]{1,64})", AnswerAttempt),
        (r"/api/devices/stats", Stats),
        (r"/api/devices/logout-all-web", EndAllWeb),
        (r"/api/devices/([^/]{1,64})", OneDevice),
        (r"/devices", DevicesPage),
        (r"/offline", Offline),
        (r"/sw\.js", Static, {"pages": pages, "path": "js/lib/sw.js"}),
        (r"/manifest\.webmanifest", Static, {"pages": pages, "path": "manifest.webmanifest"}),
    ]
