"""The way into the hotspot: a code by phone, the device, and the portal's pages."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from store.errors import WAITING_PAGE, InvalidRequest, NotFound, Unavailable, WrongCode
from store.hotspot.accounts import require_phone
from store.hotspot.devices import SLOTS
from store.limits import AddressLimit, Limit
from store.members import valid_text
from store.phones import local_form
from store.sessions import Opened
from store.settings import Settings
from web import fields
from web.devices import tokens_of
from web.fields import text
from web.hotspot.handler import HotspotHandler

WAIT_SECONDS = 4.0
"""How long an answer waits for the router before it says "pending". The login is valid already."""

REGISTRATIONS = AddressLimit("register", 20, 3600)
"""Per address: a portal in the cloud sees a whole school as one, which may begin in one morning.
A script may not."""

SEND_SECONDS = 0.05
"""The time of every answer, ten times what the job takes: it must not tell who is known."""

BINDINGS_PER_MEMBER = Limit("bind", 60, 600)
"""Per member: a waiting page asks every fifteen seconds, and each time the router prints a list."""

_CODE = re.compile(r"\d{6}", re.ASCII)
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")

NOT_SENT = 'Kode tidak bisa dikirim. Tekan "Kirim ulang kode", atau hubungi pengelola.'

SENT = "Jika nomor ini terdaftar, kode masuk sudah dikirim."
REGISTERED = "Kode sudah dikirim ke nomor itu. Masukkan kodenya untuk menyelesaikan pendaftaran."
WAITING = (
    "Nomor Anda sudah terbukti. Pengelola masih harus menyetujuinya; halaman ini berubah sendiri."
)

OBSTACLES = {
    "user": "nomor Anda sudah dipakai untuk pengguna lain di router ini",
    "binding": "perangkat ini sudah punya pengaturan lain di router ini",
    "address": "alamat perangkat ini sudah punya pengaturan lain di router ini",
    "refused": "router ini menolak perangkat Anda",
}
"""What is in the way of a device, by `jobs.hotspot.plan.Obstacle`."""

BINDINGS = {
    "bound": "Perangkat ini sudah tersambung.",
    "pending": "Anda sudah masuk. Perangkat ini akan tersambung begitu router menjawab.",
    "conflict": "Anda sudah masuk, tetapi router ini belum meloloskan perangkat Anda. "
    "Pengelola bisa melihat sebabnya; setelah dibereskan, perangkat ini tersambung sendiri.",
    "full": "Jatah perangkat Anda sudah penuh. Pilih perangkat yang ingin diganti.",
    "taken": "Perangkat ini terdaftar atas nama anggota lain. Minta pemiliknya melepasnya lewat "
    "halaman hotspot miliknya, atau hubungi pengelola.",
    "unknown": "Perangkat ini belum terlihat di jaringan hotspot. Matikan lalu nyalakan lagi "
    "Wi-Fi, tunggu sebentar, lalu coba lagi.",
    "mismatch": "Alamat perangkat ini sudah berganti sejak halaman ini dibuka. Sambungkan ulang "
    "Wi-Fi, lalu coba lagi.",
    "prove": "Satu langkah lagi: router memastikan bahwa perangkat ini yang Anda pegang.",
    "unproven": "Router belum melihat perangkat ini masuk. Sambungkan ulang Wi-Fi hotspot, lalu "
    "masuk lagi dari halaman yang terbuka.",
    "none": "Anda sudah masuk.",
}
"""What became of the device, in words."""


def _mac(field: str, value: object) -> str:
    mac = valid_text(field, value, 17).upper().replace("-", ":")
    if mac and not _MAC.fullmatch(mac):
        raise InvalidRequest(field)
    return mac


def _address(field: str, value: object) -> str:
    address = valid_text(field, value, 45)
    try:
        return str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        raise InvalidRequest(field) from None


def _six_digits(field: str, value: object) -> str:
    code = valid_text(field, value, 12)
    if not _CODE.fullmatch(code):
        raise InvalidRequest(field, "Kode terdiri dari 6 angka.")
    return code


Phone = Annotated[
    str, fields.read_by(lambda field, value: require_phone(value), examples=["081234567890"])
]
"""An Indonesian mobile number in any of its forms, kept as `628…`."""


OtpCode = Annotated[str, fields.read_by(_six_digits, pattern=_CODE.pattern)]
"""A code as it was sent: six digits."""


class DeviceBody(fields.Body):
    """The device to let through, as the router's page named it."""

    null_is_absent = True

    mac: Annotated[str, fields.read_by(_mac, examples=["AA:BB:CC:DD:EE:FF"])] = ""
    link_login_only: Annotated[str, text(500)] = ""
    ip: Annotated[str, fields.read_by(_address)] = ""
    replace: Annotated[str, text(8)] = ""
    """The slot of the device that goes for it."""


