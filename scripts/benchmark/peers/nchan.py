"""Nchan in nginx, with messages through Redis: what those who outgrow one nginx use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import psutil

from scripts.benchmark.machine import Cores
from scripts.benchmark.peers.installed import nginx
from scripts.benchmark.peers.peer import Peer
from scripts.benchmark.subject import Publisher, Push, Transport
from scripts.embedded.supervisor import Supervisor

CONFIGURATION = """\
load_module {module};
{user}
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {home}/nginx.pid;
error_log {home}/nchan.error.log error;
daemon off;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  keepalive_requests 1000000;
  nchan_shared_memory_size 256M;
  upstream bench_redis {{ nchan_redis_server {redis_url}; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/sub/(\\w+)$ {{
      nchan_subscriber websocket eventsource;
      nchan_channel_id $1 all;
      nchan_redis_pass bench_redis;
      nchan_websocket_ping_interval 20;
      nchan_eventsource_ping_interval 20;
    }}
    location ~ ^/pub/(\\w+)$ {{
      nchan_publisher;
      nchan_channel_id $1;
      nchan_redis_pass bench_redis;
    }}
  }}
}}
"""

MOST_CONNECTIONS = 100_000


class Nchan(Peer):
    """Raises NotInstalled when it is made without nginx or the module."""

    name = "nchan"
    remark = "nchan lets everybody in: no session is checked, none expires"

    def __init__(self, supervisor: Supervisor, redis_url: str, cores: Cores, home: Path) -> None:
        super().__init__(supervisor, redis_url, cores, home)
        self._program, self._module = nginx()

    def command(self) -> Sequence[str | Path]:
        file = self.home / "nginx.conf"
        hard = os.sysconf("SC_OPEN_MAX")
        file.write_text(
            CONFIGURATION.format(
                module=self._module,
                user="user root;" if os.geteuid() == 0 else "",
                descriptors=hard,
                connections=min(hard, MOST_CONNECTIONS),
                home=self.home,
                redis_url=self.redis_url.rsplit("/", 1)[0],
                port=self.port,
            )
        )
        return [self._program, "-p", self.home, "-c", file, "-e", self.home / "nchan.error.log"]

    def pids(self) -> list[int]:
        """The workers: the master only watches them."""
        own = super().pids()
        return [worker.pid for pid in own for worker in psutil.Process(pid).children()]

    def path(self, transport: Transport, device: int) -> str:
        return f"/sub/d{device}"

    async def push(self, device: int) -> Push:
        return self._posted(f"d{device}")

    async def announcement(self) -> Push:
        return self._posted("all")

    def _posted(self, channel: str) -> Push:
        text = f"force_logout {secrets.token_hex(8)}"
        request = (
            f"POST /pub/{channel} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        )
        return Push(request.encode(), text.encode())

    def _is_taken(self, reply: bytes) -> bool:
        return reply[9:10] == b"2"

    def publisher(self) -> Publisher:
        return Publisher(("127.0.0.1", self.port))
