"""The base of every handler: who asks, from where, and how an answer or an error is written."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
from typing import Any, NoReturn

from tornado.web import HTTPError, RequestHandler

from store.door import Door, bearer_of, cookies_of
from store.errors import (
    WAITING_PAGE,
    AccountBlocked,
    Crowded,
    Forbidden,
    InvalidRequest,
    JagaError,
    NotApproved,
    NotFound,
    PasswordChangeNeeded,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
    Unavailable,
    WrongMethod,
    of_status,
)
from store.opening import Store
from store.refusals import is_away
from store.sessions import CurrentSession, Device, Opened, Session, device_id
from store.sharing import is_for_stranger
from web.browsers import device_name
from web.fields import B, decoded, read
from web.known import Known
from web.own import member_of, session_of
from web.pages import Pages, content_policy, transport_headers

log = logging.getLogger("jaga.web")

REFRESH = "Jaga-Refresh"
"""`1`: a page fetched this by itself, nobody pressed anything."""

EXPOSED = (
    "Retry-After, X-Jaga-Reason, X-Jaga-User, X-Jaga-Member, X-Jaga-Role, X-Jaga-Session, "
    "X-Jaga-Device"
)
"""Headers of ours that another site's page may read."""

PREFLIGHT_SECONDS = 600
"""How long a browser remembers that it may ask."""

DEVICE_SECONDS = 365 * 86_400
PHONE_COOKIE_SECONDS = 400 * 86_400
"""How long a phone keeps the cookie: the session does not expire, and no browser keeps a cookie
longer."""

