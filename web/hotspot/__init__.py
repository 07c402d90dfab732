"""The hotspot's addresses (CONTRACT §9, §10)."""

from __future__ import annotations

from typing import Any

from web.hotspot import captive, entry, handover, operators, own, packages, presence


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this package, added up."""
    parts = (entry, presence, handover, captive, own, operators, packages)
    return [route for part in parts for route in part.routes()]
