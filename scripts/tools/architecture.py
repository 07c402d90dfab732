"""`python -m scripts.tools.architecture`: draws the pictures of docs/design.md."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"

WIDTH, HEIGHT = 176, 58
"""A room, in the picture's own units: its longest sentence fits at the small size."""

ACROSS, DOWN = 226, 118
"""From one room to the next: an arrow's words fit between two."""

MARGIN = 16

PICTURES = {
    "architecture": "The parts of Jaga: solid arrows call, dashed arrows import",
    "realtime": "The rooms of realtime/ by floors: arrows import, server imports all",
}
"""By the name of the source, and of what is drawn from it."""

THEIRS = {"browser", "lynk", "outside", "redis", "queue", "postgres"}

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1c2733 }
.name { font-weight: 600; font-size: 15px }
.ours { fill: #e7f0fb; stroke: #3267a8 }
.theirs { fill: #f3f1ec; stroke: #8b8373 }
path { fill: none; stroke-width: 1.4 }
.imports { stroke: #3267a8; stroke-dasharray: 5 4 }
.calls { stroke: #555 }
.word { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px }
@media (prefers-color-scheme: dark) { svg { background: #fff } }
"""

Rooms = dict[str, tuple[int, int, str]]


def main() -> None:
    """Draw them anew."""
    for name in PICTURES:
        (DOCS / f"{name}.svg").write_text(draw(name))


def read(name: str = "architecture") -> dict[str, Any]:
    """Return a picture as it is written down: `rooms`, `imports`, and `calls` or `wires`."""
    return tomllib.loads((DOCS / f"{name}.toml").read_text())


def draw(name: str) -> str:
    """Return the SVG of a picture."""
    picture = read(name)
    rooms: Rooms = {name: tuple(place) for name, place in picture["rooms"].items()}
    columns = max(column for column, _, _ in rooms.values()) + 1
    rows = max(row for _, row, _ in rooms.values()) + 1
    width = MARGIN * 2 + (columns - 1) * ACROSS + WIDTH
    height = MARGIN * 2 + (rows - 1) * DOWN + HEIGHT
    parts = [*_arrows(picture, rooms), *_boxes(rooms)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{PICTURES[name]}</title>"
        f"<style>{STYLE}</style>"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#555;stroke:none"/>'
        "</marker></defs>" + "".join(parts) + "</svg>\n"
    )


def _boxes(rooms: Rooms) -> Iterator[str]:
    for name, (column, row, words) in rooms.items():
        x, y = _corner(column, row)
        kind = "theirs" if name in THEIRS else "ours"
        middle = x + WIDTH // 2
        yield (
            f'<rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
            f'<text class="name" x="{middle}" y="{y + 24}" text-anchor="middle">{name}</text>'
            f'<text x="{middle}" y="{y + 43}" text-anchor="middle" style="font-size:'
            f'{11 if len(words) < 32 else 8.5}px">{escape(words)}</text>'
        )


def _arrows(picture: dict[str, Any], rooms: Rooms) -> Iterator[str]:
    for source, targets in picture["imports"].items():
        for target in targets:
            yield _arrow(rooms[source], rooms[target], "imports", "")
    for source, targets in picture.get("calls", {}).items():
        for target, word in targets.items():
            yield _arrow(rooms[source], rooms[target], "calls", word)


def _arrow(source: tuple[int, int, str], target: tuple[int, int, str], kind: str, word: str) -> str:
    (x1, y1), (x2, y2) = _edge(source, target), _edge(target, source)
    # imports and calls between the same two rooms run side by side
    aside = 22 if kind == "calls" else -22
    if y1 != y2:
        x1, x2 = x1 + aside, x2 + aside
    else:
        y1, y2 = y1 + aside // 2, y2 + aside // 2
    label = (
        f'<text class="word" x="{(x1 + x2) // 2}" y="{(y1 + y2) // 2}" text-anchor="middle">'
        f"{escape(word)}</text>"
        if word
        else ""
    )
    return f'<path class="{kind}" d="M{x1} {y1}L{x2} {y2}" marker-end="url(#head)"/>{label}'


def _edge(room: tuple[int, int, str], other: tuple[int, int, str]) -> tuple[int, int]:
    """Return where an arrow between two rooms touches the first."""
    x, y = _corner(room[0], room[1])
    if other[1] == room[1]:
        return (x + WIDTH if other[0] > room[0] else x), y + HEIGHT // 2
    lean = max(-1, min(1, other[0] - room[0])) * WIDTH // 5
    return x + WIDTH // 2 + lean, (y + HEIGHT if other[1] > room[1] else y)


def _corner(column: int, row: int) -> tuple[int, int]:
    return MARGIN + column * ACROSS, MARGIN + row * DOWN


if __name__ == "__main__":
    main()
