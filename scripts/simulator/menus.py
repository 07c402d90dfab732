"""Which menus there are, with the fields that can be written, what each takes, and its verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.simulator.values import (
    address_text,
    bytes_text,
    duration_seconds,
    duration_text,
    flag_text,
    mac_text,
    range_text,
)

Check = Callable[[str], str]
"""Takes what a client wrote and returns what the router keeps. Raises ValueError."""


def text(value: str) -> str:
    """Anything."""
    return value


def whole(value: str) -> str:
    """A whole number."""
    return str(int(value))


def duration(value: str) -> str:
    """A duration, or `none`."""
    return value if value == "none" else duration_text(duration_seconds(value))


def choice(*allowed: str) -> Check:
    """Return a check for one of these words."""

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(value)
        return value

    return check


READ = frozenset({"print", "getall", "get", "listen", "find"})
WRITE = READ | {"set", "add", "remove", "unset", "enable", "disable"}


@dataclass(frozen=True)
class Menu:
    """One menu. `live` rows are made from what happens and cannot be written."""

    fields: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    verbs: frozenset[str] = WRITE
    live: bool = False
    single: bool = False
    unique: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()
    """Fields that together are unique."""

    duplicate: str = ""


_COMMENTED: Mapping[str, Check] = {"comment": text, "disabled": flag_text}
_OFF = {"disabled": "false"}

_BINDING: Mapping[str, Check] = {
    "mac-address": mac_text,
    "address": range_text,
    "to-address": range_text,
    "server": text,
    "type": choice("regular", "bypassed", "blocked"),
    **_COMMENTED,
}

_USER: Mapping[str, Check] = {
    "server": text,
    "name": text,
    "password": text,
    "otp-secret": text,
    "address": address_text,
    "mac-address": mac_text,
    "profile": text,
    "routes": text,
    "email": text,
    "limit-uptime": duration,
    "limit-bytes-in": bytes_text,
    "limit-bytes-out": bytes_text,
    "limit-bytes-total": bytes_text,
    **_COMMENTED,
}

USER_UNSET: Mapping[str, str] = {
    "address": "0.0.0.0",  # noqa: S104 - no socket is bound
    "mac-address": "00:00:00:00:00:00",
    "limit-uptime": "0s",
    "limit-bytes-in": "0",
    "limit-bytes-out": "0",
    "limit-bytes-total": "0",
}
"""How a field of a user is written that is not set (the manual's defaults). Whether `print` shows
it so, or leaves it out, is a switch."""

_USER_PROFILE: Mapping[str, Check] = {
    "name": text,
    "address-pool": text,
    "session-timeout": duration,
    "idle-timeout": duration,
    "keepalive-timeout": duration,
    "status-autorefresh": duration,
    "shared-users": text,
    "add-mac-cookie": flag_text,
    "mac-cookie-timeout": duration,
    "rate-limit": text,
    "insert-queue-before": text,
    "parent-queue": text,
    "queue-type": text,
    "address-list": text,
    "incoming-filter": text,
    "outgoing-filter": text,
    "incoming-packet-mark": text,
    "outgoing-packet-mark": text,
    "on-login": text,
    "on-logout": text,
    "transparent-proxy": flag_text,
    "open-status-page": text,
    "advertise": flag_text,
    "advertise-url": text,
    "advertise-interval": duration,
    "advertise-timeout": text,
}

_GARDEN: Mapping[str, Check] = {
    "server": text,
    "src-address": range_text,
    "method": text,
    "dst-host": text,
    "dst-port": text,
    "path": text,
    "action": choice("allow", "deny"),
    **_COMMENTED,
}

_GARDEN_IP: Mapping[str, Check] = {
    "server": text,
    "src-address": range_text,
    "dst-address": range_text,
    "dst-host": text,
    "dst-port": text,
    "protocol": text,
    "src-address-list": text,
    "dst-address-list": text,
    "action": choice("accept", "drop", "reject"),
    **_COMMENTED,
}

_PLAIN: Mapping[str, Check] = {"name": text, **_COMMENTED}

MENUS: Mapping[str, Menu] = {
    "/ip/hotspot": Menu(
        {
            "name": text,
            "interface": text,
            "address-pool": text,
            "profile": text,
            "idle-timeout": duration,
            "keepalive-timeout": duration,
            "login-timeout": duration,
            "addresses-per-mac": text,
            "disabled": flag_text,
        },
        required=("interface",),
        defaults={"idle-timeout": "5m", "addresses-per-mac": "2", **_OFF},
    ),
    "/ip/hotspot/profile": Menu(
        {
            "name": text,
            "hotspot-address": text,
            "dns-name": text,
            "html-directory": text,
            "html-directory-override": text,
            "ssl-certificate": text,
            "login-by": text,
            "http-cookie-lifetime": duration,
            "use-radius": flag_text,
        },
        defaults={"use-radius": "false", "login-by": "cookie,http-chap,mac-cookie"},
    ),
    "/ip/hotspot/user": Menu(
        _USER,
        required=("name",),
        defaults={"profile": "default", "dynamic": "false", **_OFF},
        verbs=WRITE | {"reset-counters"},
        unique=("name",),
        duplicate="failure: already have user with this name for this server",
    ),
    "/ip/hotspot/user/profile": Menu(
        _USER_PROFILE,
        required=("name",),
        defaults={
            "idle-timeout": "none",
            "keepalive-timeout": "2m",
            "status-autorefresh": "1m",
            "shared-users": "1",
            "add-mac-cookie": "true",
            "mac-cookie-timeout": "3d",
            "transparent-proxy": "false",
            "default": "false",
        },
        unique=("name",),
        duplicate="failure: already have profile with this name",
    ),
    "/ip/hotspot/active": Menu(verbs=READ | {"remove", "login"}, live=True),
    "/ip/hotspot/host": Menu(verbs=READ | {"remove", "make-binding"}, live=True),
    "/ip/hotspot/cookie": Menu(verbs=READ | {"remove"}, live=True),
    "/ip/hotspot/ip-binding": Menu(
        _BINDING,
        defaults=_OFF,
        unique=("mac-address", "address"),
        duplicate="failure: such client already exists",
    ),
    "/ip/hotspot/walled-garden": Menu(_GARDEN, defaults={"action": "allow", "hits": "0", **_OFF}),
    "/ip/hotspot/walled-garden/ip": Menu(_GARDEN_IP, defaults={"action": "accept", **_OFF}),
    "/ip/firewall/address-list": Menu(
        {"list": text, "address": text, "timeout": duration, **_COMMENTED},
        required=("list", "address"),
        defaults={"dynamic": "false", **_OFF},
        pair=("list", "address"),
        duplicate="failure: already have such entry",
    ),
    "/ip/dhcp-server/lease": Menu(
        {"address": address_text, "mac-address": mac_text, "server": text, **_COMMENTED},
        required=("address",),
        defaults={"dynamic": "false", "status": "waiting", **_OFF},
        verbs=WRITE | {"make-static"},
        unique=("address",),
        duplicate="failure: already have static lease with this IP address",
    ),
    "/ip/arp": Menu(
        {"address": address_text, "mac-address": mac_text, "interface": text, **_COMMENTED},
        defaults={"dynamic": "false", **_OFF},
    ),
    "/ipv6/address": Menu(
        {"address": text, "interface": text, "advertise": flag_text, **_COMMENTED},
        required=("address", "interface"),
        defaults={"dynamic": "false", **_OFF},
    ),
    "/ip/firewall/filter": Menu(
        {
            "chain": text,
            "action": text,
            "src-address": range_text,
            "dst-address": range_text,
            "connection-state": text,
            **_COMMENTED,
        },
        required=("chain",),
        defaults={"action": "accept", "dynamic": "false", **_OFF},
    ),
    "/ip/firewall/connection/tracking": Menu(
        {"enabled": choice("auto", "yes", "no")},
        verbs=frozenset({"print", "getall", "get", "set"}),
        single=True,
    ),
    "/ip/pool": Menu({"name": text, "ranges": text, "comment": text}, required=("name",)),
    "/interface": Menu(_PLAIN, verbs=READ | {"set", "enable", "disable"}, defaults=_OFF),
    "/queue/simple": Menu(
        {"target": text, "max-limit": text, **_PLAIN}, defaults={"dynamic": "false", **_OFF}
    ),
    "/system/identity": Menu(
        {"name": text}, verbs=frozenset({"print", "getall", "get", "set"}), single=True
    ),
    "/system/resource": Menu(verbs=frozenset({"print", "getall", "get"}), single=True),
    "/system/routerboard": Menu(verbs=frozenset({"print", "getall", "get"}), single=True),
    "/system/clock": Menu(verbs=frozenset({"print", "getall", "get"}), single=True),
    "/system/scheduler": Menu(
        {
            "start-date": text,
            "start-time": text,
            "interval": duration,
            "on-event": text,
            "policy": text,
            **_PLAIN,
        },
        defaults=_OFF,
    ),
    "/system/script": Menu({"source": text, "policy": text, "owner": text, **_PLAIN}, defaults={}),
    "/log": Menu(verbs=READ),
    "/user": Menu(
        {"password": text, "group": text, "address": text, **_PLAIN},
        required=("name", "group"),
        defaults=_OFF,
    ),
    "/user/group": Menu({"policy": text, "skin": text, **_PLAIN}, required=("name",)),
    "/ip/service": Menu(
        {
            "port": whole,
            "address": text,
            "certificate": text,
            "max-sessions": whole,
            "disabled": flag_text,
        },
        verbs=READ | {"set", "enable", "disable"},
        defaults=_OFF,
    ),
}

NAMED: Mapping[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "/ip/hotspot/user": (
        ("profile", "/ip/hotspot/user/profile", ()),
        ("server", "/ip/hotspot", ("all",)),
    ),
    "/ip/hotspot/user/profile": (("address-pool", "/ip/pool", ("none",)),),
}
"""Fields that name a row of another menu, and what else they may say."""
