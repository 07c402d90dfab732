"""`GET /api/auth/check`: who is logged in here, for a proxy in front of another site.

nginx's `auth_request` asks so before it lets a request through (CONTRACT §15). It understands 2xx,
401 and 403 only, and makes a 500 of everything else.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from store.errors import (
    Forbidden,
    JagaError,
    LicenceNeeded,
    PasswordChangeNeeded,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
)
from store.sessions import CurrentSession
from web.handler import OpenHandler

PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""Characters that a header carries as they are; the rest is percent-encoded, as UTF-8."""


class Check(OpenHandler):
    """204 and who it is, or 401 and why not; 403 when `role` names other roles, or the member has
    no active licence for the product that `licence` names (its uuid at Lynk.id).

    With `redirect=1` a browser is led to the login page instead, for proxies that pass our answer
    on (Caddy, Traefik).

    A remember cookie opens no session here: the proxy would throw the new cookie away.
    """

    is_activity = False

    async def get(self) -> None:
        current = await self._looked_up()
        if current.draining:
            # the proxy asks by GET whatever it was sent, and a draining session may only read
            raise SessionEnded({"reason": "replaced"})
        if current.must_change:
            raise PasswordChangeNeeded()
        roles = self.get_query_argument("role", "")
        if roles and current.role not in roles.split(","):
            raise Forbidden()
        product = self.get_query_argument("licence", "")
        if product and not await self.store.payments.owned.has(current.email, product):
            raise LicenceNeeded()
        self._tell(current)

    async def _looked_up(self) -> CurrentSession:
        text, _ = self.door.credential(self.request.headers)
        if not text:
            raise Unauthenticated()
        touch = self.get_query_argument("touch", "") == "1"
        return await self.store.sessions.check(text, touch=touch)

    def _tell(self, current: CurrentSession) -> None:
        self.set_status(204)
        self.set_header("X-Jaga-User", quote(current.username, safe=PLAIN))
        self.set_header("X-Jaga-Member", current.member)
        self.set_header("X-Jaga-Role", current.role)
        self.set_header("X-Jaga-Session", current.session.sid)
        self.set_header("X-Jaga-Device", current.session.device)
        self.finish()

    @property
    def is_navigation(self) -> bool:
        """Whether a person waits for a page behind the proxy, and the proxy passes ours on."""
        wants_html = "text/html" in self.request.headers.get("Accept", "")
        return wants_html and self.get_query_argument("redirect", "") == "1"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = self._named(status_code, kwargs.get("exc_info"))
        self.set_header("X-Jaga-Reason", _reason_of(error))
        if self.is_navigation:
            super().write_error(status_code, **kwargs)
            return
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        self.respond(error.body(), _understood(error.status))


def _understood(status: int) -> int:
    """Return the status that proxies understand: the 419 of pages and the 400 of odd credentials
    would be a 500 to whoever asks for the page."""
    return status if status in (403, 405) or status >= 500 else 401


def _reason_of(error: JagaError) -> str:
    """Return why in one word: a session's own reason, or the error's type."""
    if isinstance(error, SessionEnded | SessionExpired):
        return error.reason
    return error.type.lower()


def routes() -> list[tuple[Any, ...]]:
    """The address of this file."""
    return [(r"/api/auth/check", Check)]
