"""The hotspot's addresses (CONTRACT §9, §10)."""

from __future__ import annotations

from typing import Any

from web.hotspot import entry, operators, own, packages


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this package, added up."""
    return [*entry.routes(), *own.routes(), *operators.routes(), *packages.routes()]
