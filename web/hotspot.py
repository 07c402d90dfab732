"""The hotspot: codes by phone, the portal, a member's own quota, and the operator's side
(CONTRACT §9, §10)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from typing import Any
from urllib.parse import urlsplit

from store.errors import InvalidRequest, MemberExists, NotFound, Unavailable, WrongCode
from store.hotspot.accounts import require_phone
from store.hotspot.deciding import Policy
from store.limits import Limit
from store.members import valid_text
from store.phones import local_form
from store.sessions import Opened
from web.admin import AdminHandler
from web.devices import tokens_of
from web.handler import Handler

WAIT_SECONDS = 4.0
"""How long a page waits for the router before it says "pending"; the login itself never does."""

PLAN_SECONDS = 30.0
LOOK_SECONDS = 0.03

LARGEST_QUOTA_MB = 1 << 30
LONGEST_DAYS = 3_660

REGISTRATIONS = Limit(5, 3600)
"""Per address: a family may register in one evening, a script may not."""

_CODE = re.compile(r"\d{6}", re.ASCII)
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")

SENT = "Jika nomor ini terdaftar, kode masuk sudah dikirim."

BINDINGS = {
    "bound": "Perangkat ini sudah tersambung.",
    "pending": "Anda sudah masuk. Perangkat ini akan tersambung begitu router menjawab.",
    "full": "Jatah perangkat Anda sudah penuh. Pilih perangkat yang ingin diganti.",
    "taken": "Perangkat ini terdaftar atas nama anggota lain.",
    "unknown": "Perangkat ini belum terlihat di jaringan hotspot. "
    "Sambungkan ulang Wi-Fi, lalu coba lagi.",
    "mismatch": "Alamat perangkat ini sudah berganti. Sambungkan ulang Wi-Fi, lalu coba lagi.",
    "none": "Anda sudah masuk.",
}
"""What became of the device, in words."""


class HotspotHandler(Handler):
    """What these handlers share."""

    @property
    def policy(self) -> Policy:
        """The house's rules."""
        return Policy.of(self.store.settings)

    async def answer_of(self, question: str, seconds: float) -> dict[str, Any] | None:
        """Wait for what a job finds out; None when it takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := await self.store.hotspot.answer_to(question):
                return answer
            await asyncio.sleep(LOOK_SECONDS)
        return None


# The way in


class RequestOtp(HotspotHandler):
    """`/api/auth/request-otp`: sends a code; says the same for a phone that is nobody's."""

    async def post(self) -> None:
        phone = require_phone(self.json_body().get("phone_number"))
        code = await self.store.otp.issue(phone, self.address)
        member = await self.store.hotspot.member_of(phone)
        # a job either way, so that time does not tell who is known
        await self.store.queue.enqueue(
            "jobs.messages.send_code", phone if member else "", code, queue="urgent", seconds=30
        )
        seconds = self.store.settings.otp_ttl_seconds
        self.respond({"success": True, "message": SENT, "expires_in": seconds})


class Binding(HotspotHandler):
    """What takes a device in: the checks of what it was told, and the question to the router."""

    def _wish(self, body: dict[str, Any]) -> dict[str, Any]:
        """The device as it is named, checked before the code is used up."""
        mac = valid_text("mac", body.get("mac") or "", 17).upper().replace("-", ":")
        if mac and not _MAC.fullmatch(mac):
            raise InvalidRequest("mac")
        link = valid_text("link_login_only", body.get("link_login_only") or "", 500)
        if link and not is_own_hotspot(link, self.store.settings):
            raise InvalidRequest("link_login_only", "Portal ini bukan portal hotspot kami.")
        address = self.address
        trusted = address if is_within(address, self.store.settings.hotspot_cidrs) else ""
        return {
            "address": trusted,
            "mac": mac,
            "ip": _address(body.get("ip") or ""),
            "replace": valid_text("replace", body.get("replace") or "", 8),
        }

    async def _take_in(self, member: str, wish: dict[str, Any]) -> str:
        """Have the device let through; returns what became of it."""
        if not self.store.hotspot.has_router or not (
            wish["address"] or (wish["mac"] and wish["ip"])
        ):
            return "none"
        device = self.device_of(member)
        browser = device.id if device.known else ""
        asked = {**wish, "member": member, "name": device.name, "browser": browser}
        try:
            question = await self.store.hotspot.ask("bind", asked)
        except Unavailable:
            await self.store.hotspot.keep_waiting(member, asked)
            return "pending"
        answer = await self.answer_of(question, WAIT_SECONDS)
        if answer is None:
            await self.store.hotspot.keep_waiting(member, asked)
            return "pending"
        return str(answer["state"])


