"""The table: each figure, its goal, what was measured, the peer's, and the ratio of the two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scripts.benchmark.figures import FIGURES, Figure, Figures

MARKS = {True: "✓", False: "✗", None: " "}


def table(figures: Figures, ours: str, peers: Sequence[str]) -> str:
    """Return the table as text; a ratio is the peer's figure divided by ours."""
    head = ["figure", "goal", ours, ""]
    for peer in peers:
        head += [peer, f"{peer} ÷ {ours}"]
    rows = [_row(figure, figures, ours, peers) for figure in FIGURES if _measured(figure, figures)]
    return _aligned([head, *rows]) + "".join(f"\n  {remark}" for remark in figures.remarks)


def _measured(figure: Figure, figures: Figures) -> bool:
    return any(figure.key in values for values in figures.values.values())


def _row(figure: Figure, figures: Figures, ours: str, peers: Sequence[str]) -> list[str]:
    value = figures.of(ours, figure.key)
    row = [
        figure.label,
        _goal(figure),
        _with_unit(value, figure),
        MARKS[None if value is None else figure.is_met(value)],
    ]
    for peer in peers:
        theirs = figures.of(peer, figure.key)
        row += [_with_unit(theirs, figure), _ratio(theirs, value)]
    return row


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {number(figure.goal)}"


def _with_unit(value: float | None, figure: Figure) -> str:
    return "" if value is None else f"{number(value)} {figure.unit}".rstrip()


def _ratio(theirs: float | None, ours: float | None) -> str:
    if theirs is None or not ours:
        return ""
    return number(theirs / ours)


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    if math.isnan(value):
        return "–"
    if value == int(value) and abs(value) < 1000 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    lines.insert(1, "─" * max(len(line) for line in lines))
    return "\n".join(lines)
