"""The hotspot's own pages, as a browser of one device sees them: `/device/<mac>/…`.

On a router the servlet knows a device by the packet that brings the request. Here everybody comes
from the same loopback address, so the address says which device it is; the rest is as there: what
is opened leads to the login page, a login is refused in the router's words, and who is blocked gets
no answer at all (a browser would wait for ever: here it is a 504 that says so).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tornado.web import RequestHandler

from scripts.simulator.commands import Router
from scripts.simulator.hotspot import DNS_NAME, SERVER, Refused
from scripts.simulator.records import Device, Session
from scripts.simulator.tables import Row
from scripts.simulator.template import fill
from scripts.simulator.values import duration_seconds, duration_text, mac_text

Variables = dict[str, str]

OPENED = "http://example.com/"
"""What a browser opens that was not told: any http address outside."""

HEAD = Path(__file__).with_name("page").joinpath("servlet.html").read_text("utf-8")
"""What each page begins with. Nothing in it is filled in."""

FOLDER = Path(__file__).with_name("files")

FILES = {path.name: HEAD + path.read_text("utf-8") for path in FOLDER.glob("*.html")}
"""The pages that are on the router from the start. `portal.html` is its login.html when it was set
up for a portal; `internet.html` stands for all that is outside."""

API = (FOLDER / "api.json").read_text("utf-8")
"""RouterOS's own, as its documentation prints it ("Using DHCP option to advertise HotSpot URL")."""


class Servlet(RequestHandler):
    """What the pages share: whose browser it is, and the files that are on the router."""

    def initialize(self, router: Router) -> None:
        self.hotspot = router.hotspot
        self.files = router.files

    def prepare(self) -> None:
        """Find the device; nobody answers one that is not here or is blocked."""
        self.set_header("Cache-Control", "no-store")
        self.hotspot.tick()
        try:
            self.mac = mac_text(self.path_args[0])
            self.device: Device = self.hotspot.devices[self.mac]
        except (ValueError, KeyError):
            self._stay_silent(404, "Tidak ada perangkat dengan MAC ini: gabungkan dulu.")
            return
        if not self.device.present:
            self._stay_silent(504, "Perangkat ini sudah pergi dari jangkauan.")
        elif self.hotspot.wake(self.mac).verdict == "blocked":
            self._stay_silent(504, "Perangkat ini diblokir: semua paketnya dibuang.")

    def _stay_silent(self, status: int, reason: str) -> None:
        self.set_status(status)
        self.finish(fill(FILES["silence.html"], {"error": reason}))

    @property
    def place(self) -> str:
        """Where this device's pages are, without a slash at the end."""
        return f"{self.hotspot.base}/device/{self.mac}"

    @property
    def is_in(self) -> bool:
        """Whether the device passes: it is logged in, or bypassed."""
        return self.hotspot.passes(self.device)[0]

    def show(self, page: str, **more: str) -> None:
        """Fill a page in for a person; what came from outside is text there, never markup."""
        told = {**self.variables(), **more}
        safe = {name: html.escape(value) for name, value in told.items()}
        # an address is escaped from what it is, not from its HTML
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(fill(page, safe | _escaped(told)))

    def variables(self) -> Variables:
        """What RouterOS's pages may name, of those that ours do."""
        orig = self.get_argument("dst", "")
        session = self.hotspot.session_of(self.device)
        switches = self.hotspot.faults.switches
        logged_in = session is not None or (self.is_in and switches.bypassed_says_logged_in)
        return {
            "mac": self.mac,
            "ip": self.device.ip,
            "server-name": SERVER,
            "hostname": DNS_NAME,
            "logged-in": "yes" if logged_in else "no",
            "portal": self.hotspot.portal,
            "link-login-only": self.hotspot.link_login_only(self.mac),
            "link-login": f"{self.place}/login?dst={quote(orig, safe='')}",
            "link-logout": f"{self.place}/logout",
            "link-status": f"{self.place}/status",
            "link-orig": orig,
            "link-redirect": orig or f"{self.place}/status",
            "session-timeout-secs": "0",
            **self._of_session(session),
        }

    def _of_session(self, session: Session | None) -> Variables:
        if session is None:
            host = self.hotspot.host_of(self.mac)
            past = self.hotspot.clock.now() - host.since if host else 0.0
            sizes = (host.bytes_in, host.bytes_out) if host else (0, 0)
            return {"uptime": duration_text(past), **_sizes(*sizes)}
        past = self.hotspot.clock.now() - session.since
        longest = session.profile.get("session-timeout", "none")
        left = max(1, duration_seconds(longest) - int(past)) if longest not in ("none", "0s") else 0
        return {
            "username": session.user,
            "login-by": session.login_by,
            "uptime": duration_text(past),
            "session-timeout-secs": str(left),
            **_sizes(session.bytes_in, session.bytes_out),
            **self._remaining(self.hotspot.tables["/ip/hotspot/user"].named(session.user)),
        }

    def _remaining(self, user: Row | None) -> Variables:
        limit = int((user or {}).get("limit-bytes-total", "0"))
        used = self.hotspot.usage.get((user or {}).get("name", ""))
        if not limit or used is None:
            return {}
        return {"remain-bytes-total": str(max(0, limit - used.bytes_in - used.bytes_out))}