class VerifyOtp(Binding):
    """`/api/auth/verify-otp`: opens a session and takes the device in."""

    async def post(self) -> None:
        body = self.json_body()
        phone = require_phone(body.get("phone_number"))
        code = valid_text("otp", body.get("otp"), 12)
        if not _CODE.fullmatch(code):
            raise InvalidRequest("otp", "Kode terdiri dari 6 angka.")
        wish = self._wish(body)
        await self.store.otp.use(phone, code, self.address)
        member = await self.store.hotspot.member_of(phone)
        if member is None:
            raise WrongCode()
        sessions = self.store.sessions
        opened = await sessions.open(
            member, self.device_of(member), method="password", keep=True, remember=True
        )
        await sessions.settle(opened)
        self.keep_session(opened)
        await self._answer(opened, await self._take_in(member, wish))

    async def _answer(self, opened: Opened, state: str) -> None:
        member = await self.store.members.get(opened.session.member)
        account = await self.store.hotspot.account(member.id)
        public = account.public(opened.session.opened_at, self.policy)
        self.respond(
            {
                "success": True,
                **tokens_of(opened, member),
                "hotspot": {
                    "state": state,
                    "message": BINDINGS[state],
                    **public,
                },
                "redirect": public["page"],
            }
        )


class BindAgain(Binding):
    """`/api/hotspot/bind`: once more for a member who is in already: the router was away, or a
    device has to be replaced first (`replace`, a slot's id)."""

    async def post(self) -> None:
        place = await self.place()
        state = await self._take_in(place.member, self._wish(self.json_body()))
        account = await self.store.hotspot.account(place.member)
        public = account.public(place.now, self.policy)
        told = {"state": state, "message": BINDINGS[state]}
        self.respond({"success": True, "hotspot": {**told, **public}})


class Register(HotspotHandler):
    """`/api/auth/register`: a new customer asks to be let in; somebody has to approve."""

    async def post(self) -> None:
        body = self.json_body()
        phone = require_phone(body.get("phone_number"))
        name = valid_text("name", body.get("name"), 100)
        if not name:
            raise InvalidRequest("name", "Nama harus diisi.")
        await self.store.limits.take(f"register:{self.address}", REGISTRATIONS)
        if await self.store.hotspot.member_of(phone) is None:
            await self._create(phone, name)
        self.respond(
            {
                "success": True,
                "message": "Pendaftaran diterima. Pengelola akan menyetujui nomor Anda.",
            },
            202,
        )

    async def _create(self, phone: str, name: str) -> None:
        """The phone is the login; the address is only there because every member has one."""
        try:
            member = await self.store.members.create(
                email=f"{phone}@hotspot.invalid",
                username=local_form(phone),
                name=name,
                # no password fits it: this member logs in by code
                password_hash="!",  # noqa: S106
            )
        except MemberExists:
            return
        await self.store.hotspot.enrol(member.id, phone, approved=False)
        await self.store.members.change(member.id, phone=phone)


class Portal(HotspotHandler):
    """`/hotspot/login`: where the router sends a browser that is not let through."""

    async def get(self) -> None:
        self._device_cookie()
        self.page(
            "hotspot_login.html",
            mac=self._told("mac"),
            ip=self._told("ip"),
            link_login_only=self._told("link-login-only"),
        )

    def _told(self, name: str) -> str:
        return self.get_query_argument(name, "")[:500]