DEVICE_COOKIE = re.compile(r"[A-Za-z0-9_-]{16,64}")

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Handler(RequestHandler):
    """What every handler has: the store, the pages, and the checks of CONTRACT §3."""

    exempt_from_origin = False
    """True where a foreign page or server is meant to post (the webhook)."""

    serves_other_sites = False
    """True where the pages of ALLOWED_ORIGINS may ask (`OpenHandler`)."""

    is_activity = True
    """False for addresses that pages ask by themselves again and again, and for those that only
    look: that is no sign of a person (CONTRACT §5)."""

    largest_body = 64 * 1024
    """Largest body of the address in bytes: ten times our largest form."""

    works_before_password_change = False
    """True for addresses that a member may use before a required change of password."""

    works_in_crowd = False
    """True where what is sent has another place to be kept, should Redis have no room."""

    serves_waiting = False
    """True for the hotspot portal's own addresses, which also serve members whom nobody has
    approved yet. All others refuse them, so that a new address is safe without a thought."""

    def initialize(self, store: Store, pages: Pages) -> None:
        self.store = store
        self.pages = pages
        self.door = Door(store.settings)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        policy = {"Content-Security-Policy": content_policy(self.settings.get("logo_url", ""))}
        transport = transport_headers(self.settings)
        for name, value in {**_SECURITY_HEADERS, **policy, **transport}.items():
            self.set_header(name, value)
        if self.serves_other_sites:
            self.set_header("Vary", "Origin")
            if self._allowed_origin:
                self._open_to(self._allowed_origin)

    @property
    def _allowed_origin(self) -> str:
        """The other site whose page asks, "" unless this address is open to it."""
        origin = self.request.headers.get("Origin", "")
        allowed = self.settings.get("allowed_origins", frozenset())
        return origin if self.serves_other_sites and origin.lower() in allowed else ""

    def _open_to(self, origin: str) -> None:
        """Let a page of that origin read the answer, with its member's cookies."""
        self.set_header("Access-Control-Allow-Origin", origin)
        self.set_header("Access-Control-Allow-Credentials", "true")
        self.set_header("Access-Control-Expose-Headers", EXPOSED)
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")

    async def head(self, *path: str) -> None:
        """Answer as GET does, without the body: uptime checks ask so (RFC 9110 §9.3.2)."""
        answered = self.get(*path)
        if answered is not None:
            await answered

    async def prepare(self) -> None:
        await self._refuse_in_crowd()
        if self.request.method not in ("GET", "HEAD", "OPTIONS") and not self.exempt_from_origin:
            if not self._allowed_origin:
                self.door.require_own_origin(self.request.headers, self._is_own_form())

    async def _refuse_in_crowd(self) -> None:
        """Begin nothing for a stranger while more of them wait than can be served in time. Who
        brings a session that this process has not seen yet is looked at first: the check of all
        requests waits in nobody's line (`SharedScript`)."""
        cookie, bearer = self.cookie_credential, bearer_of(self.request.headers)
        is_stranger = cookie not in self._known and bearer not in self._known
        is_for_stranger.set(is_stranger)
        if is_stranger and self.store.is_crowded and not self.works_in_crowd:
            await self._find_known()

    async def _find_known(self) -> None:
        """Know who has a session here, whatever its handler makes of it. Raises Crowded."""
        try:
            text = self.door.credential(self.request.headers)[0]
            if not text:
                raise Unauthenticated()
            await self.store.sessions.check(text, touch=False, portal=True)
        except JagaError:
            raise Crowded() from None
        self._know(text)

    def _know(self, credential: str) -> None:
        self._known.add(credential)
        is_for_stranger.set(False)

    @property
    def _known(self) -> Known:
        known: Known = self.settings["known"]
        return known

    def _is_own_form(self) -> bool:
        """Whether a form of ours sent this: it carries the token that its page was made with.

        The device cookie counts under its full name only: on https, a neighbouring site may have
        set the bare one.
        """
        given = self.request.body_arguments.get("form_token", [b""])[-1]
        device = cookies_of(self.request.headers).get(self.door.cookie_name("jaga_device"), "")
        known = self._form_tokens(device)
        return bool(device) and any([secrets.compare_digest(given, one.encode()) for one in known])

    def form_token(self) -> str:
        """Return the token of our forms: a MAC over this browser's device cookie, which no other
        site can read or set."""
        return self._form_tokens(self._device_cookie()[0])[0]

    def _form_tokens(self, device: str) -> list[str]:
        """By each secret key, the one that signs first."""
        words = f"form|{device}".encode()
        keys = [key.encode() for key in self.store.settings.secret_keys]
        return [hmac.new(key, words, hashlib.sha256).hexdigest()[:43] for key in keys]

    # Who asks

    @property
    def address(self) -> str:
        """The client's address, through the proxies that are trusted."""
        return self.door.address(self.request.headers, self.request.remote_ip or "")

    @property
    def cookie_credential(self) -> str:
        """The session cookie's credential alone, for what concerns this browser only (logout)."""
        return self.cookie("jaga_session")

    def cookie(self, name: str) -> str:
        """Return the value of a cookie of ours, "" when there is none."""
        return self.door.cookie(self.request.headers, name)

    async def current_session(self, *, sparing: bool = False) -> CurrentSession:
        """Return the current session. Raises what the client is answered (401, 419, 403, 503).

        Asking is activity, unless the address (`is_activity`) or the page's header says that it is
        not. When the browser has lost the session cookie, a remember cookie opens the session
        again.
        """
        turns_itself = self.request.headers.get(REFRESH) == "1"
        touch = self.is_activity and not turns_itself
        return await self._current_session(touch=touch, sparing=sparing)

    async def _current_session(self, *, touch: bool, sparing: bool = False) -> CurrentSession:
        text = self.door.credential(self.request.headers)[0] or await self._revived()
        if not text:
            raise Unauthenticated()
        current = await self.store.sessions.check(
            text, touch=touch, sparing=sparing, portal=self.serves_waiting
        )
        self._know(text)
        if current.draining and self.request.method not in ("GET", "HEAD"):
            raise SessionEnded({"reason": "replaced"})
        if current.must_change and not self.works_before_password_change:
            raise PasswordChangeNeeded()
        self._renew(current.session)
        return current

    async def current_session_or_none(self) -> CurrentSession | None:
        """Return the current session, None for nobody: for pages that are for everybody. It is no
        activity.

        Members who wait for approval are nobody here. Raises PasswordChangeNeeded, which leads a
        person to the page for it.
        """
        try:
            current = await self._current_session(touch=False)
        except (Unauthenticated, NotApproved, InvalidRequest):
            return None
        return None if current.draining else current

    async def _revived(self) -> str:
        token = self.cookie("jaga_remember")
        if not token:
            return ""
        opened = await self.store.sessions.rotate(
            token, self.device_of(token.split(".")[0]).id, portal=self.serves_waiting
        )
        self.keep_session(opened)
        return opened.credential

    async def require_role(self, *roles: str) -> CurrentSession:
        """Return who asks when their role is one of these. Raises Forbidden."""
        current = await self.current_session()
        if current.role not in roles:
            raise Forbidden()
        return current

    # The device

    def device_of(self, member: str) -> Device:
        """Return the device that asks, as this member's. A browser without a device cookie gets
        one."""
        cookie, known = self._device_cookie()
        agent = self.request.headers.get("User-Agent", "")
        return Device(
            id=device_id(member, cookie),
            name=device_name(agent),
            fp=self.door.fingerprint(self.request.headers),
            ip=self.address,
            user_agent=agent,
            known=known,
        )

    def _device_cookie(self) -> tuple[str, bool]:
        cookie = self.cookie("jaga_device")
        if DEVICE_COOKIE.fullmatch(cookie):
            if self.door.cookie_name("jaga_device") not in self.request.cookies:
                self._set("jaga_device", cookie, seconds=DEVICE_SECONDS)
            return cookie, True
        if not hasattr(self, "_issued_device"):
            self._issued_device = secrets.token_urlsafe(24)
            self._set("jaga_device", self._issued_device, seconds=DEVICE_SECONDS)
        return self._issued_device, False

    # Cookies

    def keep_session(self, opened: Opened) -> None:
        """Set the cookies of a session just opened. They go when the browser closes, unless the
        login is remembered or belongs to a phone."""
        seconds = self._session_seconds(opened.session)
        self._set("jaga_session", opened.credential, seconds)
        if opened.remember and opened.session.kind == "web":
            seconds = self.store.settings.session_remember_seconds
            if opened.session.remember_until:
                seconds = max(1, (opened.session.remember_until - opened.session.last_seen) // 1000)
            self._set("jaga_remember", opened.remember, seconds=seconds)
        else:
            self._drop("jaga_remember")

    async def move_in(self, opened: Opened) -> None:
        """Log this browser in with a session just opened. What its cookie stood for before ends:
        another member's session, or a phone's."""
        await self.store.sessions.leave(self.cookie_credential)
        self.keep_session(opened)

    def _session_seconds(self, session: Session) -> int | None:
        """Return how long the browser keeps the cookie, None for as long as it is open. The store
        decides how long the session lives."""
        if session.method == "qr":
            return self.store.settings.web_session_ttl_days * 86_400
        return PHONE_COOKIE_SECONDS if session.method == "mobile" else None

    def _renew(self, session: Session) -> None:
        """Set the cookie again with every page, so that its days count from the last visit."""
        seconds = self._session_seconds(session)
        credential = self.cookie_credential
        if seconds and credential and self.is_navigation:
            self._set("jaga_session", credential, seconds)

    def drop_session(self) -> None:
        """Take the session's cookies back; the device keeps its own."""
        self._drop("jaga_session")
        self._drop("jaga_remember")

    def _set(self, name: str, value: str, seconds: int | None = None) -> None:
        self.set_cookie(
            self.door.cookie_name(name),
            value,
            path="/",
            httponly=True,
            samesite=self.store.settings.samesite,
            secure=self.store.settings.secure_cookies,
            max_age=seconds,
        )

    def _drop(self, name: str) -> None:
        # an `expires` in the past, for Tornado leaves `max_age=0` out and the cookie would stay
        full = self.door.cookie_name(name)
        if full in self.request.cookies:
            self.clear_cookie(
                full,
                path="/",
                httponly=True,
                samesite=self.store.settings.samesite,
                secure=self.store.settings.secure_cookies,
            )

    # What they send

    def body(self, kind: type[B]) -> B:
        """Return the request's JSON object as this kind of body. Raises InvalidRequest."""
        if kind.may_be_missing and not self.request.body:
            return read(kind, {})
        return read(kind, decoded(self.request.body))

    # What they get

    def respond(self, body: dict[str, Any], status: int = 200) -> None:
        """Write a JSON answer."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(encoded(json.dumps(body, ensure_ascii=False, separators=(",", ":"))))

    def page(self, template: str, status: int = 200, **variables: Any) -> None:
        """Write a page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        page = self.pages.render(template, form_token=self.form_token, **variables)
        self.finish(encoded(page))

    def member_page(self, template: str, current: CurrentSession, **variables: Any) -> None:
        """Write a page that needs a session: it is told its own member and session."""
        self.page(template, member=member_of(current), session=session_of(current), **variables)

    @property
    def is_navigation(self) -> bool:
        """Whether a browser opens this as a page: errors are pages then, too."""
        wants_html = "text/html" in self.request.headers.get("Accept", "")
        return wants_html and not self.request.path.startswith("/api/")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = self._named(status_code, kwargs.get("exc_info"))
        self.set_status(error.status)
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        if error.status == WrongMethod.status:
            self.set_header("Allow", self._allowed())
        if self.is_navigation:
            self._error_page(error)
        else:
            self.respond(error.body(), error.status)

    def _allowed(self) -> str:
        return ", ".join(methods_of(type(self)))

    def _error_page(self, error: JagaError) -> None:
        if isinstance(error, AccountBlocked) or getattr(error, "type", "") == "ACCOUNT_BLOCKED":
            self._go(barred_page(getattr(error, "reason", "")))
        elif isinstance(error, SessionEnded | SessionExpired):
            self._go(f"/login?reason={error.reason}")
        elif isinstance(error, Unauthenticated):
            self._go("/login")
        elif isinstance(error, PasswordChangeNeeded):
            self._go("/password")
        elif isinstance(error, NotApproved):
            self._go(WAITING_PAGE)
        else:
            self.page("message.html", error.status, error=error)

    def _go(self, address: str) -> None:
        self.set_status(302)
        self.set_header("Location", address)
        self.finish()

    def _named(self, status: int, exc_info: Any) -> JagaError:
        """The error of our tree that stands for whatever was raised."""
        error = exc_info[1] if exc_info else None
        if isinstance(error, JagaError):
            return error
        if is_away(error):
            return Unavailable()
        if isinstance(error, HTTPError):
            return of_status(error.status_code)
        return of_status(status)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, JagaError | HTTPError):
            return
        if is_away(value):
            log.warning("redis is away: %s", type(value).__name__)
            return
        super().log_exception(typ, value, tb)