class Anything(Servlet):
    """`/device/<mac>/[?url=]`: the browser opens an http address outside."""

    def get(self, mac: str) -> None:
        url = self.get_argument("url", OPENED)
        target = self.hotspot.http(self.mac, url)
        if target is None:
            self.show(FILES["internet.html"], **{"link-orig": url})
        elif "login.html" in self.files:
            self.redirect(f"{self.place}/login?dst={quote(url, safe='')}")
        else:
            self.redirect(target)


class Login(Servlet):
    """`/device/<mac>/login`: the page, and, with a `username`, the way in."""

    def get(self, mac: str) -> None:
        if self.is_in:
            self._enter()
        elif "username" in self.request.arguments:
            self._log_in()
        else:
            self._ask()

    post = get

    def _log_in(self) -> None:
        name = self.get_argument("username")
        try:
            # a password keeps its blanks
            self.hotspot.login(self.mac, name, self.get_argument("password", "", strip=False))
        except Refused as refusal:
            self._ask(error=str(refusal), username=name)
        else:
            self._enter()

    def _enter(self) -> None:
        self.redirect(self.get_argument("dst", "") or f"{self.place}/status")

    def _ask(self, **more: str) -> None:
        ours = FILES["portal.html" if self.hotspot.portal else "login.html"]
        self.show(self.files.get("login.html", ours), **more)


class Logout(Servlet):
    """`/device/<mac>/logout[?erase-cookie=on]`."""

    def get(self, mac: str) -> None:
        told = self.variables()
        erase = self.get_argument("erase-cookie", "") in ("on", "true")
        if self.hotspot.log_out(self.mac, erase_cookie=erase) is None:
            self.redirect(f"{self.place}/login")
        else:
            self.show(FILES["logout.html"], **told)

    post = get


class Status(Servlet):
    """`/device/<mac>/status`."""

    def get(self, mac: str) -> None:
        if self.is_in:
            self.show(FILES["status.html"])
        else:
            self.redirect(f"{self.place}/login")


class Captive(Servlet):
    """`/device/<mac>/api.json`, which a router serves as `/api` (RFC 8908)."""

    def get(self, mac: str) -> None:
        self.set_header("Content-Type", "application/captive+json")
        told = self.variables()
        self.finish(fill(self.files.get("api.json", API), told | _escaped(told)))


def _escaped(told: Variables) -> Variables:
    return {f"{name}-esc": quote(value, safe="") for name, value in told.items()}


def _sizes(bytes_in: int, bytes_out: int) -> Variables:
    return {"bytes-in": str(bytes_in), "bytes-out": str(bytes_out)}


def servlet_routes(router: Router) -> list[Any]:
    """The addresses of these pages; `files` are those an operator put on the router instead."""
    parts = {"router": router}
    pages = {"": Anything, "login": Login, "logout": Logout, "status": Status}
    captive = {"api.json": Captive, "api": Captive}
    return [(rf"/device/([^/]+)/{name}", page, parts) for name, page in (pages | captive).items()]
