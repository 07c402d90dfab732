"""Pages, compiled once at the start, and the addresses that serve static files from memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup
from tornado.web import RequestHandler

from store.errors import WrongMethod, of_status
from store.indonesian import size
from web.assets import SHARED, StaticFile, read_assets

HERE = Path(__file__).parent
IMMUTABLE = "public, max-age=31536000, immutable"
"""For addresses that carry the content's own hash."""

REVALIDATE = "public, max-age=0, must-revalidate"

SHORT = "public, max-age=300"
"""For scripts that other sites' pages name without a hash: no request on reload, and the new one
within five minutes of an upgrade."""


class Pages:
    """The templates, compiled, and the static files they name."""

    def __init__(self, **everywhere: Any) -> None:
        """Read everything. `everywhere` are variables that every template gets."""
        self.files = read_assets(HERE / "static")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[Unindented],
            auto_reload=False,
            # every template, so that none is compiled again while somebody waits
            cache_size=-1,
        )
        self._templates.filters["size"] = size
        self._templates.globals.update(everywhere, static=self.static)
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def static(self, path: str) -> str:
        """Return the address of a static file, with its content's hash: it may be kept for ever."""
        return f"/static/{path}?v={self.files[path].hash}"

    def render(self, template: str, **variables: Any) -> str:
        """Return a page. A variable the template names and nobody gave is an error."""
        script = Scripts(self)
        return self._templates.get_template(template).render(script=script, **variables)


class Unindented(Extension):
    """Takes the indentation off the lines of templates: it is a fifth of a page."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return a template's text for its compilation."""
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


class Scripts:
    """`{{ script('js/session/login.js') }}`: loads a script, and names at once the scripts it
    imports, so that a browser need not find them one after another. Each is named once a page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._named: set[str] = set()

    def __call__(self, path: str) -> Markup:
        """Return the tags. Raises KeyError for a path that is not there."""
        new = [name for name in self._pages.files[path].imports if name not in self._named]
        self._named.update(new, [path])
        lines = [f'<link rel="modulepreload" href="{self._pages.static(name)}">' for name in new]
        lines.append(f'<script type="module" src="{self._pages.static(path)}"></script>')
        return Markup("\n".join(lines))  # noqa: S704 - of our own files' names


HTTPS_SECONDS = 365 * 86_400


def content_policy(logo_url: str) -> str:
    """Return what a page may load: from us alone, and the site's logo from where it is."""
    parts = urlsplit(logo_url)
    logo = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        f"default-src 'self'; img-src 'self' data:{logo}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def transport_headers(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of every answer on https: come back by https only (RFC 6797). Takes the
    application's settings."""
    if not settings.get("is_https"):
        return {}
    return {"Strict-Transport-Security": f"max-age={HTTPS_SECONDS}"}


class Static(RequestHandler):
    """`/static/<path>`, and the addresses a document names exactly (`/js/realtime.js`)."""

    def initialize(self, pages: Pages, path: str = "") -> None:
        self._pages = pages
        self._path = path

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        for name, value in transport_headers(self.settings).items():
            self.set_header(name, value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == WrongMethod.status:
            self.set_header("Allow", "GET, HEAD")
        self.finish(of_status(status_code).body())

    def get(self, path: str = "") -> None:
        path = SHARED.get(path or self._path, path or self._path)
        file = self._pages.files.get(path)
        if file is None:
            self.send_error(404)
            return
        coding = file.coding_for(self.request.headers.get("Accept-Encoding", ""))
        self._describe(file, coding, path)
        if self.check_etag_header():
            self.set_status(304)
            return
        self.write(file.packed[coding] if coding else file.body)

    def _describe(self, file: StaticFile, coding: str, path: str) -> None:
        is_named = self.get_query_argument("v", "") == file.hash
        bare = SHORT if path in SHARED.values() else REVALIDATE
        self.set_header("Cache-Control", IMMUTABLE if is_named else bare)
        self.set_header("Content-Type", file.type)
        # another coding is another representation, with a tag of its own (RFC 9110 §8.8.3)
        self.set_header("Etag", f'"{file.hash}{coding and "-"}{coding}"')
        if file.packed:
            self.set_header("Vary", "Accept-Encoding")
        if coding:
            self.set_header("Content-Encoding", coding)
        if path in SHARED.values():
            self.set_header("Cross-Origin-Resource-Policy", "cross-origin")

    head = get
