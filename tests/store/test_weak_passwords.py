"""What may be set as a password, and why not."""

from __future__ import annotations

import pytest

from scripts.seed import accounts
from store.errors import InvalidRequest, WeakPassword
from store.settings import Settings, SettingsError
from store.weak_passwords import strong_password, weakness

BUDI = ("budi.santoso@sekolah.test", "budi.santoso@sekolah.test", "Budi Santoso", "081234567890")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "minimal 8"),
        ("kuda air", ""),
        ("kudaair", "minimal 8"),
        ("🐎🐎🐎 air", "minimal 8"),
        ("aaaaaaaa", "berulang"),
        ("12121212", "berulang"),
        ("12345678", "berurutan"),
        ("abcdefghij", "berurutan"),
        ("98765432", "berurutan"),
        ("password", "sering"),
        ("PassWord", "sering"),
        ("Password123!", "sering"),
        ("123sayangku", "sering"),
        ("bismillah", "sering"),
        ("qwertyuiop", "sering"),
        ("1q2w3e4r", "sering"),
        ("ｐａｓｓｗｏｒｄ", "sering"),
        ("budisantoso", "Anda sendiri"),
        ("Santoso.Budi1990", "Anda sendiri"),
        ("budi santoso", "Anda sendiri"),
        ("BUDI.SANTOSO@SEKOLAH.TEST", "Anda sendiri"),
        ("081234567890", "Anda sendiri"),
        ("+62 812-3456-7890", "Anda sendiri"),
        ("6281234567890", "Anda sendiri"),
        ("34567890", "Anda sendiri"),
        ("sekolah kami", ""),
        ("kuda budi di sungai", ""),
        ("kalimat baru saya", ""),
        ("X9$kf!2qLm", ""),
        ("rahasia sekali", ""),
        ("48213907", ""),
    ],
)
def test_what_may_be_a_password(password: str, said: str) -> None:
    reason = weakness(password, *BUDI)
    assert said in reason and bool(reason) is bool(said)


def test_a_member_without_a_name_may_choose_anything_strong() -> None:
    assert strong_password("kuda air", "", "", "", "") == "kuda air"
    with pytest.raises(WeakPassword):
        strong_password("anto1234", "anto@x.test")
    assert strong_password("ani 1234 x", "ani@x.test") == "ani 1234 x"


@pytest.mark.parametrize("odd", [None, 5, ["kuda air"], True, "x" * 2000])
def test_what_is_no_password_is_malformed(odd) -> None:
    with pytest.raises(InvalidRequest) as raised:
        strong_password(odd)
    assert raised.value.type == "INVALID_REQUEST"


def test_a_weak_admin_stops_the_start_in_production() -> None:
    base = {"SECRET_KEY": "a key that only tests know", "ADMIN_EMAIL": "kepala@sekolah.test"}
    for weak in ("admin", "admin123", "kepala2026", "12345678"):
        with pytest.raises(SettingsError, match=r"^ADMIN_PASSWORD [^\n]*$"):
            Settings.from_environment(base | {"ADMIN_PASSWORD": weak})
        Settings.from_environment(base | {"ADMIN_PASSWORD": weak, "JAGA_ENV": "dev"})
    assert Settings.from_environment(base | {"ADMIN_PASSWORD": "kuda di tepi air"})


def test_the_demo_accounts_keep_the_rule(settings: Settings) -> None:
    for account in accounts(settings).values():
        assert weakness(account.password, account.email, account.name) == ""
