"""Settings that work and are weak are named, one line each; what nobody can want is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import mounts
from store.mounts import passing
from store.settings import Settings, SettingsError
from store.weak_settings import weaknesses

SOUND = {
    "SECRET_KEY": "a key that only tests know",
    "PUBLIC_URL": "https://jaga.test",
    "LYNK_MERCHANT_KEYS": "a key of Lynk's",
}

HOME = {"JAGA_HOME": "/srv/jaga", "OTP_SENDER": "http", "OTP_HTTP_URL": "https://gw.test/send"}


def mounted(folder: Path, **kinds: str) -> Path:
    """A table of mounts: the root, and places below it, each of a kind."""
    places = {"/": kinds.pop("root")} | {f"/{name}": kind for name, kind in kinds.items()}
    lines = [
        f"36 35 98:0 / {place} rw,noatime master:1 - {kind} /dev/root rw"
        for place, kind in places.items()
    ]
    table = folder / "mountinfo"
    table.write_text("\n".join(lines))
    return table


@pytest.fixture(autouse=True)
def a_disk_that_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", mounted(tmp_path, root="ext4"))


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"root": "ext4"}, ""),
        ({"root": "overlay"}, "overlay, which goes with its container"),
        ({"root": "overlay", "srv": "ext4"}, ""),
        ({"root": "ext4", "srv": "tmpfs"}, "tmpfs, which goes with the machine's power"),
        ({"root": "ext4", "srv\\040jaga": "tmpfs"}, ""),
    ],
)
def test_a_disk_that_does_not_stay_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kinds: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", mounted(tmp_path, **kinds))
    assert passing(Path("/srv/jaga/spool")) == said
    named = [line for line in weaknesses(Settings.from_environment(SOUND | HOME)) if said in line]
    assert [line.split()[0] for line in named] == (["JAGA_HOME"] if said else [])


def test_a_place_with_a_space_is_found_and_a_machine_that_tells_nothing_is_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spaced: dict[str, str] = {"root": "ext4", "srv\\040jaga": "tmpfs"}
    monkeypatch.setattr(mounts, "MOUNTS", mounted(tmp_path, **spaced))
    assert passing(Path("/srv jaga/spool")).startswith("tmpfs")
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert passing(Path("/srv jaga/spool")) == ""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, []),
        ({"PUBLIC_URL": "http://jaga.test"}, ["PUBLIC_URL"]),
        ({"PUBLIC_URL": ""}, ["PUBLIC_URL"]),
        (
            {"PUBLIC_URL": "http://jaga.test", "COOKIE_SECURE": "always"},
            ["PUBLIC_URL", "COOKIE_SECURE"],
        ),
        ({"COOKIE_SECURE": "never"}, ["COOKIE_SECURE"]),
        ({"LYNK_MERCHANT_KEYS": ""}, ["LYNK_MERCHANT_KEYS"]),
        ({"REVEAL_UNKNOWN_USER": "1"}, ["REVEAL_UNKNOWN_USER"]),
        ({"LOGIN_URL_CREDENTIALS": "on"}, ["LOGIN_URL_CREDENTIALS"]),
        ({"OTP_SENDER": "http", "OTP_HTTP_URL": "http://gw.test/send"}, ["OTP_HTTP_URL"]),
        ({"OTP_SENDER": "http", "OTP_HTTP_URL": "http://127.0.0.1:9000/send"}, []),
        ({"OTP_SENDER": "http", "OTP_HTTP_URL": "https://gw.test/send"}, []),
        ({"SMTP_URL": "smtp://u:rahasia@mail.test:465"}, ["SMTP_URL"]),
        ({"SMTP_URL": "smtp://u:rahasia@mail.test:587"}, []),
        ({"MIKROTIK_HOST": "10.0.0.1", "MIKROTIK_USE_SSL": "0"}, ["router"]),
        ({"MIKROTIK_HOST": "127.0.0.1"}, []),
        ({"MIKROTIK_ROUTERS": "utara=api://u:rahasia@10.0.0.2"}, ["router"]),
        ({"PUBLIC_URL": "http://jaga.test", "JAGA_ENV": "dev"}, []),
    ],
)
def test_each_weak_setting_is_one_line_without_a_secret(changes, named) -> None:
    said = weaknesses(Settings.from_environment(SOUND | {"OTP_SENDER": "http"} | changes))
    assert [line.split()[0] for line in said] == named
    assert not any("rahasia" in line or "\n" in line for line in said)


@pytest.mark.parametrize("key", ["x" * 64, "ab" * 20, "1234" * 8])
def test_a_key_that_repeats_itself_is_refused_in_production(key: str) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        Settings.from_environment(SOUND | {"SECRET_KEY": key})
    assert Settings.from_environment(SOUND | {"SECRET_KEY": key, "JAGA_ENV": "dev"})


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(SettingsError, match="METRICS_TOKEN"):
        Settings.from_environment(SOUND | {"METRICS_TOKEN": "short"})
    with pytest.raises(SettingsError, match="METRICS_CIDRS"):
        Settings.from_environment(SOUND | {"METRICS_CIDRS": "everybody"})
