"""Settings: defaults, bounds, and one readable line for whatever cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest

from store.routers import is_this_machine
from store.settings import SETTING_NAMES, Settings, SettingsError, declarations
from tests.parts import ROOT

SOUND = {"SECRET_KEY": "a key that only tests know"}


def read(**environ: str) -> Settings:
    return Settings.from_environment(SOUND | environ)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = read()
    wanted: dict[str, Any] = {
        "jaga_env": "production",
        "bind": "0.0.0.0",  # noqa: S104
        "session_remember_seconds": 43200,
        "session_idle_seconds": 72000,
        "session_lifetime_seconds": 86400,
        "activity_ping_seconds": 600,
        "grace_seconds": 0.2,
        "web_session_ttl_days": 30,
        "qr_token_ttl_seconds": 120,
        "access_token_seconds": 900,
        "web_login": ("password", "qr"),
        "reveal_unknown_user": False,
        "login_url_credentials": "fragment",
        "heartbeat_seconds": 20,
        "sweep_seconds": 5,
        "send_buffer_bytes": 65536,
        "max_tabs_per_device": 20,
        "proxyfix_x_for": 0,
        "timezone": "Asia/Jakarta",
        "cookie_secure": "auto",
        "retention_days": 400,
    }
    assert {name: getattr(settings, name) for name in wanted} == wanted
    assert read(JAGA_ENV="dev").bind == "127.0.0.1"
    assert settings.max_connections > 16


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAGA_ENV", "test"),
        ("MAIL_FROM", "no address"),
        ("MAIL_FROM", "Jaga <a@b> <c@d>"),
        ("MAIL_FROM", "a@b.id, c@d.id"),
        ("SITE_NAME", "<script>"),
        ("SITE_NAME", "x" * 41),
        ("SITE_LOGO_URL", "logo.png"),
        ("SITE_LOGO_URL", "//evil.example/x.png"),
        ("SITE_LOGO_URL", "https://a.id/x.png; script-src *"),
        ("CONTACT_URL", "javascript:alert(1)"),
        ("CONTACT_URL", "0812"),
        ("SHOP_URL", "toko.example"),
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PUBLIC_URL", "jaga.test"),
        ("PUBLIC_URL", "http://["),
        ("PUBLIC_URL", "https://"),
        ("REDIS_URL", "http://x"),
        ("REDIS_URL", "redis://127.0.0.1:port/0"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "postgresql://h1:5432,h2:port/jaga"),
        ("DATABASE_URL", "postgresql://h1,h2:70000/jaga"),
        ("DATABASE_URL", "postgresql://[::1"),
        ("COOKIE_SECURE", "maybe"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../../etc/passwd"),
        ("TIMEZONE", "Asia"),
        ("LOG_FORMAT", "xml"),
        ("RETENTION_DAYS", "0"),
        ("GRACE_SECONDS", "-1"),
        ("GRACE_SECONDS", "nan"),
        ("GRACE_SECONDS", "inf"),
        ("SWEEP_SECONDS", "0"),
        ("SESSION_IDLE_SECONDS", "0"),
        ("SESSION_IDLE_SECONDS", "20h"),
        ("SESSION_IDLE_SECONDS", "1.5"),
        ("WEB_LOGIN", "password,finger"),
        ("REVEAL_UNKNOWN_USER", "perhaps"),
        ("LOGIN_URL_CREDENTIALS", "yes"),
        ("SEND_BUFFER_BYTES", "1"),
        ("MAX_TABS_PER_DEVICE", "0"),
        ("PROXYFIX_X_FOR", "-1"),
        ("SMTP_URL", "smtp.lynk.test:25"),
        ("SMTP_URL", "http://smtp.jaga.test"),
        ("SMTP_URL", "smtp://"),
        ("HOTSPOT_CIDRS", "10.5.50.0/24, 10.5.51.0/99"),
        ("HOTSPOT_CIDRS", "hotspot"),
        ("ADMIN_EMAIL", "admin@jaga.test"),
        ("ADMIN_PASSWORD", "rahasia admin"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "short", " " * 20])
def test_production_needs_a_secret_key(key: str) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        Settings.from_environment({"SECRET_KEY": key})
    assert Settings.from_environment({"SECRET_KEY": "", "JAGA_ENV": "dev"}).secret_key


def test_an_empty_value_counts_as_not_set() -> None:
    assert read(PORT="", SWEEP_SECONDS=" ").port == 8000


@pytest.mark.parametrize(
    ("url", "how", "secure"),
    [
        ("https://jaga.test", "auto", True),
        ("http://jaga.test", "auto", False),
        ("http://jaga.test", "always", True),
        ("https://jaga.test", "never", False),
    ],
)
def test_cookies_are_secure_as_the_address_is(url: str, how: str, secure: bool) -> None:
    assert read(PUBLIC_URL=url, COOKIE_SECURE=how).secure_cookies is secure


def test_what_may_be_left_out_may_be_set() -> None:
    assert read().smtp_url == "" and read().hotspot_cidrs == () and read().admin_email == ""
    assert read(SMTP_URL="smtps://u:p%40@mail.jaga.test:465").smtp_url.startswith("smtps://u:p")
    assert read(HOTSPOT_CIDRS="10.5.50.1/24, fd00::/8").hotspot_cidrs == (
        "10.5.50.1/24",
        "fd00::/8",
    )
    both = read(ADMIN_EMAIL="admin@jaga.test", ADMIN_PASSWORD="rahasia admin")
    assert (both.admin_email, both.admin_password) == ("admin@jaga.test", "rahasia admin")


def test_only_our_own_origins_are_ours() -> None:
    assert read(PUBLIC_URL="https://Jaga.test/masuk/").origins == {"https://jaga.test"}
    assert read(PUBLIC_URL="https://jaga.test:443").origins == {"https://jaga.test"}
    assert read(PUBLIC_URL="http://jaga.test:80").origins == {"http://jaga.test"}
    assert read(JAGA_ENV="dev", PORT="8123", PUBLIC_URL="http://10.0.0.5:8123").origins == {
        "http://10.0.0.5:8123",
        "http://localhost:8123",
        "http://127.0.0.1:8123",
    }


def test_each_is_declared_with_its_meaning_and_no_default_is_refused() -> None:
    for name, setting in declarations():
        assert setting.doc or name in ("jaga_env", "jaga_home"), name
        assert "|" not in setting.doc + setting.takes + setting.shown and "\n" not in setting.doc
        assert hasattr(read(), name)


def test_bounds_in_the_table_are_those_that_are_held() -> None:
    bounded = {
        name.upper(): [*map(float, setting.takes.split(" to "))]
        for name, setting in declarations()
        if " to " in setting.takes
    }
    assert len(bounded) > 15
    for name, (least, most) in bounded.items():
        for good in (least, most):
            assert read(**{name: f"{good:g}" if good % 1 else f"{good:.0f}"})
        for bad in (least - 1, most + 1):
            with pytest.raises(SettingsError, match=name):
                read(**{name: f"{bad:g}" if bad % 1 else f"{bad:.0f}"})


def test_the_names_are_documented_in_their_order() -> None:
    assert SETTING_NAMES[0] == "JAGA_ENV" and len(set(SETTING_NAMES)) == len(SETTING_NAMES)


def test_a_process_that_cannot_start_says_why_in_one_line() -> None:
    environ = {"PATH": os.environ["PATH"], "PORT": "many", "SECRET_KEY": "x" * 20}
    ended = subprocess.run(
        [sys.executable, "-m", "realtime"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode == 2
    assert ended.stderr == "jaga: PORT is 'many': it must be a whole number\n"


def test_routers_are_the_first_and_those_that_are_named() -> None:
    assert read().routers == ()
    settings = read(
        MIKROTIK_HOST="10.0.0.1",
        MIKROTIK_USERNAME="jaga",
        MIKROTIK_PASSWORD="p",
        MIKROTIK_CA="/etc/ca.pem",
        MIKROTIK_ROUTERS="utara=api-ssl://10.0.0.2, barat=api://x:a%2Cb%40c@10.0.0.3:9000",
    )
    assert [router.name for router in settings.routers] == ["utama", "utara", "barat"]
    utama, utara, barat = settings.routers
    assert (utama.port, utama.use_ssl, utama.ca) == (8729, True, "/etc/ca.pem")
    assert (utara.port, utara.username, utara.password) == (8729, "jaga", "p")
    assert utara.use_ssl and utara.ca == "/etc/ca.pem"
    assert (barat.port, barat.username, barat.password) == (9000, "x", "a,b@c")
    assert not barat.use_ssl


@pytest.mark.parametrize("sign", "#/[]@:%,?& ")
def test_any_sign_may_stand_in_a_routers_password(sign: str) -> None:
    password = f"a{sign}b"
    settings = read(MIKROTIK_ROUTERS=f"utara=api://x:{quote(password, safe='')}@10.0.0.3")
    (utara,) = settings.routers
    assert (utara.username, utara.password, utara.host) == ("x", password, "10.0.0.3")
    assert read(MIKROTIK_ROUTERS=utara.as_setting()).routers == (utara,)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.2",
        "Utara=api://10.0.0.2",
        "utama=api://10.0.0.2",
        "a=api://u:rahasia@h,a=api://h",
        "a=http://u:rahasia@h",
        "a=api://u:rahasia@h:99999999",
        "a=api://u:rahasia@h:0",
        "a=api://u:1/rahasia@h",
        "a=api://u:1#rahasia@h",
        "a=api://u:1?rahasia@h",
        "a=api://u:[rahasia@h",
        "a=api://u:rahasia\u2100x@h",
    ],
)
def test_an_odd_router_is_named_without_its_password(text: str) -> None:
    with pytest.raises(SettingsError, match="MIKROTIK_ROUTERS") as caught:
        read(MIKROTIK_ROUTERS=text)
    assert "rahasia" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url", "label", "address"),
    [
        ("0812-3456-7890", "https://wa.me/6281234567890", "WhatsApp 081234567890", ""),
        ("https://wa.me/6281234567890", "https://wa.me/6281234567890", "WhatsApp 081234567890", ""),
        ("https://chat.whatsapp.com/AbC", "https://chat.whatsapp.com/AbC", "WhatsApp", ""),
        ("halo@jaga.example", "mailto:halo@jaga.example", "halo@jaga.example", "halo@jaga.example"),
        ("mailto:halo@jaga.id?subject=x", "mailto:halo@jaga.id", "halo@jaga.id", "halo@jaga.id"),
        ("o'brien@jaga.id", "mailto:o%27brien@jaga.id", "o'brien@jaga.id", "o'brien@jaga.id"),
        ("https://www.jaga.id/tanya", "https://www.jaga.id/tanya", "jaga.id", ""),
        ("", "", "", ""),
    ],
)
def test_a_contact_is_taken_as_people_write_it(
    text: str, url: str, label: str, address: str
) -> None:
    site = read(CONTACT_URL=text).site
    assert (site.contact_url, site.contact_label, site.contact_address) == (url, label, address)


def test_a_name_that_begins_like_a_loopback_address_is_not_this_machine() -> None:
    hosts = ("127.0.0.1", "::1", "localhost", "127.evil.example", "10.0.0.1")
    assert [is_this_machine(host) for host in hosts] == [True, True, True, False, False]


def test_where_packages_are_bought_opens_without_internet() -> None:
    site = read(SHOP_URL="https://toko.example/p", CONTACT_URL="08123456789").site
    assert site.hosts == ("toko.example",), "WhatsApp is the operator's to give"
    assert read(CONTACT_URL="https://tanya.example").site.hosts == ("tanya.example",)
    assert read().site.hosts == ()