class RouterPage(HotspotHandler):
    """`/hotspot/login.html`: the file to install on the router; it leads to the portal."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.pages.render("hotspot_router.html", portal=self._portal))

    @property
    def _portal(self) -> str:
        return f"{self.store.settings.public_url}/hotspot/login"


# The member's own side


class Mine(HotspotHandler):
    """`/hotspot`: the member's own status and quota."""

    async def get(self) -> None:
        place = await self.place()
        account = await self.store.hotspot.account(place.member)
        self.page(
            "hotspot.html",
            member={"name": place.name or place.username},
            hotspot=account.public(place.now, self.policy),
            plot=plot_of(await self.store.hotspot.days(place.member)),
        )


class MineAsJson(HotspotHandler):
    """`/api/hotspot`: the same as JSON; no activity."""

    async def get(self) -> None:
        place = await self.place(touch=False)
        account = await self.store.hotspot.account(place.member)
        self.respond({"success": True, "hotspot": account.public(place.now, self.policy)})


class MyDevice(HotspotHandler):
    """`/api/hotspot/devices/{id}`: a member gives a device up."""

    async def delete(self, slot: str) -> None:
        place = await self.place()
        await self.store.hotspot.unbind(place.member, slot)
        self.respond({"success": True, "message": "Perangkat dilepas."})


class StatusPage(HotspotHandler):
    """Why there is no Internet, or less of it; public, for who comes here has none."""

    def get(self) -> None:
        self.page("hotspot_status.html", which=self.request.path)


# The operator's side


class Packages(AdminHandler):
    """`/api/admin/packages`."""

    async def get(self) -> None:
        await self.require_admin()
        packages = [package.public() for package in await self.store.hotspot.packages()]
        self.respond({"success": True, "packages": packages})

    async def post(self) -> None:
        place = await self.require_admin()
        body = self.json_body()
        name = valid_text("name", body.get("name"), 100)
        if not name:
            raise InvalidRequest("name", "Nama paket harus diisi.")
        percent = body.get("fup_percent")
        unlimited = body.get("unlimited", False)
        if not isinstance(unlimited, bool):
            raise InvalidRequest("unlimited", "Isian 'unlimited' harus true atau false.")
        package = await self.store.hotspot.save_package(
            name,
            _whole("quota_mb", body.get("quota_mb", 0), 0, LARGEST_QUOTA_MB),
            _whole("days", body.get("days", 0), 0, LONGEST_DAYS),
            unlimited,
            None if percent is None else _whole("fup_percent", percent, 1, 100),
        )
        await self.note(place, "package.create", package.id, **package.public())
        self.respond({"success": True, "package": package.public()}, 201)


class GivePackage(AdminHandler):
    """`/api/admin/members/{id}/package`."""

    async def post(self, member: str) -> None:
        place = await self.require_admin()
        chosen = valid_text("package_id", self.json_body().get("package_id"), 32)
        package = await self.store.hotspot.give(member, chosen)
        await self.note(place, "package.give", member, package=package.name)
        await self.respond_account(member)

    async def respond_account(self, member: str) -> None:
        """Write the account as it is now."""
        account = await self.store.hotspot.account(member)
        public = account.public(int(time.time() * 1000), Policy.of(self.store.settings))
        self.respond({"success": True, "hotspot": public})


class Approve(GivePackage):
    """`/api/admin/members/{id}/approve {approved}`."""

    async def post(self, member: str) -> None:
        place = await self.require_admin()
        approved = self.json_body().get("approved", True)
        if not isinstance(approved, bool):
            raise InvalidRequest("approved", "Isian 'approved' harus true atau false.")
        await self.store.hotspot.approve(member, approved)
        await self.note(place, "hotspot.approve", member, approved=approved)
        await self.respond_account(member)


class OneAccount(GivePackage):
    """`/api/admin/members/{id}/hotspot`."""

    async def get(self, member: str) -> None:
        await self.require_admin()
        await self.respond_account(member)


