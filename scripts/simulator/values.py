"""Values as RouterOS reads and writes them: flags, durations, addresses, MACs."""

from __future__ import annotations

import ipaddress
import re

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CLOCK = re.compile(r"(?:(\d+)d\s*)?(\d+):(\d\d):(\d\d)")
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_BYTES = re.compile(r"(\d+)([kKMG]?)")

_MULTIPLES = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def duration_text(seconds: float) -> str:
    """Return `1w2d3h4m5s`; nothing left is `0s`."""
    left = max(0, int(seconds))
    text = ""
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def duration_seconds(text: str) -> int:
    """Read `1h30m`, `00:05:00` or plain seconds. Raises ValueError."""
    if text.isdigit():
        return int(text)
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(text)
    sizes = _UNITS.values()
    return sum(int(count or 0) * size for count, size in zip(found.groups(), sizes, strict=True))


def flag_text(text: str) -> str:
    """Read `yes`, `no`, `true` or `false`; return `true` or `false`. Raises ValueError."""
    if text in ("yes", "true"):
        return "true"
    if text in ("no", "false"):
        return "false"
    raise ValueError(text)


def mac_text(text: str) -> str:
    """Return a MAC address in upper case. Raises ValueError."""
    mac = text.upper().replace("-", ":")
    if not _MAC.fullmatch(mac):
        raise ValueError(text)
    return mac


def address_text(text: str) -> str:
    """Return an IPv4 address. Raises ValueError."""
    return str(ipaddress.IPv4Address(text))


def range_text(text: str) -> str:
    """Return an address, a prefix or `a-b`. Raises ValueError."""
    address_range(text)
    return text


def address_range(text: str) -> tuple[int, int]:
    """Return the first and last address of an address, a prefix or `a-b`. Raises ValueError."""
    first, dash, last = text.partition("-")
    if dash:
        return int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last))
    network = ipaddress.IPv4Network(text, strict=False)
    return int(network.network_address), int(network.broadcast_address)


def bytes_text(text: str) -> str:
    """Read a number of bytes, with k, M or G; return plain decimals. Raises ValueError."""
    found = _BYTES.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return str(int(found[1]) * _MULTIPLES[found[2]])


def active_id(address: str) -> str:
    """Return the id of a session: the client's address in hexadecimal, reused with the address."""
    return f"*{int(ipaddress.IPv4Address(address)):X}"
