"""QR login: a browser asks, a phone scans and answers, the browser fetches its session (CONTRACT
§6)."""

from __future__ import annotations

import io
from typing import Annotated, Any

import segno

from store.door import FINGERPRINT, QR_COOKIE
from store.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
)
from store.members import valid_text
from store.qr import CODE, QR_MESSAGES, Asking, Request, status_of
from store.sessions import Device
from web import fields
from web.browsers import device_name
from web.devices import tokens_of
from web.fields import Delivery, Flag, text
from web.handler import Handler
from web.own import member_of, session_of

MOST_SECRETS = 3
"""As many requests as one browser may have open (a tab each)."""


def _code(field: str, value: object) -> str:
    """Any text that is no code is as unknown as one that was never made."""
    if not isinstance(value, str):
        raise InvalidRequest(field)
    if not CODE.fullmatch(value):
        raise NotFound()
    return value


def _number(field: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9999:
        return value
    raise InvalidRequest(field)


def _fingerprint(field: str, value: object) -> str:
    fp = valid_text(field, value, 128)
    if fp and not FINGERPRINT.fullmatch(fp):
        raise InvalidRequest(field)
    return fp


class CodeBody(fields.Body):
    """A body that names a request for a login."""

    token: Annotated[str, fields.read_by(_code, pattern=CODE.pattern)]


class Generate(Handler):
    """`/api/auth/qr/generate`: begins a request; its secret goes into the browser's cookie."""

    class Body(fields.Body):
        browser_id: Annotated[str, text(64, needed="")]
        fingerprint: Annotated[str, fields.read_by(_fingerprint, maxLength=128)]
        delivery: Delivery = "token"

    async def post(self) -> None:
        if "qr" not in self.store.settings.web_login:
            raise Forbidden("Login dengan kode QR tidak diaktifkan di situs ini.")
        body = self.body(self.Body)
        asked = await self.store.qr.create(self._asking(body), body.delivery)
        self._remember(asked.secret)
        self.respond(
            {
                "success": True,
                "token": asked.code,
                "qr_url": self.store.qr.address(asked.code),
                "expires_at": asked.deadline / 1000,
                "ttl_seconds": self.store.settings.qr_token_ttl_seconds,
            }
        )

    def _asking(self, body: Body) -> Asking:
        """Our pages' browsers are known by their cookie, programs by the id that they send."""
        agent = self.request.headers.get("User-Agent", "")
        device = Device(
            id="",
            name=device_name(agent),
            fp=body.fingerprint or self.door.fingerprint(self.request.headers),
            ip=self.address,
            user_agent=agent,
            browser_id=body.browser_id,
        )
        by_cookie = body.delivery == "cookie"
        words = self._device_cookie()[0] if by_cookie else f"browser|{body.browser_id}"
        return Asking(words=words, device=device)

    def _remember(self, secret: str) -> None:
        """Keep one more secret in the cookie: each tab has a request of its own, the newest few
        count."""
        kept = self.door.qr_secrets(self.request.headers)[-(MOST_SECRETS - 1) :]
        seconds = self.store.settings.qr_token_ttl_seconds + 60
        self._set(QR_COOKIE, ".".join([*kept, secret]), seconds)


class OfBrowser(Handler):
    """What only the browser that asked may see."""

    async def asked(self, code: str) -> Request:
        """Return the request of this browser. Raises NotFound for every other."""
        found = await self.store.qr.bound(code, self.door.qr_secrets(self.request.headers))
        if found is None:
            raise NotFound()
        return found


class Image(OfBrowser):
    """`/api/auth/qr/image/{token}`: a picture of the current code."""

    async def get(self, code: str) -> None:
        request = await self.asked(code)
        self.set_header("Content-Type", "image/svg+xml; charset=utf-8")
        self.finish(drawn(self.store.qr.picture(request)))


class Status(OfBrowser):
    """`/api/auth/qr/status/{token}`: for pages without WebSockets."""

    async def get(self, code: str) -> None:
        try:
            request = await self.asked(code)
        except NotFound as error:
            self.respond(error.body() | _status("not_found"), error.status)
            return
        extra = {"match": request.number} if request.state == "scanned" else {}
        self.respond({"success": True, **_status(status_of(request.state)), **extra})


class Redeem(OfBrowser):
    """`/api/auth/qr/redeem`: the browser that asked gets its session, once; the older web session
    ends."""

    Body = CodeBody

    async def post(self) -> None:
        request = await self.asked(self.body(self.Body).token)
        opened = await self.store.qr.redeem(request)
        member = await self.store.members.get(opened.session.member)
        self._drop(QR_COOKIE)
        if request.delivery == "token":
            self.respond({"success": True, **tokens_of(opened, member)})
            return
        await self.move_in(opened)
        self.respond(
            {
                "success": True,
                "redirect": "/dashboard",
                "device_id": opened.session.device,
                "user": member.as_user(),
            }
        )


class Scan(Handler):
    """`/api/auth/qr/scan`: a phone has read the code."""

    Body = CodeBody

    async def post(self) -> None:
        current = await self.current_session()
        code = self.body(self.Body).token
        scan = await self.store.qr.scan(code, current.session, self.address)
        self.respond(
            {
                "success": True,
                "message": "QR code dipindai. Periksa dulu, lalu pilih angkanya.",
                "requires_approval": True,
                "context": {
                    "browser": scan.browser,
                    "os": scan.os,
                    "ip": scan.ip,
                    "location_mismatch": scan.location_mismatch,
                    "age_seconds": scan.age_seconds,
                    "is_new": scan.is_new,
                },
                "match": scan.offered,
            }
        )


class Approve(Handler):
    """`/api/auth/qr/approve`: the answer of the session that scanned."""

    class Body(CodeBody):
        approved: Flag
        match: Annotated[int, fields.read_by(_number, minimum=0, maximum=9999)] | None = None

    async def post(self) -> None:
        current = await self.current_session()
        body = self.body(self.Body)
        state = await self.store.qr.answer(
            body.token, current.session, approved=body.approved, number=body.match
        )
        self.respond({"success": True, "message": QR_MESSAGES[state], "status": state})


class Outcome(Handler):
    """`/api/auth/qr/outcome`: tells the phone that approved whether the computer is logged in."""

    is_activity = False

    Body = CodeBody

    async def post(self) -> None:
        current = await self.current_session()
        state = await self.store.qr.outcome(self.body(self.Body).token, current.session)
        self.respond({"success": True, "status": state})


class Link(Handler):
    """`/link`: where the code leads a phone. The code, a fragment, never leaves the phone's
    browser."""

    async def get(self) -> None:
        current = await self.current_session_or_none()
        phone = current if current and current.session.kind == "mobile" else None
        self.page(
            "link.html",
            member=member_of(phone) if phone else None,
            session=session_of(phone) if phone else None,
            browser_session=current.username if current and phone is None else None,
            domain=self.request.host,
        )


def drawn(address: str) -> bytes:
    """Return a QR code as SVG, dark on light in both colour schemes: phones expect it."""
    out = io.BytesIO()
    segno.make_qr(address, error="m").save(
        out, kind="svg", xmldecl=False, border=2, dark="#10201f", light="#ffffff", omitsize=True
    )
    return out.getvalue()


def _status(status: str) -> dict[str, Any]:
    return {"status": status, "is_expired": status == "expired", "message": QR_MESSAGES[status]}


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/auth/qr/generate", Generate),
        (r"/api/auth/qr/image/([^/]+)", Image),
        (r"/api/auth/qr/status/([^/]+)", Status),
        (r"/api/auth/qr/redeem", Redeem),
        (r"/api/auth/qr/scan", Scan),
        (r"/api/auth/qr/approve", Approve),
        (r"/api/auth/qr/outcome", Outcome),
        (r"/link", Link),
    ]
