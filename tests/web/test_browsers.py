"""Browsers by their own words: recognised, shortened, and never able to say something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.browsers import NAME_CHARACTERS, device_name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/150.0 Safari/537.36", "Chrome - Windows"),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/150.0 Safari/537.36 Edg/150.0",
            "Edge - Windows",
        ),
        (f"Mozilla/5.0 (X11; Linux) {WEBKIT} Chrome/150 Safari/537 OPR/99", "Opera - Linux"),
        (
            f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} SamsungBrowser/25 Chrome/121 Mobile Safari",
            "Samsung Internet - Android",
        ),
        (f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} Chrome/150 Mobile Safari", "Chrome - Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17 like Mac OS X) Safari/604", "Safari - iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 17 like Mac OS X) CriOS/150 Safari/604", "Chrome - iPad"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605", "Safari - Mac"),
        ("Mozilla/5.0 (Macintosh; rv:140) Gecko Firefox/140.0", "Firefox - Mac"),
        ("curl/8.5.0", "curl"),
        ("", "Perangkat"),
        ("/", "Perangkat"),
        ("\x00\x01", "Perangkat"),
    ],
)
def test_names(agent: str, name: str) -> None:
    assert device_name(agent) == name


@given(st.text(max_size=400))
def test_a_name_is_one_short_printable_line(agent: str) -> None:
    name = device_name(agent)
    assert 0 < len(name) <= NAME_CHARACTERS and name.isprintable()
