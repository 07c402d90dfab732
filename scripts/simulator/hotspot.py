"""What happens between the calls: devices come, send, log in, roam and idle; time passes.

The tables that the API writes are read here at the moments at which a router reads them: a binding
when a host row appears, a profile at login. What has no effect on a running session on a router
has none here either.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from scripts.simulator.faults import Faults
from scripts.simulator.records import (
    Clock,
    Cookie,
    Device,
    Host,
    Packet,
    Session,
    Usage,
)
from scripts.simulator.tables import Row, Table
from scripts.simulator.values import (
    active_id,
    address_range,
    duration_seconds,
)

SERVER = "hotspot1"
DNS_NAME = "hotspot.lan"

GARDENS = ("/ip/hotspot/walled-garden", "/ip/hotspot/walled-garden/ip")

IDLE_SECONDS = 300
"""A host that is not logged in and says nothing for as long disappears."""

PASSAGES_KEPT = 10_000
"""What eager devices have tried: enough for the longest test, bounded all the same."""

CHAP_MISSING = "web browser did not send challenge response (try again, enable JavaScript)"
"""What a router says to a password in clear when `login-by` lacks http-pap."""


class Refused(Exception):
    """A login that the hotspot refuses, in its own words."""


@dataclass
class Hotspot:
    """The hotspot of one router."""

    tables: Mapping[str, Table]
    faults: Faults
    clock: Clock
    portal: str = ""
    base: str = ""
    """Where the control server is reached; its servlet is what a browser logs in at. Empty when
    there is none, and then the hotspot's name is told, which leads nowhere."""

    devices: dict[str, Device] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    cookies: dict[str, Cookie] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    passages: list[tuple[str, str, bool]] = field(default_factory=list)
    """Of eager devices: the MAC, the command before, and whether the packet passed."""

    booted: float = 0.0
    _number: int = 0
    _kept_verdicts: dict[str, str] = field(default_factory=dict)
    _host_of: dict[str, Host] = field(default_factory=dict)
    _ticked: float = 0.0

    # Devices

    def join(self, mac: str, ip: str) -> None:
        """A device comes into the air and says its first word; whoever had its address is gone."""
        self.devices[mac] = Device(mac, ip)
        for other in list(self.hosts.values()):
            if other.address == ip and other.mac != mac:
                self._forget(other)
            if other.mac == mac and other.address != ip:
                self._forget(other)
        self._wake(self.devices[mac])

    def leave(self, mac: str) -> None:
        """A device falls silent; its rows stay until time has passed."""
        if device := self.devices.get(mac):
            device.present = False

    def rotate(self, mac: str, new_mac: str, ip: str = "") -> None:
        """A device takes another MAC; its browser is the same."""
        device = self.devices.pop(mac)
        self.join(new_mac, ip or device.ip)
        self.devices[new_mac].http_cookie = device.http_cookie

    def traffic(self, mac: str, bytes_in: int, bytes_out: int, to: str = "") -> bool:
        """A device sends and is answered; returns whether it got through to the Internet, or to
        the host `to` of the walled garden. `bytes_in` is what the router receives from it."""
        device = self.devices[mac]
        passed = device.present and self._send(device, bytes_in, bytes_out, to)
        device.last = Packet(bytes_in, bytes_out, passed, self.clock.wall())
        return passed

    def _send(self, device: Device, bytes_in: int, bytes_out: int, to: str) -> bool:
        host = self._wake(device)
        session = self.sessions.get(active_id(device.ip))
        if host.verdict == "blocked":
            return False
        if host.verdict != "bypassed" and session is None:
            return bool(to) and self._is_in_garden(to)
        host.bytes_in += bytes_in
        host.bytes_out += bytes_out
        if session is not None:
            self._count(session, bytes_in, bytes_out)
        return True

    def http(self, mac: str, url: str) -> str | None:
        """A browser opens an http address; returns where it is sent instead, None for nowhere."""
        device = self.devices[mac]
        host = self._wake(device)
        if host.verdict in ("blocked", "bypassed") or active_id(device.ip) in self.sessions:
            return None
        remembered = device.http_cookie if "cookie" in self.login_by else ""
        if remembered and self._admit(device, remembered, "cookie"):
            return None
        if self._is_in_garden(urlsplit(url).hostname or ""):
            return None
        login = self.link_login_only(mac)
        if not self.portal:
            return f"{login}?{urlencode({'dst': url})}"
        about = {"mac": mac, "ip": device.ip, "link-login-only": login, "link-orig": url}
        return f"{self.portal}?{urlencode(about)}"

    def link_login_only(self, mac: str) -> str:
        """What `$(link-login-only)` is on the pages of a device."""
        return f"{self.base}/device/{mac}/login" if self.base else f"http://{DNS_NAME}/login"

    @property
    def login_by(self) -> frozenset[str]:
        """The ways in that the server's profile allows."""
        server = self.tables["/ip/hotspot"].named(SERVER) or {}
        profile = self.tables["/ip/hotspot/profile"].named(server.get("profile", "")) or {}
        return frozenset(profile.get("login-by", "").split(","))

    def passes(self, device: Device) -> tuple[bool, str]:
        """Whether a device has the Internet now, and why; changes nothing."""
        host = self._host_of.get(device.mac)
        if not device.present:
            return False, "not here"
        if host is None:
            return False, "no host row"
        if host.verdict != "regular":
            return host.verdict == "bypassed", f"binding {host.verdict}"
        session = self.sessions.get(active_id(device.ip))
        if session is None:
            return False, "not logged in"
        return True, f"logged in as {session.user} by {session.login_by}"

    def _wake(self, device: Device) -> Host:
        """The device's host row, new if it had none; a mac-cookie logs it in again."""
        now = self.clock.now()
        host = self._host_of.get(device.mac)
        if host is None or host.address != device.ip:
            verdict = self._kept_verdicts.pop(device.mac, "") or self._judge(device)
            host = Host(self._next_id(), device.mac, device.ip, verdict, now, now)
            self.hosts[host.id] = self._host_of[device.mac] = host
        host.seen = now
        if host.verdict == "regular" and active_id(device.ip) not in self.sessions:
            self._remember(device)
        return host

    def _remember(self, device: Device) -> None:
        if "mac-cookie" in self.login_by:
            for cookie in list(self.cookies.values()):
                if cookie.is_mac and cookie.mac == device.mac:
                    self._admit(device, cookie.user, "mac-cookie")

    def wake(self, mac: str) -> Host:
        """A device says something, whatever becomes of it; returns its row."""
        return self._wake(self.devices[mac])

    def host_of(self, mac: str) -> Host | None:
        """The row of a device, if the router knows it at the moment."""
        return self._host_of.get(mac)

    def session_of(self, device: Device) -> Session | None:
        """The session of a device, if it is logged in."""
        session = self.sessions.get(active_id(device.ip))
        return session if session is not None and session.mac == device.mac else None

    def _judge(self, device: Device) -> str:
        return (self.binding_of(device) or {}).get("type", "regular")

    def binding_of(self, device: Device) -> Row | None:
        """The binding that decides when the device's host row appears: a block for all servers
        first, then the first that matches."""
        bindings = self.tables["/ip/hotspot/ip-binding"]
        candidates = bindings.having("mac-address", device.mac)
        candidates += bindings.having("mac-address", "")
        matching = [row for row in candidates if _fits(row, device)]
        for row in matching:
            if row.get("type") == "blocked" and row.get("server", "all") == "all":
                return row
        return matching[0] if matching else None

    def _is_in_garden(self, name: str) -> bool:
        """Whether a host, by name or address, may be opened without a login: the first row that
        matches decides. One without criteria matches all."""
        for path in GARDENS:
            for row in self.tables[path]:
                if row["disabled"] == "false" and _is_named(row, name):
                    return row["action"] in ("allow", "accept")
        return False

    def garden(self) -> list[str]:
        """The hosts that everybody reaches."""
        return [
            row.get("dst-host", "") or row.get("dst-address", "")
            for path in GARDENS
            for row in self.tables[path]
            if row["disabled"] == "false" and row["action"] in ("allow", "accept")
        ]

    def binding_changed(self) -> None:
        """Called after any write to the bindings."""
        if self.faults.switches.rejudge_on_binding_change:
            for host in self.hosts.values():
                host.verdict = self._judge(Device(host.mac, host.address))

    # Logging in

    def login(self, mac: str, username: str, password: str) -> None:
        """The login form of a device's browser. Raises Refused."""
        device = self.devices[mac]
        self._wake(device)
        if "http-pap" not in self.login_by:
            raise Refused(CHAP_MISSING)
        self.open(device, username, password, "http-pap")
        device.http_cookie = username

    def open(self, device: Device, username: str, password: str, by: str) -> Session:
        """Log a device in with a password. Raises Refused."""
        row = self._user(username)
        if row is None or row.get("password", "") != password:
            raise Refused("invalid username or password")
        return self._open(device, row, by)

    def _admit(self, device: Device, username: str, by: str) -> bool:
        """Log in by a cookie, silently."""
        row = self._user(username)
        if row is None:
            return False
        try:
            self._open(device, row, by)
        except Refused:
            return False
        return True

    def _user(self, username: str) -> Row | None:
        row = self.tables["/ip/hotspot/user"].named(username)
        fits = row is not None and row.get("server", "all") in ("all", SERVER)
        return row if fits and row and row["disabled"] == "false" else None

    def _open(self, device: Device, user: Row, by: str) -> Session:
        profile = self.tables["/ip/hotspot/user/profile"].named(user["profile"])
        if profile is None:
            raise Refused("invalid username or password")
        name = user["name"]
        self._require(user, profile, device)
        self.close(active_id(device.ip))
        session = Session(
            active_id(device.ip), name, device.mac, device.ip, by, dict(profile), self.clock.now()
        )
        self.sessions[session.id] = session
        if profile["add-mac-cookie"] == "true" and by != "mac-cookie":
            self._bake(name, device.mac, profile)
        if listed := profile.get("address-list"):
            session.listed = self.tables["/ip/firewall/address-list"].add(
                {"list": listed, "address": device.ip, "dynamic": "true", "disabled": "false"}
            )
        return session

    def _require(self, user: Row, profile: Row, device: Device) -> None:
        name, used = user["name"], self.usage.setdefault(user["name"], Usage())
        if user.get("mac-address", device.mac) != device.mac:
            raise Refused(f"user {name} is not allowed to log in from this MAC address")
        if 0 < _seconds(user.get("limit-uptime")) <= used.uptime:
            raise Refused(f"user {name} has reached uptime limit")
        if self._is_over(user, used):
            raise Refused(f"user {name} has reached traffic limit")
        others = [s for s in self.sessions.values() if s.user == name and s.mac != device.mac]
        allowed = profile.get("shared-users", "1")
        if allowed.isdigit() and len(others) >= int(allowed):
            raise Refused(f"no more sessions are allowed for user {name}")

    def _is_over(self, user: Row, used: Usage) -> bool:
        limits = {
            "limit-bytes-in": used.bytes_in,
            "limit-bytes-out": used.bytes_out,
            "limit-bytes-total": used.bytes_in + used.bytes_out,
        }
        return any(0 < int(user.get(name, "0")) <= count for name, count in limits.items())

    def _bake(self, user: str, mac: str, profile: Row) -> None:
        for cookie in list(self.cookies.values()):
            if cookie.mac == mac and cookie.is_mac:
                del self.cookies[cookie.id]
        lasts = self.clock.now() + _seconds(profile.get("mac-cookie-timeout", "3d"))
        cookie = Cookie(self._next_id(), user, mac, lasts, is_mac=True)
        self.cookies[cookie.id] = cookie

    def _count(self, session: Session, bytes_in: int, bytes_out: int) -> None:
        session.bytes_in += bytes_in
        session.bytes_out += bytes_out
        used = self.usage.setdefault(session.user, Usage())
        used.bytes_in += bytes_in
        used.bytes_out += bytes_out
        user = self.tables["/ip/hotspot/user"].named(session.user)
        if user is not None and self._is_over(user, used):
            self.close(session.id)

    # Ends

    def log_out(self, mac: str, *, erase_cookie: bool) -> Session | None:
        """The logout page of a device; returns the session as it was, None when there was none."""
        device = self.devices[mac]
        if erase_cookie:
            device.http_cookie = ""
        if self.faults.switches.logout_erases_mac_cookie:
            for cookie in [one for one in self.cookies.values() if one.mac == mac and one.is_mac]:
                del self.cookies[cookie.id]
        session = self.session_of(device)
        if session is not None:
            self.close(session.id)
        return session

    def close(self, session_id: str) -> bool:
        """End a session; returns whether there was one."""
        session = self.sessions.pop(session_id, None)
        if session is None:
            return False
        used = self.usage.setdefault(session.user, Usage())
        used.uptime += self.clock.now() - session.since
        if session.listed:
            self.tables["/ip/firewall/address-list"].remove(session.listed)
        if self.faults.switches.active_removal_drops_all_of_user:
            for other in [s for s in self.sessions.values() if s.user == session.user]:
                self.close(other.id)
        return True

    def remove_host(self, host_id: str) -> bool:
        """Take a host row out; the device's next packet makes another."""
        host = self.hosts.get(host_id)
        if host is None:
            return False
        if not self.faults.switches.rejudge_on_host_removal:
            self._kept_verdicts[host.mac] = host.verdict
        self._forget(host)
        return True

    def _forget(self, host: Host) -> None:
        del self.hosts[host.id]
        if self._host_of.get(host.mac) is host:
            del self._host_of[host.mac]
        session = self.sessions.get(active_id(host.address))
        if session is not None and session.mac == host.mac:
            self.close(session.id)

    def user_removed(self, name: str) -> None:
        """Called when a user's row is gone."""
        self.usage.pop(name, None)
        if self.faults.switches.user_removal_drops_session:
            for session in [s for s in self.sessions.values() if s.user == name]:
                self.close(session.id)

    # Time

    def tick(self) -> None:
        """Let what has run out run out; at most once a second, for there may be 10,000 rows."""
        now = self.clock.now()
        if now - self._ticked < 1:
            return
        self._ticked = now
        for cookie in [c for c in self.cookies.values() if c.expires <= now]:
            del self.cookies[cookie.id]
        for session in list(self.sessions.values()):
            if self._has_run_out(session, now):
                self.close(session.id)
        for host in [h for h in self.hosts.values() if now - h.seen > IDLE_SECONDS]:
            if active_id(host.address) not in self.sessions:
                self._forget(host)

    def _has_run_out(self, session: Session, now: float) -> bool:
        longest = _seconds(session.profile.get("session-timeout"))
        if 0 < longest <= now - session.since:
            return True
        device = self.devices.get(session.mac)
        if device is not None and device.present and device.ip == session.address:
            return False
        host = self._host_of.get(session.mac)
        silent = now - (host.seen if host else session.since)
        return 0 < _seconds(session.profile.get("keepalive-timeout", "2m")) < silent

    def reboot(self) -> None:
        """Forget what a router forgets, and number the rest anew."""
        for session in list(self.sessions.values()):
            self.close(session.id)
        self.hosts.clear()
        self._host_of.clear()
        self._kept_verdicts.clear()
        if not self.faults.switches.cookies_survive_reboot:
            self.cookies.clear()
        for table in self.tables.values():
            table.renumber()
        self.booted = self.clock.now()

    def packets(self, command: str) -> None:
        """Let every eager device send, and note what became of it."""
        if not self.faults.eager_devices:
            return
        for device in list(self.devices.values()):
            if device.present:
                passed = self.traffic(device.mac, 1, 1)
                self.passages.append((device.mac, command, passed))
        del self.passages[:-PASSAGES_KEPT]

    def _next_id(self) -> str:
        self._number += 1
        return f"*{self._number:X}"


def _is_named(row: Row, name: str) -> bool:
    """`dst-host` is a pattern, or after a colon a regular expression, without case; `dst-address`
    an address, a prefix or a range."""
    if where := row.get("dst-address", ""):
        try:
            number = int(ipaddress.IPv4Address(name))
        except ValueError:
            return False
        first, last = address_range(where)
        return first <= number <= last
    pattern = row.get("dst-host", "")
    if pattern.startswith(":"):
        return re.search(pattern[1:], name, re.IGNORECASE) is not None
    return not pattern or fnmatch.fnmatch(name.lower(), pattern.lower())


def _fits(row: Row, device: Device) -> bool:
    if row["disabled"] == "true" or row.get("server", "all") not in ("all", SERVER):
        return False
    if row.get("mac-address", device.mac) != device.mac:
        return False
    if "address" not in row:
        return "mac-address" in row
    first, last = address_range(row["address"])
    return first <= int(ipaddress.IPv4Address(device.ip)) <= last


def _seconds(text: str | None) -> int:
    return duration_seconds(text) if text and text != "none" else 0
