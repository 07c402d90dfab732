"""The control API (CONTRACT §11): what devices do, what goes wrong, what the router knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.web import Application, HTTPError, RedirectHandler, RequestHandler, StaticFileHandler

from scripts.simulator.api import Api
from scripts.simulator.commands import Router
from scripts.simulator.faults import BadFault
from scripts.simulator.hotspot import Refused
from scripts.simulator.menus import MENUS
from scripts.simulator.overview import overview
from scripts.simulator.servlet import servlet_routes
from scripts.simulator.template import BadTemplate, fill
from scripts.simulator.values import active_id, address_text, mac_text

PAGE = Path(__file__).with_name("page")

FILES = frozenset({"login.html", "api.json"})
"""What an operator may put on the router in place of what is there."""

Body = dict[str, Any]


class Unknown(Exception):
    """A device that nobody has seen."""


class Control(RequestHandler):
    """A handler that speaks JSON; `act` answers what `post` asks."""

    def initialize(self, router: Router, api: Api) -> None:
        self.router = router
        self.hotspot = router.hotspot
        self.api = api

    def prepare(self) -> None:
        """Take nothing from pages of others, which a browser on this machine may have open."""
        origin = self.request.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc != self.request.host:
            self.set_status(403)
            self.finish({"error": f"not from {origin}"})

    def post(self) -> None:
        try:
            body = json.loads(self.request.body or b"{}")
            if not isinstance(body, dict):
                raise ValueError("a JSON object is wanted")
            self.hotspot.tick()
            self.finish(self.act(body))
        except Unknown as error:
            self.set_status(404)
            self.finish({"error": f"unknown: {error}"})
        except KeyError as error:
            self.set_status(400)
            self.finish({"error": f"missing: {error.args[0]}"})
        except (ValueError, TypeError, OverflowError, BadFault, BadTemplate) as error:
            self.set_status(400)
            self.finish({"error": str(error)})

    def act(self, body: Body) -> Body:
        """Do it; return the answer. Raises ValueError, KeyError (400), Unknown (404)."""
        raise HTTPError(405)

    def device(self, body: Body, name: str = "mac") -> str:
        """Return the MAC of a device that is known. Raises KeyError, ValueError, Unknown."""
        mac = mac_text(str(body[name]))
        if mac not in self.hotspot.devices:
            raise Unknown(mac)
        return mac

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """JSON, as every answer of this API."""
        self.finish({"error": self._reason})


class Nowhere(Control):
    """Any other address."""

    def prepare(self) -> None:
        raise HTTPError(404)


class Join(Control):
    """`{mac, ip}`: a device comes into the air."""

    def act(self, body: Body) -> Body:
        mac = mac_text(str(body["mac"]))
        self.hotspot.join(mac, address_text(str(body["ip"])))
        return self._about(mac)

    def _about(self, mac: str) -> Body:
        online, why = self.hotspot.passes(self.hotspot.devices[mac])
        return {"ok": True, "online": online, "why": why}


class Crowd(Control):
    """`{count}`: many devices come into the air at once."""

    MOST = 50_000

    def act(self, body: Body) -> Body:
        count = min(int(body["count"]), self.MOST)
        for number in range(count):
            high, low = divmod(number, 250)
            self.hotspot.join(
                f"02:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}",
                f"10.{high // 250}.{high % 250}.{low + 1}",
            )
        return {"ok": True, "count": count}


class Leave(Control):
    """`{mac}`: a device falls silent."""

    def act(self, body: Body) -> Body:
        self.hotspot.leave(self.device(body))
        return {"ok": True}


class Rotate(Join):
    """`{mac, new_mac[, ip]}`: a device takes another random MAC."""

    def act(self, body: Body) -> Body:
        new_mac = mac_text(str(body["new_mac"]))
        ip = address_text(str(body["ip"])) if "ip" in body else ""
        self.hotspot.rotate(self.device(body), new_mac, ip)
        return self._about(new_mac)


class Traffic(Control):
    """`{mac, bytes_in, bytes_out[, to]}` → `{passed}`."""

    def act(self, body: Body) -> Body:
        sizes = int(body.get("bytes_in", 1)), int(body.get("bytes_out", 1))
        to = str(body.get("to", ""))
        return {"passed": self.hotspot.traffic(self.device(body), *sizes, to)}


class Login(Control):
    """`{mac, username, password}`: the login form → `{ok[, error]}`."""

    def act(self, body: Body) -> Body:
        try:
            self.hotspot.login(self.device(body), str(body["username"]), str(body["password"]))
        except Refused as refusal:
            return {"ok": False, "error": str(refusal)}
        return {"ok": True}


class Http(Control):
    """`{mac[, url]}` → `{redirected_to}`: a browser opens an http address."""

    def act(self, body: Body) -> Body:
        mac = self.device(body)
        target = self.hotspot.http(mac, str(body.get("url", "http://example.com/")))
        return {
            "redirected_to": target,
            "passed": self.hotspot.passes(self.hotspot.devices[mac])[0],
        }


class Reboot(Control):
    """The router starts again; connections are cut."""

    def act(self, body: Body) -> Body:
        self.api.drop_all()
        self.hotspot.reboot()
        return {"ok": True}


class Reset(Control):
    """Everything is as when the simulator was started; connections are cut and forgotten."""

    def act(self, body: Body) -> Body:
        self.api.forget_all()
        self.router.reset()
        return {"ok": True}


class Advance(Control):
    """`{seconds}`: time passes."""

    def act(self, body: Body) -> Body:
        self.router.clock.advance(float(body["seconds"]))
        self.hotspot.tick()
        return {"ok": True}


class Fault(Control):
    """`{name: value}`, `{kind[, command, after, times]}` or `{clear: true}`."""

    def get(self) -> None:
        self.finish(self.router.faults.as_dict())

    def act(self, body: Body) -> Body:
        self.router.faults.set(body)
        if self.router.faults.away:
            self.api.drop_all()
        return {"ok": True, **self.router.faults.as_dict()}


class Install(Control):
    """`{name, text}`: a file is put on the router, `login.html` or `api.json`; an empty one is
    taken away."""

    def act(self, body: Body) -> Body:
        name, text = str(body["name"]), str(body["text"])
        if name not in FILES:
            raise ValueError(f"name must be one of {', '.join(sorted(FILES))}")
        fill(text, {})  # what a router would not understand is refused here
        self.router.files.pop(name, None)
        if text:
            self.router.files[name] = text
        return {"ok": True}


class Overview(Control):
    """What the live page shows."""

    def get(self) -> None:
        self.hotspot.tick()
        self.finish(overview(self.router, self.api.count))


class State(Control):
    """Every table, and the devices with who has the Internet and why."""

    def get(self) -> None:
        self.hotspot.tick()
        tables = {path: self.router.rows_of(path) for path in MENUS}
        self.finish(
            {
                "devices": [self._device(mac) for mac in self.hotspot.devices],
                "tables": tables,
                "connections": self.api.count,
                "flagged": self.router.flagged,
                "passages": self.hotspot.passages,
                "faults": self.router.faults.as_dict(),
            }
        )

    def _device(self, mac: str) -> Body:
        device = self.hotspot.devices[mac]
        online, why = self.hotspot.passes(device)
        session = self.hotspot.sessions.get(active_id(device.ip))
        about = {"mac": mac, "ip": device.ip, "present": device.present}
        about["profile"] = session.profile["name"] if session and session.mac == mac else ""
        return about | {"online": online, "why": why}


class Calls(Control):
    """How many sentences came, by command, since the last DELETE."""

    def get(self) -> None:
        self.finish(dict(self.router.heard.calls))

    def delete(self) -> None:
        self.router.heard.calls.clear()
        self.hotspot.passages.clear()
        self.finish({"ok": True})


class Page(RequestHandler):
    """The live page."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
        self.finish((PAGE / "index.html").read_bytes())


_HANDLERS: dict[str, type[Control]] = {
    "join": Join,
    "crowd": Crowd,
    "leave": Leave,
    "rotate": Rotate,
    "traffic": Traffic,
    "login": Login,
    "http": Http,
    "reboot": Reboot,
    "reset": Reset,
    "advance": Advance,
    "fault": Fault,
    "install": Install,
    "overview": Overview,
    "state": State,
    "calls": Calls,
}


def make_control(router: Router, api: Api, log: Callable[..., None]) -> Application:
    """Return the application that the control port serves."""
    parts = {"router": router, "api": api}
    routes: list[Any] = [(f"/{name}", handler, parts) for name, handler in _HANDLERS.items()]
    return Application(
        [
            (r"/", Page),
            (r"/page/(.*)", StaticFileHandler, {"path": PAGE}),
            (r"/device/([^/]+)", RedirectHandler, {"url": "/device/{0}/", "permanent": False}),
            *servlet_routes(router),
            *routes,
        ],
        log_function=log,
        default_handler_class=Nowhere,
        default_handler_args=parts,
    )
