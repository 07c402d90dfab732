"""Pages and static files: read once at start, kept in memory, written without touching a disk."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tornado.web import RequestHandler

from store.errors import WrongMethod, of_status

HERE = Path(__file__).parent
IMMUTABLE = "public, max-age=31536000, immutable"
"""For addresses that carry the content's own hash."""

REVALIDATE = "public, max-age=0, must-revalidate"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its bytes, its type, and the hash that names this content."""

    body: bytes
    type: str
    hash: str


class Pages:
    """The templates, compiled, and the static files they name."""

    def __init__(self, **everywhere: Any) -> None:
        """Read everything. `everywhere` are variables that every template gets."""
        self.files = _read_static(HERE / "static")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            # every template, so that none is compiled again while somebody waits
            cache_size=-1,
        )
        self._templates.globals.update(everywhere, static=self.static)
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def static(self, path: str) -> str:
        """Return the address of a static file, with its content's hash: it may be kept for ever."""
        return f"/static/{path}?v={self.files[path].hash}"

    def render(self, template: str, **variables: Any) -> str:
        """Return a page. A variable the template names and nobody gave is an error."""
        return self._templates.get_template(template).render(**variables)


SHARED = ("js/realtime.js", "js/licence.js")
"""Scripts that other sites' pages include by their address."""

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
    """Return what every answer says on https: to come back by https only (RFC 6797). Takes the
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
        file = self._pages.files.get(path or self._path)
        if file is None:
            self.send_error(404)
            return
        named = self.get_query_argument("v", "") == file.hash
        self.set_header("Cache-Control", IMMUTABLE if named else REVALIDATE)
        self.set_header("Content-Type", file.type)
        self.set_header("Etag", f'"{file.hash}"')
        if (path or self._path) in SHARED:
            self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        if self.check_etag_header():
            self.set_status(304)
            return
        self.write(file.body)

    head = get


def _read_static(folder: Path) -> Mapping[str, StaticFile]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            kind = _type_of(path)
            name = path.relative_to(folder).as_posix()
            found[name] = StaticFile(body, kind, hashlib.sha256(body).hexdigest()[:16])
    return found


def _type_of(path: Path) -> str:
    """The machine's own table is not asked for what we know: slim images have none."""
    known = {
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".webmanifest": "application/manifest+json",
    }
    kind = known.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    text = kind is not None and (kind.startswith("text/") or kind == "image/svg+xml")
    return f"{kind}; charset=utf-8" if text else kind or "application/octet-stream"
