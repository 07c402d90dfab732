"""`/api/license/…`: a product asks whether this device may use it (CONTRACT §8); and the sample
page of a protected product."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from store.errors import InvalidRequest, JagaError, LicenceInUse
from store.members import valid_text
from store.payments.licences import NAMED, Claimant, Licence
from store.payments.numbers import LONGEST, licence_key
from web import fields
from web.fields import text
from web.handler import DEVICE_COOKIE, Handler, OpenHandler

NOT_HERE = "Lisensi ini tidak aktif di perangkat ini."
ACTIVATION_NEEDED = "ACTIVATION_NEEDED"
"""The error of a device that names no instance and is not the holder."""

NOT_ACTIVATED = "Aktifkan lisensi ini dulu di perangkat ini."


def _pasted(field: str, value: object) -> str:
    """A pasted key, in the form in which it is printed. A short text that is no key is answered
    like an unknown key. Raises InvalidRequest."""
    key = licence_key(value) if isinstance(value, str) and len(value) <= LONGEST else ""
    if not (key := key or valid_text(field, value, 64)):
        raise InvalidRequest(field)
    return key


class LicenceHandler(OpenHandler):
    """The base of the three acts: which device asks for which key, and the answer's form."""

    done = ""

    class Body(fields.Body):
        null_is_absent = True

        license_key: Annotated[str, fields.read_by(_pasted, maxLength=LONGEST)]
        device_name: Annotated[str, text(100)] = ""
        fingerprint: Annotated[str, text(200)] = ""
        instance_id: Annotated[str, text(64)] = ""

    async def post(self) -> None:
        body = self.body(self.Body)
        await self.act(body.license_key, await self._claimant(body))

    async def act(self, key: str, claimant: Claimant) -> None:
        """Do it and answer."""
        raise NotImplementedError

    async def _claimant(self, body: Body) -> Claimant:
        current = await self.current_session_or_none() if self.cookie_credential else None
        return Claimant(
            instance=body.instance_id,
            device=self._device(body.fingerprint, body.device_name),
            name=body.device_name or self._browser_name(),
            address=self.address,
            session=current.session.sid if current else "",
        )

    def _device(self, fp: str, name: str) -> str:
        """Return what tells this device apart when it names no instance. What it says itself
        counts first, because a program keeps no cookies."""
        cookie = self.cookie("jaga_device")
        if fp:
            return f"fp:{fp}"
        if DEVICE_COOKIE.fullmatch(cookie):
            return "cookie:" + hashlib.sha256(cookie.encode()).hexdigest()[:32]
        return f"{NAMED}{name}" if name else ""

    def _browser_name(self) -> str:
        return self.device_of("").name if self.request.headers.get("User-Agent") else ""

    def say(
        self, key: str, licence: Licence, done: bool, error: str | None = None, **more: str
    ) -> None:
        """Answer in the form of CONTRACT §8. Only the holder is told the instance."""
        instance = {"id": licence.instance, "name": licence.name} if done else None
        self.respond(
            {
                "success": done,
                self.done: done,
                "error": error,
                "license_key": {
                    "key": key,
                    "status": licence.status,
                    "activation_limit": 1,
                    "activation_usage": int(licence.is_held),
                },
                "instance": instance if licence.is_held else None,
                **more,
            }
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Return the general error, with the fields of this form added."""
        error = self._named(status_code, kwargs.get("exc_info"))
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        self.respond(error.body() | self._nothing(error), error.status)

    def _nothing(self, error: JagaError) -> dict[str, Any]:
        return {self.done: False, "error": error.message, "license_key": None, "instance": None}


class Activate(LicenceHandler):
    """`activate`: this device holds the licence from now on. The one before is told, and loses
    it."""

    done = "activated"

    async def act(self, key: str, claimant: Claimant) -> None:
        self.say(key, await self.store.payments.licences.activate(key, claimant), True)


class Validate(LicenceHandler):
    """`validate`: whether this device holds it."""

    done = "valid"

    async def act(self, key: str, claimant: Claimant) -> None:
        licence, valid = await self.store.payments.licences.validate(key, claimant)
        if valid or claimant.instance:
            self.say(key, licence, valid, None if valid else NOT_HERE)
        else:
            self.say(key, licence, False, ACTIVATION_NEEDED, message=NOT_ACTIVATED)


class Deactivate(LicenceHandler):
    """`deactivate`: nobody holds it any more."""

    done = "deactivated"

    async def act(self, key: str, claimant: Claimant) -> None:
        try:
            licence = await self.store.payments.licences.deactivate(key, claimant)
        except LicenceInUse:
            raise LicenceInUse(NOT_HERE) from None
        free = Licence(licence.status, licence.policy, licence.title, "", "", "", "")
        self.say(key, free, True)


class SampleProduct(Handler):
    """`/produk/contoh`: a protected product page, as a sample for one's own."""

    async def get(self) -> None:
        current = await self.current_session()
        self.member_page("product.html", current)


class SampleVideo(Handler):
    """`/produk/contoh/video`: the frame in it, which says VIDEO_READY when it can be played."""

    async def get(self) -> None:
        await self.current_session()
        self.set_header("X-Frame-Options", "SAMEORIGIN")
        policy = self._headers["Content-Security-Policy"]
        self.set_header(
            "Content-Security-Policy",
            policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
        )
        self.page("product_video.html")


ROUTES = [
    (r"/api/license/activate", Activate),
    (r"/api/license/validate", Validate),
    (r"/api/license/deactivate", Deactivate),
    (r"/produk/contoh", SampleProduct),
    (r"/produk/contoh/video", SampleVideo),
]
