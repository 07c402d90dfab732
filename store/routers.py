"""Which MikroTik routers there are and how they are reached: plain data, read from the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit

FIRST = "utama"
"""The name of the router that MIKROTIK_HOST names."""

PORTS = {"api": 8728, "api-ssl": 8729}
"""RouterOS's own ports of the two services."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


@dataclass(frozen=True, slots=True)
class Router:
    """Where a router is, and as whom to log in."""

    name: str
    host: str
    port: int
    username: str
    password: str
    use_ssl: bool = False
    ca: str = ""
    """Whose certificates are believed: PEM text, or a path to it; empty for the system's own."""

    def as_setting(self) -> str:
        """Return it as MIKROTIK_ROUTERS takes it, the password included."""
        account = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name}={'api-ssl' if self.use_ssl else 'api'}://{account}@{host}:{self.port}"


def read_routers(
    texts: Sequence[str], *, username: str, password: str, ca: str
) -> tuple[Router, ...]:
    """Read `name=api-ssl://user:password@host:port`, each; what is left out is as given here.

    Raises ValueError with a reason that shows nothing of the text but the name.
    """
    routers: list[Router] = []
    for text in texts:
        router = _router(text, username, password, ca)
        if router.name in (FIRST, *(other.name for other in routers)):
            raise ValueError(f"the name {router.name!r} is taken")
        routers.append(router)
    return tuple(routers)


def _router(text: str, username: str, password: str, ca: str) -> Router:
    name, _, address = text.partition("=")
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 24 of a-z, 0-9 and dashes, as utara=api-ssl://10.0.0.2")
    wrong = ValueError(
        f"{name} must be a whole address that begins with api:// or api-ssl://; in a password "
        "write # / [ ] @ : % , as %23 %2F %5B %5D %40 %3A %25 %2C"
    )
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise wrong from None  # its own text may quote the password
    rest = parts.path.rstrip("/") or parts.query or parts.fragment
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or rest:
        raise wrong
    return Router(
        name,
        parts.hostname,
        port or PORTS[parts.scheme],
        unquote(parts.username) if parts.username else username,
        unquote(parts.password) if parts.password is not None else password,
        parts.scheme == "api-ssl",
        ca,
    )


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, and what is said to it crosses no network; no host is too."""
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, though it begin with 127
        return False
