"""`$JAGA_HOME/run.json`: where everything of a run is (CONTRACT §11)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from scripts.development.home import Home
from scripts.seed import Account
from store.routers import Router
from store.settings import Settings

PROCESSES = ("web", "worker", "scheduler", "redis", "postgres", "router", "mail")


def as_environment(settings: Settings) -> dict[str, str]:
    """Every setting as the environment variable it is read from.

    Another process started with them sees the same settings.
    """
    return {
        field.name.upper(): _as_text(getattr(settings, field.name)) for field in fields(settings)
    }


def write(
    home: Home,
    settings: Settings,
    accounts: Mapping[str, Account],
    pids: Mapping[str, int],
    facts: Mapping[str, object],
) -> None:
    """Put run.json in its place, whole or not at all, readable by its owner only.

    `pids` holds what runs here; a process that is not ours is null. `facts` are entries that a
    part knows about itself, as `router`.
    """
    text = {
        "url": f"http://127.0.0.1:{settings.port}",
        "env": as_environment(settings),
        "redis_url": settings.redis_url,
        "database_url": settings.database_url,
        "router": None,
        "smtp_url": settings.smtp_url,
        "mail_dir": str(home.mail),
        "messages_dir": str(home.messages),
        "accounts": {
            name: {"email": account.email, "password": account.password}
            for name, account in accounts.items()
        },
        "pids": {name: pids.get(name) for name in PROCESSES},
        **facts,
    }
    unfinished = home / "run.json.new"
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        json.dump(text, file, indent=2)
        file.write("\n")
    os.replace(unfinished, home.run_file)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple | frozenset):
        return ",".join(map(_as_text, value))
    if isinstance(value, Router):
        return value.as_setting()
    return str(value)


def read(home: Path) -> dict[str, object]:
    """What the run in `home` says about itself; raises FileNotFoundError when none is ready."""
    found: dict[str, object] = json.loads((home / "run.json").read_text())
    return found
