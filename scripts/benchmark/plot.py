"""The plot: a panel for each figure, a bar for each subject, and a line where the goal is.

Written as SVG by hand, so that it needs no library and stays readable as text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from scripts.benchmark.figures import FIGURES, Figure

SHOWN = (
    "memory.sse",
    "memory.ws",
    "connects.sse",
    "connects.ws",
    "push.sse.p50",
    "push.sse.p99",
    "push.ws.p50",
    "push.ws.p99",
    "all.sse",
    "all.ws",
    "logout.p99",
    "swap.p99",
    "login.p99",
    "mass.single.p99",
    "stall.max",
    "cpu",
    "storm.all",
)
TITLES = {
    "memory.sse": "memory per idle connection · SSE",
    "memory.ws": "memory per idle connection · WebSocket",
    "connects.sse": "connects with session check · SSE",
    "connects.ws": "connects with session check · WebSocket",
    "push.sse.p50": "push to one device's tabs · SSE, median",
    "push.sse.p99": "push to one device's tabs · SSE, p99",
    "push.ws.p50": "push to one device's tabs · WebSocket, median",
    "push.ws.p99": "push to one device's tabs · WebSocket, p99",
    "all.sse": "message to all, last client · SSE",
    "all.ws": "message to all, last client · WebSocket",
    "logout.p99": "a whole logout → the device's last tab, p99",
    "swap.p99": "swap → last of four tabs, p99",
    "login.p99": "login → last of four tabs, p99",
    "mass.single.p99": "one logout amid a mass logout, p99",
    "stall.max": "longest wait while 8 passwords are checked",
    "cpu": "processor when idle, with heartbeats",
    "storm.all": "restart until all are back",
}

WIDTH = 860
MARGIN = 24
GAP = 36
COLUMN = (WIDTH - 2 * MARGIN - GAP) // 2
NAME = 96
VALUE = 84
BAR = 14
STEP = 20
TITLE = 26
FOOT = 18
COLOURS = ("#0f766e", "#94a3b8", "#cbd5e1", "#a8a29e", "#d6d3d1", "#e7e5e4")


@dataclass(frozen=True)
class Series:
    """A bar in every panel: what it is called, and its values by the figures' keys."""

    name: str
    values: dict[str, float]


def plot(title: str, subtitle: str, series: Sequence[Series]) -> str:
    """Return the SVG; the first series is ours. A panel nobody has a value for is left out."""
    figures = {figure.key: figure for figure in FIGURES}
    shown = [key for key in SHOWN if any(key in one.values for one in series)]
    height = TITLE + STEP * len(series) + FOOT
    top = 84
    panels = []
    for place, key in enumerate(shown):
        x = MARGIN + (place % 2) * (COLUMN + GAP)
        y = top + (place // 2) * height
        panels.append(_panel(figures[key], series, x, y))
    whole = top + -(-len(shown) // 2) * height + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" '
            f'width="{WIDTH}" height="{whole}" font-family="system-ui, sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{whole}" fill="#ffffff"/>',
            _text(MARGIN, 36, title, size=18, weight=600),
            _text(MARGIN, 58, subtitle, colour="#64748b"),
            *panels,
            "</svg>",
            "",
        ]
    )


def _panel(figure: Figure, series: Sequence[Series], x: int, y: int) -> str:
    measured = [one.values[figure.key] for one in series if figure.key in one.values]
    most = max(value for value in [*measured, figure.goal or 0.0] if not math.isnan(value))
    scale = (COLUMN - NAME - VALUE) / most if most > 0 else 0.0
    parts = [_text(x, y + 12, TITLES[figure.key], weight=600)]
    if figure.goal is not None:
        parts.append(_goal(figure, x, figure.goal * scale, y, len(series)))
    for place, one in enumerate(series):
        colour = COLOURS[min(place, len(COLOURS) - 1)]
        parts.append(_bar(figure, one, x + NAME, y + TITLE + place * STEP, scale, colour))
    return "\n".join(parts)


def _bar(figure: Figure, one: Series, x: int, y: int, scale: float, colour: str) -> str:
    name = _text(x - 8, y + 11, one.name, anchor="end", colour="#334155")
    value = one.values.get(figure.key, math.nan)
    if math.isnan(value):
        return name + _text(x, y + 11, "not measured", colour="#94a3b8")
    width = max(1.0, value * scale)
    bar = f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
    return name + bar + _text(x + width + 6, y + 11, f"{number(value)} {figure.unit}")


def _goal(figure: Figure, x: int, at: float, y: int, rows: int) -> str:
    """A dashed line through the bars, and at the end of the title which side of it is good."""
    sign = "≥" if figure.at_least else "≤"
    place = f'x1="{x + NAME + at:.1f}" x2="{x + NAME + at:.1f}"'
    line = (
        f'<line {place} y1="{y + TITLE - 3}" y2="{y + TITLE + rows * STEP - 3}" '
        'stroke="#dc2626" stroke-width="1" stroke-dasharray="3 3"/>'
    )
    label = f"goal {sign} {number(figure.goal or 0)} {figure.unit}"
    return line + _text(x + COLUMN, y + 12, label, size=11, colour="#dc2626", anchor="end")


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: int = 400,
    colour: str = "#0f172a",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}" text-anchor="{anchor}" stroke="#ffffff" stroke-width="3" '
        f'paint-order="stroke">{escape(text)}</text>'
    )


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
