"""The picture of a member's days: bars, their scale, and the sums. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from store.indonesian import weekday

LEFT, TOP, WIDTH, HEIGHT = 52, 10, 288, 100
"""Where the bars stand in a picture of 340 by 136 units."""

BAR_SHARE = 0.66
"""Of a day's width; the rest is the gap to the next."""

STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day: where its bar is, and what it says."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    day: int
    name: str
    date: str
    used: int
    is_today: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """All of it. Bytes."""

    bars: tuple[Bar, ...]
    ceiling: int
    today: int
    week: int
    total: int


def plot_of(days: Sequence[tuple[str, int]]) -> Plot:
    """Return the picture of days (`YYYY-MM-DD`, bytes), today's last."""
    ceiling = ceiling_of(max((used for _, used in days), default=0))
    width = WIDTH / max(1, len(days))
    bars = tuple(
        _bar(place, day, used, width, ceiling, place == len(days) - 1)
        for place, (day, used) in enumerate(days)
    )
    sizes = [used for _, used in days]
    return Plot(bars, ceiling, sizes[-1] if sizes else 0, sum(sizes[-7:]), sum(sizes))


def _bar(place: int, day: str, used: int, width: float, ceiling: int, is_today: bool) -> Bar:
    height = used / ceiling * HEIGHT
    if used:
        height = max(height, 1.5)  # a day with any is never drawn as one without
    left = LEFT + place * width + width * (1 - BAR_SHARE) / 2
    when = date.fromisoformat(day)
    return Bar(
        x=round(left, 1),
        y=round(TOP + HEIGHT - height, 1),
        width=round(width * BAR_SHARE, 1),
        height=round(height, 1),
        middle=round(left + width * BAR_SHARE / 2, 1),
        day=when.day,
        name=weekday(when),
        date=day,
        used=used,
        is_today=is_today,
    )


def ceiling_of(most: int) -> int:
    """Return a round number of MB or GB above all values: 1, 2 or 5, and zeros."""
    unit = 1 << 30 if most > 500 << 20 else 1 << 20
    power = 1
    while True:
        for step in STEPS:
            if most <= step * power * unit:
                return step * power * unit
        power *= 10
