"""`GET /api/auth/check`: who is logged in here, for a proxy in front of another site.

nginx's `auth_request` asks so before it lets a request through (CONTRACT §15). It understands 2xx,
401 and 403 only.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from store.errors import (
    Forbidden,
    JagaError,
    PasswordChangeNeeded,
    SessionEnded,
    SessionExpired,
    Unauthenticated,
)
from store.sessions import CurrentSession
from web.handler import Handler

PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""Characters that a header carries as they are; the rest is percent-encoded, as UTF-8."""


class Check(Handler):
    """204 and who it is, or 401 and why not; 403 when `role` names other roles.

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

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = self._named(status_code, kwargs.get("exc_info"))
        self.set_header("X-Jaga-Reason", _reason_of(error))
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        # a proxy makes a 500 of the 419 that pages know
        self.respond(error.body(), 401 if isinstance(error, Unauthenticated) else error.status)


def _reason_of(error: JagaError) -> str:
    """Return why in one word: a session's own reason, or the error's type."""
    if isinstance(error, SessionEnded | SessionExpired):
        return error.reason
    return error.type.lower()


def routes() -> list[tuple[Any, ...]]:
    """The address of this file."""
    return [(r"/api/auth/check", Check)]
