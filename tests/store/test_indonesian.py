"""Moments, money and sizes as their readers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from store import indonesian

MORNING = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Asia/Jakarta", "Sabtu, 21 November 2026, 07.00 WIB"),
        ("Asia/Pontianak", "Sabtu, 21 November 2026, 07.00 WIB"),
        ("Asia/Makassar", "Sabtu, 21 November 2026, 08.00 WITA"),
        ("Asia/Jayapura", "Sabtu, 21 November 2026, 09.00 WIT"),
        ("Europe/Berlin", "Sabtu, 21 November 2026, 01.00 +0100"),
        ("UTC", "Sabtu, 21 November 2026, 00.00 UTC"),
    ],
)
def test_a_moment_is_told_in_its_zone(zone: str, words: str) -> None:
    assert indonesian.moment(MORNING.astimezone(ZoneInfo(zone))) == words


def test_a_period_names_its_day_once() -> None:
    first = datetime(2026, 5, 20, 23, 30, tzinfo=ZoneInfo("Asia/Jakarta"))
    same = indonesian.period(first, first + timedelta(minutes=29))
    assert same == "Rabu, 20 Mei 2026, 23.30–23.59 WIB"
    longer = indonesian.period(first, first + timedelta(minutes=30))
    assert longer == "Rabu, 20 Mei 2026, 23.30 WIB sampai Kamis, 21 Mei 2026, 00.00 WIB"


def test_days_have_their_names() -> None:
    week = [date(2026, 8, 3) + timedelta(days=day) for day in range(7)]
    assert [indonesian.weekday(one) for one in week] == "Sen Sel Rab Kam Jum Sab Min".split()
    assert indonesian.day(week[6]) == "Minggu, 9 Agustus 2026"
    assert indonesian.short_day(week[6]) == "09/08/2026"


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "Rp0"), (950, "Rp950"), (99_000, "Rp99.000"), (10**7, "Rp10.000.000")]
)
def test_money(amount: int, words: str) -> None:
    assert indonesian.rupiah(amount) == words


MB, GB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 MB"),
        (MB - 1, "0 MB"),
        (512 * MB, "512 MB"),
        (GB - 1, "1.023 MB"),
        (GB, "1 GB"),
        (GB * 3 // 2, "1,5 GB"),
        (10 * GB, "10 GB"),
        (1024 * GB, "1.024 GB"),
    ],
)
def test_sizes_read_as_the_pages_scripts_write_them(count: int, words: str) -> None:
    assert indonesian.size(count) == words
