"""An nginx before the server and another site, as docs/own-pages.md has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from scripts.embedded.ports import answers_at
from scripts.embedded.server import Server
from scripts.embedded.supervisor import StartError, Supervisor
from scripts.tools import debian

ROOT = Path(__file__).resolve().parents[1]

AROUND = """{user}
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {listing}
  }}
  server {{
    listen 127.0.0.1:{site};
    location / {{ return 200 "halo $http_x_member"; }}
  }}
}}
"""


def listing() -> str:
    """The block of nginx's that the page for other sites shows."""
    text = (ROOT / "docs/own-pages.md").read_text()
    return text.split("```nginx\n")[1].split("```")[0]


class Nginx(Server):
    """Jaga and a site of somebody else's under one address."""

    name = "nginx"

    def __init__(self, home: Path, supervisor: Supervisor, jaga: int, site: int) -> None:
        home.mkdir(parents=True)
        self._home = home
        self._jaga = jaga
        self._site = site
        super().__init__(supervisor, home / "nginx.log")

    def prepare(self) -> None:
        shown = listing().replace(":8000", f":{self._jaga}").replace(":9000", f":{self._site}")
        text = AROUND.format(
            user="user root;" if os.geteuid() == 0 else "",
            home=self._home,
            port=self.port,
            site=self._site,
            listing=shown,
        )
        self._config.write_text(text)

    def command(self) -> Sequence[str | Path]:
        program = debian.find("nginx")
        if program is None:
            raise StartError(debian.advice("nginx"))
        return [program, "-p", self._home, "-c", self._config, "-e", self._home / "error.log"]

    def answers(self) -> bool:
        return answers_at(self.port)

    @property
    def _config(self) -> Path:
        return self._home / "nginx.conf"