class HotspotMembers(AdminHandler):
    """`/api/admin/hotspot/members`: everybody with status and quota, and who is pending."""

    async def get(self) -> None:
        await self.require_admin()
        rows = self.rows()
        members = await self.store.hotspot.members()
        after = self.query("after")
        members = [member for member in members if member > after][:rows]
        now, policy = int(time.time() * 1000), Policy.of(self.store.settings)
        accounts = await self.store.hotspot.accounts(members)
        self.respond(
            {
                "success": True,
                "members": [
                    {"id": one.member, "name": one.name, **one.public(now, policy)}
                    for one in accounts
                ],
                "next": members[-1] if len(members) == rows else None,
            }
        )


class PlanNow(AdminHandler, HotspotHandler):
    """`/api/admin/hotspot/plan[?fup_percent=]`: what would be written, for whom, why."""

    async def get(self) -> None:
        await self.require_admin()
        if not self.store.hotspot.has_router:
            raise NotFound("Router belum diatur.")
        text = self.query("fup_percent")
        percent = _whole("fup_percent", _number(text), 1, 100) if text else None
        question = await self.store.hotspot.ask("preview", percent)
        answer = await self.answer_of(question, PLAN_SECONDS)
        if answer is None or "error" in answer:
            raise Unavailable()
        self.respond({"success": True, **answer})


class SyncNow(AdminHandler):
    """`/api/admin/hotspot/sync`: a run over everybody, now."""

    async def post(self) -> None:
        place = await self.require_admin()
        if not self.store.hotspot.has_router:
            raise NotFound("Router belum diatur.")
        await self.store.queue.enqueue("jobs.hotspot.run", queue="hotspot", unique="sync")
        await self.note(place, "hotspot.sync", "")
        self.respond({"success": True, "message": "Sinkronisasi dimulai."}, 202)


class Runs(AdminHandler):
    """`/api/admin/hotspot/runs`: what became of the last runs."""

    async def get(self) -> None:
        await self.require_admin()
        self.respond({"success": True, "runs": await self.store.hotspot.runs(self.rows())})


PLOT_HEIGHT = 60


def plot_of(days: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return a bar for each day: its place, height and label, for a plot of 20 units a day."""
    most = max((used for _, used in days), default=0) or 1
    return [
        {
            "x": place * 20 + 3,
            "height": round(used / most * PLOT_HEIGHT, 1),
            "y": round(PLOT_HEIGHT - used / most * PLOT_HEIGHT, 1),
            "day": int(day[-2:]),
            "megabytes": used >> 20,
        }
        for place, (day, used) in enumerate(days)
    ]


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; odd text lies in none."""
    try:
        place = ipaddress.ip_address(address)
        return any(place in ipaddress.ip_network(one, strict=False) for one in networks)
    except ValueError:
        return False


def is_own_hotspot(link: str, settings: Any) -> bool:
    """Whether a router's login address is one of ours: a host that is named, an address of the
    hotspot's networks, or, where none are set, a private address."""
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


def _address(value: object) -> str:
    text = valid_text("ip", value, 45)
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise InvalidRequest("ip") from None


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(name, f"Isian '{name}' harus angka {least} sampai {most}.")
    return value


MEMBER = r"/api/admin/members/([0-9a-f]{16})"


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/api/auth/request-otp", RequestOtp),
        (r"/api/auth/verify-otp", VerifyOtp),
        (r"/api/auth/register", Register),
        (r"/hotspot/login", Portal),
        (r"/hotspot/login\.html", RouterPage),
        (r"/hotspot", Mine),
        (r"/api/hotspot", MineAsJson),
        (r"/api/hotspot/bind", BindAgain),
        (r"/api/hotspot/devices/([0-9a-f]{8})", MyDevice),
        (r"/(?:nonaktif|masa-aktif-habis|kuota-habis|fup)", StatusPage),
        (r"/api/admin/packages", Packages),
        (MEMBER + r"/package", GivePackage),
        (MEMBER + r"/approve", Approve),
        (MEMBER + r"/hotspot", OneAccount),
        (r"/api/admin/hotspot/members", HotspotMembers),
        (r"/api/admin/hotspot/plan", PlanNow),
        (r"/api/admin/hotspot/sync", SyncNow),
        (r"/api/admin/hotspot/runs", Runs),
    ]
