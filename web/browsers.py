"""A short name for a browser, to recognise it by: "Chrome - Windows"."""

from __future__ import annotations

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("UCBrowser", "UC Browser"),
    ("YaBrowser", "Yandex"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""In this order: Edge, Opera and Samsung call themselves Chrome too, and all call themselves
Safari (reference/sessions.md F3-24)."""

_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
"""In this order: Android calls itself Linux, an iPhone calls itself Mac."""

NAME_CHARACTERS = 100


def device_name(user_agent: str) -> str:
    """Return a device's name from its User-Agent header; never empty, at most 100 characters."""
    browser = _first(user_agent, _BROWSERS) or user_agent.split("/")[0].strip() or "Perangkat"
    system = _first(user_agent, _SYSTEMS)
    name = f"{browser} - {system}" if system else browser
    return "".join(char for char in name if char.isprintable())[:NAME_CHARACTERS] or "Perangkat"


def _first(user_agent: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