class CodeHandler(HotspotHandler):
    """What sends a code, and says the same for a phone that is nobody's."""

    async def issue(self, phone: str, message: str) -> None:
        """Send a code to who is a member or wishes to be one, and answer."""
        self.respond(await self.issued(phone, message))

    async def issued(self, phone: str, message: str, *, always: bool = False) -> dict[str, Any]:
        """Send a code to who is a member or wishes to be one, and return the answer. `always` to
        whomever a member says it is."""
        known = await self.store.hotspot.accounts.member_of(phone)
        line = await self.line_of(known)
        issued = await self.store.hotspot.otp.issue(phone, self.address, line)
        if issued.code:
            await self._send(phone, issued.code, line, is_known=always or known is not None)
        return {
            "success": True,
            "message": message,
            "phone_number": local_form(phone),
            "expires_in": issued.expires_in,
            "resend_in": issued.resend_in,
            "ticket": issued.ticket,
        }

    async def _send(self, phone: str, code: str, line: str, *, is_known: bool) -> None:
        """Enqueue the message. A member's code is urgent. A newcomer's waits among visitors,
        because anybody may ask for it. For a phone that nobody has, the queue is only asked, so
        that time does not tell who is known."""
        wishes = await self.store.hotspot.registrations.is_kept(phone)
        queue = self.store.queue
        waits_in = "urgent" if is_known else "visitors"
        sending = (
            queue.enqueue("jobs.messages.send_code", phone, code, line, queue=waits_in, seconds=30)
            if is_known or wishes
            else queue.is_waiting("urgent")
        )
        try:
            await asyncio.gather(sending, asyncio.sleep(SEND_SECONDS))
        except Unavailable:
            await self.store.hotspot.otp.withdraw(phone, code, line)
            raise


class RequestOtp(CodeHandler):
    """`/api/auth/request-otp`: sends a code."""

    class Body(fields.Body):
        phone_number: Phone

    async def post(self) -> None:
        await self.issue(self.body(self.Body).phone_number, SENT)


class OtpSending(HotspotHandler):
    """`/api/auth/otp/{ticket}`: tells its page when a code could not be sent."""

    async def get(self, ticket: str) -> None:
        failed = await self.store.hotspot.otp.is_unsent(ticket)
        self.respond(
            {
                "success": True,
                "state": "failed" if failed else "waiting",
                "message": NOT_SENT if failed else "",
            }
        )


