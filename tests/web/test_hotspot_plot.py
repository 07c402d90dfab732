"""The picture of a member's days."""

from __future__ import annotations

import pytest

from web.hotspot.plot import HEIGHT, LEFT, TOP, WIDTH, ceiling_of, plot_of

MB, GB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("most", "ceiling"),
    [
        (0, MB),
        (1, MB),
        (MB + 1, 2 * MB),
        (130 * MB, 200 * MB),
        (500 * MB, 500 * MB),
        (501 * MB, GB),
        (GB + 1, 2 * GB),
        (6 * GB, 10 * GB),
        (51 * GB, 100 * GB),
    ],
)
def test_the_scale_ends_at_a_round_number(most: int, ceiling: int) -> None:
    assert ceiling_of(most) == ceiling


def test_bars_stand_in_their_frame_and_the_last_is_today() -> None:
    days = [(f"2026-11-{day:02}", day * 10 * MB) for day in range(15, 29)]
    plot = plot_of(days)
    assert [bar.day for bar in plot.bars] == list(range(15, 29))
    assert [bar.is_today for bar in plot.bars] == [False] * 13 + [True]
    assert plot.bars[-1].name == "Sab"  # 28 November 2026
    for bar in plot.bars:
        assert bar.x >= LEFT and bar.x + bar.width <= LEFT + WIDTH
        assert bar.y >= TOP and abs(bar.y + bar.height - TOP - HEIGHT) < 0.11
    heights = [bar.height for bar in plot.bars]
    assert heights == sorted(heights)


def test_the_sums_are_of_today_the_week_and_all() -> None:
    days = [(f"2026-11-{day:02}", 1 << day) for day in range(15, 29)]
    plot = plot_of(days)
    assert plot.today == 1 << 28
    assert plot.week == sum(1 << day for day in range(22, 29))
    assert plot.total == sum(1 << day for day in range(15, 29))


def test_a_day_with_a_little_is_not_drawn_as_none() -> None:
    none, little, _ = plot_of([("2026-11-01", 0), ("2026-11-02", 1), ("2026-11-03", GB)]).bars
    assert none.height == 0 and little.height > 1