BARRED = ("blocked", "inactive")
"""Why a member may not log in."""


def barred_page(reason: str) -> str:
    """Return the page that says so, and whom to ask."""
    return "/akun-diblokir?reason=inactive" if reason == "inactive" else "/akun-diblokir"


def methods_of(handler: type[RequestHandler]) -> list[str]:
    """Return the methods that an address has; HEAD comes with GET."""
    own = [
        method
        for method in handler.SUPPORTED_METHODS
        if getattr(handler, method.lower()) is not RequestHandler.get
    ]
    return [method for method in own if method != "HEAD" or "GET" in own]


def encoded(text: str) -> bytes:
    """Return text as UTF-8. Half of a surrogate pair, which JSON can carry, becomes a question
    mark: no answer fails because of what a client sent."""
    return text.encode("utf-8", "replace")


class OpenHandler(Handler):
    """An address that pages of ALLOWED_ORIGINS may ask as well, with their members' cookies."""

    serves_other_sites = True

    async def prepare(self) -> None:
        if self.request.method != "OPTIONS":
            await super().prepare()

    def options(self, *path: str) -> None:
        """Answer what a browser asks before it lets another site's page ask (CORS)."""
        if not self._allowed_origin:
            raise WrongMethod()
        methods = [method for method in methods_of(type(self)) if method != "OPTIONS"]
        self.set_header("Access-Control-Allow-Methods", ", ".join(methods))
        self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type, Jaga-Refresh")
        self.set_header("Access-Control-Max-Age", str(PREFLIGHT_SECONDS))
        self.set_status(204)
        self.finish()


class UnknownAddress(Handler):
    """Whatever has no handler: 404, in JSON or as a page."""

    async def prepare(self) -> NoReturn:
        raise NotFound()
