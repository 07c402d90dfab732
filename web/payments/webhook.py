"""`POST /webhook/lynk`: it answers "success" when the delivery is kept, and not before.

What goes wrong later is tried again by us (CONTRACT §8).
"""

from __future__ import annotations

from typing import Any

from store.errors import JagaError, NothingKept, WrongSignature
from store.payments.delivery import read
from store.payments.encoding import unpacked
from web.handler import Handler

SUCCESS = {"status": "success"}
"""The documented answer, byte for byte. Lynk.id takes everything but 200 as a failure."""


class Webhook(Handler):
    """The address that Lynk.id knows."""

    exempt_from_origin = True
    works_in_crowd = True
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
        """Answer 401 to a wrong signature, unless the site chose the document's word. 401 leaves
        the delivery failed at Lynk.id, where it can be sent again, in case our key is the wrong
        one."""
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