class Binding(HotspotHandler):
    """The base of addresses that take a device in: checks what they were told, asks the router."""

    def _wish(self, body: DeviceBody) -> dict[str, Any]:
        """The device as it is named, checked before the code is used up."""
        link = body.link_login_only
        if link and not is_own_hotspot(link, self.store.settings):
            raise InvalidRequest("link_login_only", "Portal ini bukan portal hotspot kami.")
        address, networks = self.address, self.store.settings.hotspot_cidrs
        return {
            "address": address if is_within(address, networks) else "",
            "mac": body.mac,
            "ip": body.ip,
            "is_foreign": bool(body.ip and networks and not is_within(body.ip, networks)),
            "link": link,
            "replace": body.replace,
        }

    async def _take_in(self, member: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Let the device through, and return what became of it: `state`, `message`, and for
        `prove` the `login_url` of the router."""
        if not self.store.hotspot.routers.has_any or not (
            wish["address"] or (wish["mac"] and wish["ip"])
        ):
            return outcome({"state": "none"})
        if wish.pop("is_foreign") and not wish["address"]:
            return outcome({"state": "unknown"})
        device = self.device_of(member)
        browser = device.id if device.known else ""
        asked = {**wish, "member": member, "name": device.name, "browser": browser}
        try:
            question = await self.store.hotspot.questions.ask("bind", asked)
        except Unavailable:
            await self.store.hotspot.devices.keep_waiting(member, asked)
            return outcome({"state": "pending"})
        answer = await self.store.hotspot.questions.answer_to(question, WAIT_SECONDS)
        if answer is None:
            await self.store.hotspot.devices.keep_waiting(member, asked)
            return outcome({"state": "pending"})
        return outcome(answer)


class VerifyOtp(Binding):
    """`/api/auth/verify-otp`: opens a session and takes the device in."""

    class Body(DeviceBody, kw_only=True):
        phone_number: Phone
        otp: OtpCode

    async def post(self) -> None:
        body = self.body(self.Body)
        phone, code = body.phone_number, body.otp
        wish = self._wish(body)
        known = await self.store.hotspot.accounts.member_of(phone)
        opens = not await self.store.members.needs_password(known or "")
        line = await self.line_of(known)
        await self.store.hotspot.otp.use(phone, code, self.address, line, opens=opens)
        member = known or await self.store.hotspot.registrations.complete(phone)
        if member is None:
            raise WrongCode()
        opened = await self.let_in(member)
        current = await self.store.sessions.check(opened.credential, touch=False, portal=True)
        if current.waits:
            await self._answer_newcomer(opened)
        else:
            await self._answer(opened, await self._take_in(member, wish))

    async def _answer_newcomer(self, opened: Opened) -> None:
        """What opens the portal and nothing else, until an operator says yes."""
        account = await self.store.hotspot.accounts.get(opened.session.member)
        public = account.public(opened.session.opened_at, self.policy)
        self.respond(
            {
                "success": True,
                "approved": False,
                "waiting": WAITING_PAGE,
                "message": WAITING,
                "access_token": opened.bearer,
                "hotspot": {**outcome({"state": "none"}), **public, "device_limit": SLOTS},
                "redirect": WAITING_PAGE,
            }
        )

    async def _answer(self, opened: Opened, became: dict[str, Any]) -> None:
        member = await self.store.members.get(opened.session.member)
        account = await self.store.hotspot.accounts.get(member.id)
        public = account.public(opened.session.opened_at, self.policy)
        self.respond(
            {
                "success": True,
                "approved": True,
                **tokens_of(opened, member),
                "hotspot": {**became, **public, "device_limit": SLOTS},
                "redirect": public["page"],
            }
        )


class BindAgain(Binding):
    """`/api/hotspot/bind`: takes a device in once more, for a member who is logged in: when the
    router was away, or when another device must be replaced first (`replace`, a slot's id). It
    is no activity: a waiting page asks for as long as it is open."""

    is_activity = False

    Body = DeviceBody

    async def post(self) -> None:
        current = await self.current_session()
        wish = self._wish(self.body(self.Body))
        await self.store.limits.take(BINDINGS_PER_MEMBER.of(current.member))
        became = await self._take_in(current.member, wish)
        account = await self.store.hotspot.accounts.get(current.member)
        public = account.public(current.now, self.policy)
        self.respond({"success": True, "hotspot": {**became, **public, "device_limit": SLOTS}})


class Register(CodeHandler):
    """`/api/auth/register`: a new customer asks for access. It gives nothing by itself: a code
    has to prove the phone, and then somebody has to approve."""

    class Body(fields.Body):
        phone_number: Phone
        name: Annotated[str, text(100, needed="Nama harus diisi.")]

    async def post(self) -> None:
        if not self.store.hotspot.routers.has_any:
            raise NotFound("Pendaftaran hotspot tidak dibuka di situs ini.")
        body = self.body(self.Body)
        await self.store.limits.take(REGISTRATIONS.of(self.address))
        await self.store.hotspot.registrations.keep(body.phone_number, body.name)
        await self.issue(body.phone_number, REGISTERED)


class Portal(HotspotHandler):
    """`/hotspot/login`: where the router sends a browser that is not let through. A member who
    is logged in here needs no code: the device has a new address, or is new in the house."""

    serves_waiting = True

    async def get(self) -> None:
        self._device_cookie()
        current = await self.visitor()
        waits = current is not None and current.waits
        self.page(
            "hotspot_login.html",
            may_register=self.store.hotspot.routers.has_any,
            waits=waits,
            mac=self._told("mac"),
            ip=self._told("ip"),
            link_login_only=self._told("link-login-only"),
            signed_in=(current.name or current.username) if current and not waits else "",
        )

    def _told(self, name: str) -> str:
        return self.get_query_argument(name, "")[:500]


def outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a job says of a device, for its page. `has_room` with a `login_url` means that
    no other device has to be removed."""
    told = {"state": answer["state"], "message": BINDINGS[answer["state"]]}
    if words := OBSTACLES.get(answer.get("obstacle", "")):
        told["message"] = (
            f"Anda sudah masuk, tetapi {words}. Pengelola bisa melihatnya; setelah dibereskan, "
            "perangkat ini tersambung sendiri."
        )
    return told | {name: answer[name] for name in ("login_url", "has_room") if name in answer}


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is in one of the networks; False for text that is no address."""
    try:
        found = ipaddress.ip_address(address)
        return any(found in ipaddress.ip_network(one, strict=False) for one in networks)
    except ValueError:
        return False


def is_own_hotspot(link: str, settings: Settings) -> bool:
    """Whether a router's login address is one of ours: a named host, an address of the hotspot's
    networks, or a private address where no networks are set."""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    if host in settings.hotspot_login_hosts:
        return True
    if settings.hotspot_cidrs:
        return is_within(host, settings.hotspot_cidrs)
    return is_within(host, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/auth/request-otp", RequestOtp),
        (r"/api/auth/otp/([0-9a-f]{32})", OtpSending),
        (r"/api/auth/verify-otp", VerifyOtp),
        (r"/api/auth/register", Register),
        (r"/api/hotspot/bind", BindAgain),
        (r"/hotspot/login", Portal),
    ]
