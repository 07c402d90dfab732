"""The outside things that `scripts/run` brings along, and the setting that replaces each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from scripts.development.home import Home
from scripts.embedded.mail_sink import MailSink
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Child, Supervisor
from scripts.simulator.part import RouterPart


class Server(Protocol):
    """A server as a process of ours. `start` returns when it answers; again after it died."""

    child: Child | None

    @property
    def url(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def _nothing(server: Server) -> dict[str, object]:
    return {}


@dataclass(frozen=True)
class Part:
    """One outside thing.

    `name` is its key in run.json's `pids`; `setting` is the one that replaces it when it is set,
    and that carries its address when it is not. `more_settings` and `facts` are what the product
    and run.json learn besides.
    """

    name: str
    setting: str
    make: Callable[[Home, Supervisor, Mapping[str, str]], Server]
    more_settings: Callable[[Server], Mapping[str, str]] = lambda server: {}
    facts: Callable[[Server], Mapping[str, object]] = _nothing

    def is_replaced(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment names another one to use."""
        return bool(environ.get(self.setting, "").strip())

    def settings_for(self, server: Server) -> dict[str, str]:
        """What the product must be told to use `server`."""
        return {self.setting: server.url, **self.more_settings(server)}


def _portal(environ: Mapping[str, str]) -> str:
    """Where the router sends a browser that is not logged in."""
    ours = f"http://127.0.0.1:{environ['PORT']}"
    return f"{environ.get('PUBLIC_URL', '').strip() or ours}/hotspot/login"


def _of_router(server: Server) -> dict[str, str]:
    """The simulator's settings; its login pages join the hosts that were named already."""
    settings = cast(RouterPart, server).settings
    named = os.environ.get("HOTSPOT_LOGIN_HOSTS", "").strip()
    ours = settings["HOTSPOT_LOGIN_HOSTS"]
    return {**settings, "HOTSPOT_LOGIN_HOSTS": f"{named},{ours}" if named else ours}


PARTS = (
    Part(
        "redis",
        "REDIS_URL",
        lambda home, processes, environ: RedisServer(home / "redis", processes),
    ),
    Part(
        "postgres",
        "DATABASE_URL",
        lambda home, processes, environ: PostgresServer(home / "postgres", processes),
    ),
    Part(
        "mail",
        "SMTP_URL",
        lambda home, processes, environ: MailSink(home.mail, processes, home / "mail.log"),
    ),
    Part(
        "router",
        "MIKROTIK_HOST",
        lambda home, processes, environ: RouterPart(
            processes, home / "router.log", _portal(environ)
        ),
        more_settings=_of_router,
        facts=lambda server: cast(RouterPart, server).facts,
    ),
)
