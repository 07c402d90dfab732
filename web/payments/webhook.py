"""`POST /webhook/lynk`: "success" is said when the delivery is kept, and not before.

Whatever else goes wrong, goes wrong later and is tried again (CONTRACT §8).
"""

from __future__ import annotations

from typing import Any

from store.errors import JagaError, Unauthenticated
from store.payments.delivery import read
from store.payments.encoding import unpacked
from store.payments.intake import NothingKept
from web.handler import Handler

SUCCESS = {"status": "success"}
"""The document's answer, to the byte; Lynk.id takes anything but a 200 for an error."""


class WrongSignature(Unauthenticated):
    """Whoever sent this could not prove to be Lynk.id."""

    type = "INVALID_SIGNATURE"
    message = "Tanda tangan webhook tidak valid."


class Webhook(Handler):
    """The address that Lynk.id knows."""

    exempt_from_origin = True
    largest_body = 256 * 1024

    def get(self) -> None:
        """Somebody looks whether the address is there; nothing happens."""
        self.respond(SUCCESS)

    async def post(self) -> None:
        headers = self.request.headers
        body = unpacked(self.request.body, headers.get("Content-Encoding", ""))
        delivery = read(body, headers.get_list("X-Lynk-Signature"))
        verdict = await self.store.payments.intake.take(delivery, self.address)
        if verdict.state == "quarantined":
            self._refuse()
        else:
            self.respond(SUCCESS)

    def _refuse(self) -> None:
        """401 keeps the delivery red and repeatable at Lynk.id, in case it is our key that is
        stale; a site may choose the letter of the document instead."""
        status = self.store.settings.webhook_bad_signature_status
        said = SUCCESS if status == 200 else {"status": "error"} | WrongSignature().body()
        self.respond(said, status)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, JagaError) and not isinstance(error, NothingKept):
            super().write_error(status_code, **kwargs)
            return
        # what was not kept must come again: a 200 would be a lie, and so would a 4xx
        status = 503 if isinstance(error, NothingKept) or status_code >= 500 else status_code
        if status == 503:
            self.set_header("Retry-After", str(NothingKept.retry_after))
        named = NothingKept() if status == 503 else self._named(status, kwargs.get("exc_info"))
        self.respond({"status": "error"} | named.body(), status)


ROUTES = [(r"/webhook/lynk/?", Webhook)]
