"""What is there already on a router that was set up for the product."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.simulator.hotspot import DNS_NAME, SERVER
from scripts.simulator.menus import MENUS
from scripts.simulator.tables import Row, Table

PROFILES = (
    "profile-aktif",
    "profile-fup",
    "profile-habis",
    "profile-blokir",
    "profile-unlimited",
    "inactive",
)
"""The profiles that an operator is told to make."""


def furnish(tables: Mapping[str, Table], username: str, password: str) -> None:
    """Fill an empty router's tables; `username` may do everything."""
    _add(tables, "/system/identity", name="jaga-simulator")
    ways_in = "cookie,http-chap,http-pap,mac-cookie"
    _add(tables, "/ip/hotspot/profile", name="hsprof1", dns_name=DNS_NAME, login_by=ways_in)
    _add(tables, "/ip/hotspot", name=SERVER, interface="bridge-hotspot", profile="hsprof1")
    _add(tables, "/ip/hotspot/user/profile", name="default", default="true")
    for name in PROFILES:
        _add(tables, "/ip/hotspot/user/profile", name=name, shared_users="10")
    tables["/ip/hotspot/user/profile"].named("profile-fup")["rate-limit"] = "1M/1M"  # type: ignore[index]
    _add(tables, "/ip/firewall/connection/tracking", enabled="auto")
    _add(tables, "/interface", name="bridge-hotspot")
    _add(tables, "/system/routerboard", current_firmware="7.18.2", upgrade_firmware="7.18.2")
    _add(tables, "/user/group", name="full", policy="read,write,api,test,sensitive")
    _add(tables, "/user/group", name="read", policy="read,api,test")
    _add(tables, "/user", name=username, password=password, group="full")
    _add(tables, "/ip/service", name="api", port="8728")
    _add(tables, "/ip/service", name="api-ssl", port="8729")


def _add(tables: Mapping[str, Table], path: str, **values: str) -> None:
    named: Row = {name.replace("_", "-"): value for name, value in values.items()}
    tables[path].add({**MENUS[path].defaults, **named})
