"""Static files: read, versioned and packed once at the start, then served from memory.

The address of a file carries the hash of its content (`/static/js/lib/ask.js?v=<hash>`), and so do
the imports inside a script. So browsers may keep for ever what a page loads, and a reload asks
nothing.

A stylesheet that imports its parts is sent as one: a page asks for one file and not for twenty.
Scripts and stylesheets are sent without their comments, and otherwise line by line as they were
written. A browser that takes brotli or gzip gets what was packed at the start.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import brotli

HASH_DIGITS = 12
"""48 bits: a few hundred files never meet by chance."""

CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    # 11 would save 9 % more, and take forty times as long of each start
    "br": partial(brotli.compress, quality=5),
    "gzip": partial(gzip.compress, compresslevel=9, mtime=0),
}
"""How a file is packed, by the content coding's name (RFC 9110 §8.4.1), the best first."""

IMPORT = re.compile(r'^((?:import|export)\b[^"\';]*)"(\.{1,2}/[^"]+)"', re.MULTILINE)
"""A script's import or re-export of another file, at the beginning of a line."""

PART = re.compile(r'^@import url\("([^"]+)"\) layer\((\w+)\);$', re.MULTILINE)
"""A part of a stylesheet, and the cascade layer that it lies in (css-cascade-5)."""

COMMENT = re.compile(
    r"^[ \t]*(?://.*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)$|/\*\* @(?:(?!\*/).)*\*/ ?", re.MULTILINE
)
"""A comment on lines of its own, or one that states a type. Nothing else is taken for a comment, so
that a string which looks like one stays as it is."""

SHARED = {
    "js/realtime.js": "js/embed/realtime.js",
    "js/licence.js": "js/embed/licence.js",
}
"""Scripts that other sites' pages include by a documented address, and their developers read: where
they are, by that address."""

_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    body: bytes
    type: str
    hash: str
    """Of the body; with what it imports, for that is named in it by its own hash."""
    packed: Mapping[str, bytes]
    """The body by content coding, where that is smaller."""
    imports: tuple[str, ...] = ()
    """Paths of the scripts that it needs, and that those need, each once."""

    def coding_for(self, accepted: str) -> str:
        """Return the content coding for a request's Accept-Encoding, "" for the body as it is."""
        wanted = _codings_in(accepted)
        return next((coding for coding in self.packed if coding in wanted), "")


@cache
def read_assets(folder: Path) -> Mapping[str, StaticFile]:
    """Return what is in a folder, by its path there. Raises ValueError for scripts that import
    each other in a circle, or what is not there."""
    return _Reader(folder).all()


class _Reader:
    """Reads each file once, first those that it imports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, StaticFile] = {}
        self._under_way: list[str] = []

    def all(self) -> dict[str, StaticFile]:
        paths = (path for path in sorted(self._folder.rglob("*")) if path.is_file())
        return {name: self._file(name) for name in (self._name(path) for path in paths)}

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _file(self, name: str) -> StaticFile:
        if name not in self._found:
            if name in self._under_way:
                raise ValueError(f"imports in a circle: {' '.join([*self._under_way, name])}")
            self._under_way.append(name)
            self._found[name] = self._read(name)
            self._under_way.pop()
        return self._found[name]

    def _read(self, name: str) -> StaticFile:
        path = self._folder / name
        if not path.is_file():
            raise ValueError(f"{self._under_way[-2]} imports {name}, which is not there")
        body = path.read_bytes()
        imports: list[str] = []
        if path.suffix == ".css":
            body = self._joined(name, body.decode()).encode()
        if path.suffix in (".js", ".css") and name not in SHARED.values():
            body = _without_comments(body.decode()).encode()
        if path.suffix == ".js":
            body = self._versioned(name, body.decode(), imports).encode()
        kind = _type_of(path)
        return StaticFile(
            body=body,
            type=kind,
            hash=hashlib.sha256(body).hexdigest()[:HASH_DIGITS],
            packed=_packed(body) if _is_text(kind) else {},
            imports=tuple(dict.fromkeys(imports)),
        )

    def _joined(self, name: str, text: str) -> str:
        """Return a stylesheet with its parts in the places of their imports."""

        def part(found: re.Match[str]) -> str:
            path = posixpath.join(posixpath.dirname(name), found[1])
            return f"@layer {found[2]} {{\n{self._file(path).body.decode()}}}"

        return PART.sub(part, text)

    def _versioned(self, name: str, text: str, imports: list[str]) -> str:
        """Return a script whose imports carry their versions; `imports` is filled."""

        def named(found: re.Match[str]) -> str:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[2]))
            file = self._file(target)
            imports.extend((*file.imports, target))
            return f'{found[1]}"{found[2]}?v={file.hash}"'

        return IMPORT.sub(named, text)


def _without_comments(text: str) -> str:
    """Return it with empty lines where comments were: an error names the line of the source."""
    return COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)


def _packed(body: bytes) -> dict[str, bytes]:
    packed = {coding: pack(body) for coding, pack in CODINGS.items()}
    return {coding: small for coding, small in packed.items() if len(small) < len(body)}


def _codings_in(accepted: str) -> set[str]:
    """The codings that an Accept-Encoding takes: those it names, without those at `q=0`."""
    wanted = set()
    for entry in accepted.lower().split(","):
        coding, _, weight = entry.replace(" ", "").partition(";")
        if not re.fullmatch(r"q=0(\.0*)?", weight):
            wanted.add(coding)
    return wanted


def _type_of(path: Path) -> str:
    """The machine's own table is not asked for what we know: slim images have none."""
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    text = kind is not None and (kind.startswith("text/") or kind == "image/svg+xml")
    return f"{kind}; charset=utf-8" if text else kind or "application/octet-stream"


def _is_text(kind: str) -> bool:
    return "charset" in kind or kind.endswith("json")
