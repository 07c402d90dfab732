"""What came of it: a table for people, JSON for programs, and the plot."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.benchmark.figures import FIGURES, Figure, Figures
from scripts.benchmark.machine import Machine
from scripts.benchmark.plot import Series, number, plot

OURS = "jaga"
MARKS = {True: "✓", False: "✗", None: ""}


@dataclass(frozen=True)
class Measured:
    """One size of house, and what was measured in it."""

    connections: int
    figures: Figures


@dataclass
class Report:
    """A run of `scripts/bench`: when, where, and what was measured."""

    machine: Machine
    cores: str
    runs: list[Measured] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def table(self, measured: Measured) -> str:
        """Return one size as text. A ratio is the peer's figure divided by ours."""
        figures = measured.figures
        others = [name for name in figures.values if name != OURS]
        head = ["figure", "goal", OURS, ""]
        for peer in others:
            head += [peer, f"÷ {OURS}"]
        rows = [_row(figure, figures, others) for figure in FIGURES if _is_known(figure, figures)]
        title = f"\n{measured.connections:,} connections, {self.at}"
        remarks = [f"  {remark}" for remark in figures.remarks]
        return "\n".join([title, *_aligned([head, *rows]), *remarks, ""])

    def write(self, as_json: Path | None, as_plot: Path | None) -> None:
        """Write the files that are wanted."""
        if as_json is not None:
            as_json.write_text(json.dumps(self._facts(), indent=2, ensure_ascii=False) + "\n")
        if as_plot is not None and self.runs:
            as_plot.write_text(self._drawn())

    def _facts(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "machine": self.machine.as_dict(),
            "cores": self.cores,
            "goals": {
                figure.key: {"goal": figure.goal, "unit": figure.unit, "label": figure.label}
                for figure in FIGURES
            },
            "runs": [
                {
                    "connections": run.connections,
                    "figures": _without_nan(run.figures.values),
                    "details": _without_nan(run.figures.details),
                    "remarks": run.figures.remarks,
                }
                for run in self.runs
            ],
        }

    def _drawn(self) -> str:
        series = []
        for run in self.runs:
            for name, values in run.figures.values.items():
                label = f"{name} {run.connections:,}" if len(self.runs) > 1 else name
                series.append(Series(label, values))
        sizes = ", ".join(f"{run.connections:,}" for run in self.runs)
        machine = self.machine
        where = f"{machine.cores} cores ({machine.cpu}), Python {machine.python}"
        return plot(f"{sizes} connections, one process", f"{self.at[:10]} · {where}", series)


def _is_known(figure: Figure, figures: Figures) -> bool:
    return any(figure.key in values for values in figures.values.values())


def _row(figure: Figure, figures: Figures, others: Sequence[str]) -> list[str]:
    value = figures.of(OURS, figure.key)
    is_met = None if value is None else figure.is_met(value)
    row = [figure.label, _goal(figure), _with_unit(value, figure), MARKS[is_met]]
    for peer in others:
        theirs = figures.of(peer, figure.key)
        ratio = number(theirs / value) if theirs is not None and value else ""
        row += [_with_unit(theirs, figure), ratio]
    return row


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {number(figure.goal)}"


def _with_unit(value: float | None, figure: Figure) -> str:
    return "" if value is None else f"{number(value)} {figure.unit}".rstrip()


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "─" * max(len(line) for line in lines))
    return lines


def _without_nan(values: Any) -> Any:
    """JSON has no NaN: what could not be measured is null."""
    if isinstance(values, dict):
        return {key: _without_nan(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values
