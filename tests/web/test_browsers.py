"""Device names, told from what browsers say of themselves."""

from __future__ import annotations

import pytest

from web.browsers import device_name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/150.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT}"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (WINDOWS, "Chrome - Windows"),
        (f"{WINDOWS} Edg/150.0.0.0", "Edge - Windows"),
        (f"{WINDOWS} OPR/120.0.0.0", "Opera - Windows"),
        (f"{ANDROID} Chrome/150.0.0.0 Mobile Safari/537.36", "Chrome - Android"),
        (
            f"{ANDROID} SamsungBrowser/27.0 Chrome/130.0 Mobile Safari/537.36",
            "Samsung Internet - Android",
        ),
        (f"{ANDROID} Chrome/150.0 Mobile Safari/537.36 EdgA/150.0", "Edge - Android"),
        (f"{ANDROID} Chrome/150.0 Mobile Safari/537.36 OPR/80.0", "Opera - Android"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140 Firefox/140", "Firefox - Android"),
        (
            f"{IPHONE} (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari - iPhone",
        ),
        (f"{IPHONE} (KHTML, like Gecko) CriOS/150.0 Mobile/15E148 Safari/604.1", "Chrome - iPhone"),
        (
            f"{IPHONE} (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1",
            "Firefox - iPhone",
        ),
        (f"{IPHONE} (KHTML, like Gecko) EdgiOS/150.0 Mobile/15E148 Safari/605.1", "Edge - iPhone"),
        (f"{IPAD} (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", "Safari - iPad"),
        (f"{MAC} (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari - Mac"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/150.0 Safari/537.36", "Chrome - Linux"),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541) {WEBKIT} Chrome/150 Safari/537.36",
            "Chrome - ChromeOS",
        ),
        ("okhttp/4.12.0", "okhttp"),
        ("", "Perangkat"),
        ("\x00\x1b[31m", "[31m"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_a_device_is_called_what_its_owner_would_call_it(agent: str, name: str) -> None:
    assert device_name(agent) == name
