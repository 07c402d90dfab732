"""`python -m scripts.tools.settings_page`: writes docs/settings.md from store/settings.py."""

from __future__ import annotations

from pathlib import Path

from store.setting_kinds import Setting
from store.settings import declarations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"

HEADINGS = {
    "port": "The process",
    "session_remember_seconds": "Sessions and logins",
    "heartbeat_seconds": "Open lines",
    "lynk_merchant_keys": "Payments and mail",
    "site_name": "The site",
    "mikrotik_host": "Routers",
    "hotspot_mode": "Hotspot",
    "otp_sender": "Codes and messages",
}
"""What begins with a setting, in the order of their declarations."""

HEAD = """# Settings

All from the environment, read once at the start; a value that cannot be used stops the start with
one line that says why. An empty one counts as not set. Production needs `SECRET_KEY`, `PUBLIC_URL`,
`REDIS_URL` and `DATABASE_URL`; everything else has a default that is meant to stay.

(Written by `python -m scripts.tools.settings_page` from `store/settings.py`.)
"""

TABLE = """
| name | default | takes | meaning |
|---|---|---|---|
"""


def write() -> str:
    """Return the page."""
    page = HEAD
    for name, setting in declarations():
        if name in HEADINGS:
            page += f"\n## {HEADINGS[name]}\n{TABLE}"
        if setting.doc:
            page += line(name.upper(), setting)
    return page


def line(name: str, setting: Setting) -> str:
    """Return a setting's line of the table."""
    return f"| `{name}` | {setting.shown} | {setting.takes} | {setting.doc} |\n"


if __name__ == "__main__":
    PAGE.write_text(write())
