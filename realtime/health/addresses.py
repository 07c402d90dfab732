"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from tornado.web import RequestHandler

from realtime.health.inspectors import Inspectors
from realtime.health.report import Health
from store.errors import WrongMethod, of_status


class Answer(RequestHandler):
    """The base of the three addresses: no session, no cookie, nothing kept."""

    def initialize(self, health: Health, inspectors: Inspectors) -> None:
        self._health = health
        self._inspectors = inspectors

    @property
    def is_inspected(self) -> bool:
        """Whether who asks may see more than that we are here."""
        request = self.request
        return self._inspectors.include(request.headers, request.remote_ip or "")

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == WrongMethod.status:
            self.set_header("Allow", "GET, HEAD")
        self.finish(of_status(status_code).body())


class Alive(Answer):
    """`/healthz`: the process answers."""

    def get(self) -> None:
        self.write({"alive": True})

    head = get


class Ready(Answer):
    """`/readyz`: 200 when traffic may come here, else 503; each part's state for inspectors."""

    async def get(self) -> None:
        serving = self._health.is_serving
        # nobody else may have all parts asked, again and again
        report = await self._health.report() if self.is_inspected else {"serving": serving}
        self.set_status(200 if serving else 503)
        self.write(report)

    head = get


class Figures(Answer):
    """`/metrics`: nothing is there for anybody but inspectors."""

    async def get(self) -> None:
        if not self.is_inspected:
            self.send_error(404)
            return
        figures = await self._health.figures()
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(figures)

    head = get


def routes(health: Health, inspectors: Inspectors) -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    part = {"health": health, "inspectors": inspectors}
    return [(r"/healthz", Alive, part), (r"/readyz", Ready, part), (r"/metrics", Figures, part)]
